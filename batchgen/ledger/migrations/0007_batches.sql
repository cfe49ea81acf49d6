-- Batches at providers. `id` is our own: it stands in the batch's metadata there, and in `attempts.handle` of its lines,
-- which are pending from the moment in which they are reserved.
-- preparing: nothing has left; creating: the request may have left, its answer is not known; withdrawing: it was not
-- found, and its input file is being deleted so that it can never begin; submitted: the provider has it; ended: every
-- line has its end. `status` is the provider's own word, or ours for one that never began.
CREATE TABLE batches (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    catalogue   TEXT NOT NULL,
    run_id      TEXT NOT NULL,
    provider    TEXT NOT NULL,
    base_url    TEXT NOT NULL,
    model       TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('preparing', 'creating', 'withdrawing', 'submitted', 'ended')),
    status      TEXT NOT NULL DEFAULT '',
    provider_id TEXT,
    input_file  TEXT,
    output_file TEXT,
    error_file  TEXT,
    tokens      INTEGER NOT NULL DEFAULT 0,
    completed   INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    message     TEXT NOT NULL DEFAULT '',
    created     TEXT NOT NULL,
    changed     TEXT NOT NULL,
    ended       TEXT,
    files_left  INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'ended') = (ended IS NOT NULL)),
    CHECK (state != 'submitted' OR provider_id IS NOT NULL),
    FOREIGN KEY (catalogue, run_id) REFERENCES runs (catalogue, run_id)
);
CREATE INDEX batches_open ON batches (catalogue) WHERE ended IS NULL OR files_left;
CREATE INDEX attempts_by_handle ON attempts (handle, seq) WHERE handle IS NOT NULL;

-- Tokens that a provider lets wait for a model in all batches together, as runs learned them.
CREATE TABLE queue_limits (
    provider   TEXT NOT NULL,
    key_mark   TEXT NOT NULL,
    model      TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    learned_at TEXT NOT NULL,
    PRIMARY KEY (provider, key_mark, model)
) WITHOUT ROWID;

-- Input images that were uploaded, by what is in them; of no use after `expires`.
CREATE TABLE uploads (
    provider TEXT NOT NULL,
    base_url TEXT NOT NULL,
    key_mark TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    file_id  TEXT NOT NULL,
    expires  TEXT,
    PRIMARY KEY (provider, base_url, key_mark, sha256)
) WITHOUT ROWID;
