-- What the present run draws, in this order: for each job what its row in `jobs` does not say, as JSON. Empty between
-- runs.
CREATE TABLE queue (
    catalogue TEXT NOT NULL,
    rank      REAL NOT NULL,
    seq       INTEGER NOT NULL,
    job_key   TEXT NOT NULL,
    job       TEXT NOT NULL,
    PRIMARY KEY (catalogue, rank, seq)
) WITHOUT ROWID;
