-- Threads that were cut or joined by hand: what the message of this Message-ID answers, whatever it says itself. parent NULL: nothing.
CREATE TABLE answers (
    rfc_message_id TEXT PRIMARY KEY,
    parent         TEXT
) STRICT, WITHOUT ROWID;
