-- Images that stood in a slot before another one took it, each by the call that brought it, with the place where it lies
-- now: what a page shows beside the new one.
CREATE TABLE earlier (
    catalogue  TEXT NOT NULL,
    job_key    TEXT NOT NULL,
    slot       INTEGER NOT NULL,
    attempt_id TEXT NOT NULL REFERENCES attempts (id),
    path       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    format     TEXT,
    PRIMARY KEY (catalogue, job_key, slot, attempt_id)
) WITHOUT ROWID;
