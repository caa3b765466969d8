-- Messages that their server did not take: how often, when it is asked again (Unix seconds), and its words.
CREATE TABLE refusal (
    message INTEGER PRIMARY KEY,
    times   INTEGER NOT NULL,
    again   INTEGER NOT NULL,
    why     TEXT NOT NULL
) STRICT;
