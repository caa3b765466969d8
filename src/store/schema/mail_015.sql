-- Threads that were cut or joined by hand. answers is a copy of user.db's, by mail::thread::id_hash: what a message answers whatever it says itself,
-- parent 0 for nothing.
-- reference.thread is the thread shown; base the one that the headers alone make, NULL where nothing of that was cut or joined. above: what others say that
-- the message answers, 0 for nothing, for where it is not here itself.

ALTER TABLE reference ADD COLUMN above INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reference ADD COLUMN base INTEGER;

CREATE INDEX reference_base ON reference (base) WHERE base IS NOT NULL;

CREATE TABLE answers (
    hash   INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL
) STRICT;

-- The way back of such a step (codec.rs).
ALTER TABLE undo ADD COLUMN answers BLOB;
