-- A message whose uid its server told (COPYUID, APPENDUID) and that was not seen under it yet. Servers tell it wrongly: until its
-- headers came, nothing is asked of the server by that uid. It goes with the place or the uid.

CREATE TABLE told (message INTEGER PRIMARY KEY) STRICT;

CREATE TRIGGER told_moved AFTER UPDATE OF mailbox, uid ON message WHEN OLD.uid IS NOT NEW.uid OR OLD.mailbox IS NOT NEW.mailbox BEGIN
    DELETE FROM told WHERE message = NEW.id;
END;

CREATE TRIGGER told_removed AFTER DELETE ON message BEGIN
    DELETE FROM told WHERE message = OLD.id;
END;
