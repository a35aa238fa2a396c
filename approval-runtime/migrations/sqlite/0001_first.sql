-- Times are microseconds since 1970, ids 16 bytes, digests 32. Texts that people choose are bytes: any of them, in their order.

-- The life of the store. The mark of its clock is this `time` or that of the last row of `audit`, whichever is later.
CREATE TABLE life (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    time INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    freeze_epoch INTEGER NOT NULL
) STRICT;

INSERT INTO life (one, time, incarnation, freeze_epoch) VALUES (1, 0, 0, 0);

CREATE TABLE namespace (
    nr INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE
) STRICT;

-- Histories. `previous` is the place of the row before of the same request, `origin` names the open store that wrote it.
CREATE TABLE audit (
    position INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    time INTEGER NOT NULL,
    request BLOB NOT NULL,
    previous INTEGER,
    version INTEGER NOT NULL,
    what TEXT,
    text TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- In which pages of 256 places of `audit` a namespace has rows: an index that is written once a page, not with each row.
CREATE TABLE audit_page (
    namespace INTEGER NOT NULL,
    page INTEGER NOT NULL,
    PRIMARY KEY (namespace, page)
) STRICT, WITHOUT ROWID;

-- Requests, each by the place of its first row in `audit`. `state` is the record; the other columns are what it is found by.
-- `due_from` is there while something may still come of the request by itself or with the gate that holds it, and not later than
-- the moment at which it ends by itself; while its body runs it says nothing more.
CREATE TABLE request (
    nr INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    namespace INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    head INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    executing INTEGER NOT NULL,
    due_from INTEGER,
    held_by BLOB,
    key BLOB,
    state BLOB NOT NULL
) STRICT;

-- Few, because each is written with the request: one for pages, one for all that is under way.
CREATE INDEX request_by_phase ON request (namespace, phase, created_at, id);
CREATE INDEX request_under_way ON request (namespace, due_from, held_by) WHERE due_from IS NOT NULL;
CREATE UNIQUE INDEX request_by_key ON request (namespace, key) WHERE key IS NOT NULL;

-- What was asked. It never changes, so a change of state leaves it alone.
CREATE TABLE ask (
    nr INTEGER PRIMARY KEY,
    ask BLOB NOT NULL
) STRICT;

-- Requests whose records were removed, and where their histories end.
CREATE TABLE removed (
    id BLOB PRIMARY KEY,
    namespace INTEGER NOT NULL,
    head INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    namespace INTEGER NOT NULL,
    space TEXT NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (namespace, space, key)
) STRICT, WITHOUT ROWID;
