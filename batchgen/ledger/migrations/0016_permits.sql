-- When calls of each key may start, over all processes that share this file: the latest minute of them. `total` counts the
-- units of a kind up to this call, `at` is its time and `free` when the next ones may follow evenly, both in seconds of
-- the machine's monotonic clock; `boot` is that clock's zero by the wall clock, by which another boot is known.
CREATE TABLE permits (
    account TEXT NOT NULL,
    kind    TEXT NOT NULL,
    total   REAL NOT NULL,
    at      REAL NOT NULL,
    free    REAL NOT NULL,
    boot    REAL NOT NULL,
    PRIMARY KEY (account, kind, total)
) WITHOUT ROWID;
