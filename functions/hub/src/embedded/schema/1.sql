-- Items. The body of a record item is its newest image in the change feed: one copy, appended, instead of three.
CREATE TABLE items (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    rev INTEGER NOT NULL,
    expires INTEGER,
    image INTEGER,
    shows BLOB,
    body BLOB,
    PRIMARY KEY (partition, sort)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;

-- Where items show in sparse indexes.
CREATE TABLE shows (
    name TEXT NOT NULL,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    item_partition TEXT NOT NULL,
    item_sort TEXT NOT NULL,
    PRIMARY KEY (name, partition, sort, item_partition, item_sort)
) STRICT, WITHOUT ROWID;

-- The change feed: images of record items in commit order. `before` is the image that this one replaced; `rev` is null
-- where the item was deleted.
CREATE TABLE images (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    before INTEGER,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    rev INTEGER,
    expires INTEGER,
    shows BLOB,
    body BLOB
) STRICT;

-- Messages.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    grouped TEXT,
    dedupe TEXT,
    sent INTEGER NOT NULL,
    visible INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL
) STRICT;

-- Where readers of the feed stand, and how far it was pruned.
CREATE TABLE positions (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
