-- A message that went on under another id: to another account, or as a copy that was made again. Steps of undo and redo name
-- messages by the id they had; step is the newest of them then, and with it this goes. Steps in the older form can't be read.

DELETE FROM undo;

CREATE TABLE former (
    id   INTEGER PRIMARY KEY,
    now  INTEGER NOT NULL,
    step INTEGER NOT NULL
) STRICT;

CREATE INDEX former_now ON former (now);
CREATE INDEX former_step ON former (step);
