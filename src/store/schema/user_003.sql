-- Messages on their way out. stage: mail::Stage. envelope: mail::SmtpEnvelope as JSON. draft: mail::Draft as
-- JSON, where a composer made it; kept: the copy in a Drafts mailbox that it continued. copy: the MessageId
-- reserved for the copy in Sent. Times in Unix seconds.
CREATE TABLE outbox (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    account        TEXT NOT NULL,
    stage          INTEGER NOT NULL,
    not_before     INTEGER NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    error          TEXT,
    queued         INTEGER NOT NULL,
    rfc_message_id TEXT NOT NULL,
    subject        TEXT NOT NULL,
    envelope       TEXT NOT NULL,
    draft          TEXT,
    kept           TEXT,
    copy           INTEGER,
    bytes          BLOB NOT NULL
) STRICT;

CREATE INDEX outbox_account ON outbox (account, stage, not_before);
