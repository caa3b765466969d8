-- Work on what others wrote during which a process ended. what: 1 reading headers, 2 reading a text, 3 drawing a page,
-- 4 a step of a mailbox (key ''). deaths: how often in a row; at: of the last, Unix seconds.
CREATE TABLE poison (
    what    INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    key     TEXT NOT NULL,
    deaths  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (what, mailbox, key)
) STRICT, WITHOUT ROWID;
