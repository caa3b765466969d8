-- Headers are indexed as they come (content.indexed is 0 only in rows of an older version). Segments of the search index are merged in small steps of our own (contents.rs), many at a time.

INSERT INTO search (search, rank) VALUES ('automerge', 0);
INSERT INTO search (search, rank) VALUES ('usermerge', 16);
INSERT INTO search (search, rank) VALUES ('crisismerge', 256);
