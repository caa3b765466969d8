-- What the user wants of mailboxes, beside what the server has. name is the wanted one; server_name the server's (NULL:
-- not made there yet); sent_name was asked for in a rename without an answer yet. wanted 0: to be deleted.
-- wire_name belongs to server_name. subscribed NULL: not told; wanted_subscribed NULL: as the server has it.

ALTER TABLE mailbox ADD COLUMN server_name TEXT;
ALTER TABLE mailbox ADD COLUMN sent_name TEXT;
ALTER TABLE mailbox ADD COLUMN wanted INTEGER NOT NULL DEFAULT 1;
ALTER TABLE mailbox ADD COLUMN subscribed INTEGER;
ALTER TABLE mailbox ADD COLUMN wanted_subscribed INTEGER;
ALTER TABLE mailbox ADD COLUMN since INTEGER;

UPDATE mailbox SET server_name = name;

-- The wish about a mailbox that goes with the rows (codec.rs).
ALTER TABLE undo ADD COLUMN wish TEXT;
