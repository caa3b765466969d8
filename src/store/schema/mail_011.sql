-- A message that was put into a mailbox, where the server did not tell its key there. If it is not found there, its user is told, also
-- by a program started later. It goes with the state (2: lost).

CREATE TABLE arriving (message INTEGER PRIMARY KEY) STRICT;

CREATE TRIGGER arrived AFTER UPDATE OF state ON message WHEN OLD.state = 2 AND NEW.state <> 2 BEGIN
    DELETE FROM arriving WHERE message = NEW.id;
END;

CREATE TRIGGER arriving_removed AFTER DELETE ON message WHEN OLD.state = 2 BEGIN
    DELETE FROM arriving WHERE message = OLD.id;
END;
