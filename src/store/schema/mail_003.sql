-- since: Unix seconds when the row last began to wait for its server; means nothing once it does not wait.

ALTER TABLE message ADD COLUMN since INTEGER;

-- Wishes that came to nothing (refused, cancelled, their message gone), for the user to see; only the last ones.
CREATE TABLE mishap (
    id      INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    what    TEXT NOT NULL,
    why     TEXT NOT NULL
) STRICT;
