-- Changes that no server had yet, read from a damaged mail.db: they are the row's again when its message comes from
-- the server. hash is mail::thread::id_hash of the Message-ID; with size, received and subject it names the message.
CREATE TABLE salvaged (
    id              INTEGER PRIMARY KEY,
    mailbox         INTEGER NOT NULL,
    hash            INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    received        INTEGER NOT NULL,
    subject         TEXT NOT NULL,
    wanted_mailbox  INTEGER NOT NULL,
    add_bits        INTEGER NOT NULL,
    remove_bits     INTEGER NOT NULL,
    add_keywords    TEXT NOT NULL,
    remove_keywords TEXT NOT NULL
) STRICT;

CREATE INDEX salvaged_of ON salvaged (mailbox, hash);
