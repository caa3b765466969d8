-- How far a mailbox is known to be in step. mod_seq: every change the server counted up to here is in its rows (RFC 7162). whole: when all of
-- it was last compared, Unix seconds. shrunk: when it was first seen to have lost most of its messages at once, NULL while it has not.

ALTER TABLE mailbox ADD COLUMN mod_seq INTEGER;
ALTER TABLE mailbox ADD COLUMN whole INTEGER;
ALTER TABLE mailbox ADD COLUMN shrunk INTEGER;
