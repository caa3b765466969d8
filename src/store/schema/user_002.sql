-- What is being written. A draft that is left goes to its account's Drafts mailbox and out of here.
-- value: mail::Draft as JSON. state: 0 in a composer, 1 left (on its way to the Drafts mailbox), 2 discarded
-- (until the next start). holder: the run of the program that has it (store/holder.rs), 0 for none.
-- touched: something was written since it was opened. kept: the copy in a Drafts mailbox that it continues, as JSON.
CREATE TABLE draft (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    account        TEXT NOT NULL,
    rfc_message_id TEXT NOT NULL,
    holder         INTEGER NOT NULL,
    saved          INTEGER NOT NULL,
    value          TEXT NOT NULL,
    state          INTEGER NOT NULL DEFAULT 0,
    touched        INTEGER NOT NULL DEFAULT 0,
    kept           TEXT
) STRICT;

-- Bytes of attachments, as they were when attached, and the draft they were attached to. They go with it,
-- unless another draft or an outbox row names them.
CREATE TABLE file (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    draft INTEGER NOT NULL DEFAULT 0,
    bytes BLOB NOT NULL
) STRICT;

-- Addresses written to; address in lower case.
CREATE TABLE contact (
    address TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    sent    INTEGER NOT NULL,
    last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- own: written here and nowhere else; such a row is put back where mail.db was lost.
ALTER TABLE local ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
