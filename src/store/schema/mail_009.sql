-- kept: octets of bodies here of the account's messages. Kept in step by contents.rs where a body comes or is evicted, and
-- here where its content goes.

ALTER TABLE account ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;

UPDATE account SET kept = (SELECT coalesce(sum(length(b.bytes)), 0) FROM content c JOIN body b ON b.content = c.id WHERE c.account = account.id);

CREATE INDEX content_kept ON content (account, received) WHERE body > 0;

DROP TRIGGER content_removed;

CREATE TRIGGER content_removed AFTER DELETE ON content BEGIN
    UPDATE account SET kept = kept - coalesce((SELECT length(bytes) FROM body WHERE content = OLD.id), 0) WHERE id = OLD.account AND OLD.body > 0;
    DELETE FROM body WHERE content = OLD.id;
    DELETE FROM search WHERE rowid = OLD.id;
END;
