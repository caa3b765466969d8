-- mail.db: the copy of the servers' mail, and what the user wants of it.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- position NULL: no longer in the configuration; its mail is kept but not shown.
CREATE TABLE account (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    position INTEGER
) STRICT;

-- total and unread count the rows wanted here; the triggers below keep them.
CREATE TABLE mailbox (
    id            INTEGER PRIMARY KEY,
    account       INTEGER NOT NULL REFERENCES account (id),
    name          TEXT NOT NULL,
    wire_name     TEXT NOT NULL,
    role          INTEGER,
    selectable    INTEGER NOT NULL,
    total         INTEGER NOT NULL DEFAULT 0,
    unread        INTEGER NOT NULL DEFAULT 0,
    server_total  INTEGER,
    server_unread INTEGER,
    uid_validity  INTEGER,
    uid_next      INTEGER,
    headers_from  INTEGER,
    synced        INTEGER,
    UNIQUE (account, name)
) STRICT;

-- Names and addresses, once each; hash leads there. A List-Id is an address without a name.
CREATE TABLE address (
    id      INTEGER PRIMARY KEY,
    hash    INTEGER NOT NULL,
    name    TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;

CREATE INDEX address_hash ON address (hash);

-- What the headers say, shared by every placement of the same content. sender, recipients and copies are
-- packed ids of addresses, list_id is one; identity is a hash of account and the server's own content id; hash and
-- parent are mail::thread::id_hash of Message-ID and of the last reference, 0 for none.
-- body: 0 none, 1 a prefix, 2 whole. indexed: 0 not yet, 1 headers, 2 headers and body.
CREATE TABLE content (
    id             INTEGER PRIMARY KEY,
    account        INTEGER NOT NULL,
    received       INTEGER NOT NULL,
    date           INTEGER,
    size           INTEGER NOT NULL,
    hash           INTEGER NOT NULL,
    parent         INTEGER NOT NULL,
    identity       INTEGER,
    attachment     INTEGER NOT NULL,
    body           INTEGER NOT NULL DEFAULT 0,
    indexed        INTEGER NOT NULL DEFAULT 0,
    sender         BLOB,
    recipients     BLOB,
    copies         BLOB,
    subject        TEXT,
    rfc_message_id TEXT,
    list_id        INTEGER
) STRICT;

CREATE INDEX content_identity ON content (identity) WHERE identity IS NOT NULL;
CREATE INDEX content_to_index ON content (id) WHERE indexed = 0;
CREATE INDEX content_to_fetch ON content (account, received DESC) WHERE indexed < 2;

-- One placement. state: 0 local (bytes are ours), 1 known (on the server), 2 lost (uid unknown).
-- mailbox, server_*: what the server has; wanted_*: what the user wants (mailbox NULL = gone).
-- after: the row that must be on its server before this one may leave its own (moves between accounts).
-- copy_of: the row of the same account that the server is to copy.
CREATE TABLE message (
    id              INTEGER PRIMARY KEY,
    content         INTEGER NOT NULL,
    thread          INTEGER NOT NULL,
    received        INTEGER NOT NULL,
    state           INTEGER NOT NULL,
    mailbox         INTEGER,
    uid             INTEGER,
    base_name       TEXT,
    wanted_mailbox  INTEGER,
    wanted_bits     INTEGER NOT NULL,
    server_bits     INTEGER NOT NULL,
    wanted_keywords TEXT NOT NULL DEFAULT '',
    server_keywords TEXT NOT NULL DEFAULT '',
    after           INTEGER,
    copy_of         INTEGER,
    dirty           INTEGER NOT NULL GENERATED ALWAYS AS (
        (state = 0 AND wanted_mailbox IS NOT NULL)
        OR (state = 1 AND (wanted_mailbox IS NOT mailbox OR wanted_bits <> server_bits
                           OR wanted_keywords <> server_keywords))
    ) VIRTUAL
) STRICT;

CREATE UNIQUE INDEX message_uid ON message (mailbox, uid DESC) WHERE uid IS NOT NULL;
CREATE UNIQUE INDEX message_base_name ON message (mailbox, base_name) WHERE base_name IS NOT NULL;
CREATE INDEX message_listing ON message (wanted_mailbox, received DESC, id, thread, content);
CREATE INDEX message_thread ON message (thread);
CREATE INDEX message_content ON message (content);
CREATE INDEX message_dirty ON message (id) WHERE dirty = 1;
CREATE INDEX message_lost ON message (mailbox) WHERE state = 2;
CREATE INDEX message_after ON message (after) WHERE after IS NOT NULL;
CREATE INDEX message_copy_of ON message (copy_of) WHERE copy_of IS NOT NULL;

-- What was asked of the server for a row and has no answer yet. push joins the rows of one request;
-- kind: 1 flags, 2 move, 3 copy, 4 delete, 5 append, 6 held (refused with no way back; not asked again).
CREATE TABLE sent (
    message  INTEGER PRIMARY KEY,
    push     INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    mailbox  INTEGER,
    bits     INTEGER NOT NULL DEFAULT 0,
    keywords TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX sent_mailbox ON sent (mailbox) WHERE mailbox IS NOT NULL;

CREATE TABLE body (
    content INTEGER PRIMARY KEY,
    whole   INTEGER NOT NULL,
    parts   BLOB NOT NULL,
    bytes   BLOB NOT NULL
) STRICT;

-- Every Message-ID seen, as own id or as reference, and the thread it belongs to.
CREATE TABLE reference (
    hash   INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL
) STRICT;

CREATE INDEX reference_thread ON reference (thread);

-- Inverse changes; undone > 0: taken back, may be done again, in that order.
CREATE TABLE undo (
    id      INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    undone  INTEGER NOT NULL DEFAULT 0,
    label   TEXT NOT NULL,
    rows    BLOB NOT NULL
) STRICT;

-- rowid is content.id; the text is not kept here.
CREATE VIRTUAL TABLE search USING fts5 (
    sender, recipients, subject, body,
    content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);

CREATE TRIGGER message_added AFTER INSERT ON message WHEN NEW.wanted_mailbox IS NOT NULL BEGIN
    UPDATE mailbox SET total = total + 1, unread = unread + ((NEW.wanted_bits & 1) = 0) WHERE id = NEW.wanted_mailbox;
END;

CREATE TRIGGER message_wanted AFTER UPDATE OF wanted_mailbox, wanted_bits ON message
WHEN OLD.wanted_mailbox IS NOT NEW.wanted_mailbox OR (OLD.wanted_bits & 1) <> (NEW.wanted_bits & 1) BEGIN
    UPDATE mailbox SET total = total - 1, unread = unread - ((OLD.wanted_bits & 1) = 0) WHERE id = OLD.wanted_mailbox;
    UPDATE mailbox SET total = total + 1, unread = unread + ((NEW.wanted_bits & 1) = 0) WHERE id = NEW.wanted_mailbox;
END;

CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN
    UPDATE mailbox SET total = total - 1, unread = unread - ((OLD.wanted_bits & 1) = 0) WHERE id = OLD.wanted_mailbox;
    DELETE FROM sent WHERE message = OLD.id;
    UPDATE message SET copy_of = NULL WHERE copy_of = OLD.id;
    UPDATE message SET after = NULL WHERE after = OLD.id;
    DELETE FROM content WHERE id = OLD.content AND NOT EXISTS (SELECT 1 FROM message WHERE content = OLD.content);
END;

CREATE TRIGGER content_removed AFTER DELETE ON content BEGIN
    DELETE FROM body WHERE content = OLD.id;
    DELETE FROM search WHERE rowid = OLD.id;
END;
