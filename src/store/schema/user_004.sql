-- Messages of POP3 servers by their unique-id (RFC 1939 7). base_name: the file they were delivered as; NULL
-- while not fetched. fetched: Unix seconds. gone: deleted here, to be deleted there by the account's rule.
CREATE TABLE pop3 (
    account   TEXT NOT NULL,
    uidl      TEXT NOT NULL,
    size      INTEGER NOT NULL,
    base_name TEXT,
    fetched   INTEGER NOT NULL,
    gone      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, uidl)
) STRICT, WITHOUT ROWID;
