-- user.db: what exists nowhere else.

-- next_message_id: the first MessageId no process has reserved.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('next_message_id', 1);

-- Bytes no server has yet. message is never reused, also not by a rebuilt mail.db; the other columns
-- name the mail for people and for other programs.
CREATE TABLE local (
    message        INTEGER PRIMARY KEY,
    account        TEXT NOT NULL,
    mailbox        TEXT NOT NULL,
    rfc_message_id TEXT,
    size           INTEGER NOT NULL,
    received       INTEGER NOT NULL,
    bits           INTEGER NOT NULL,
    keywords       TEXT NOT NULL,
    bytes          BLOB NOT NULL
) STRICT;
