-- Money is whole micro-dollars, times are UTC as ISO text, lists are JSON text.

CREATE TABLE runs (
    catalogue TEXT NOT NULL,
    run_id    TEXT NOT NULL,
    manifest  TEXT NOT NULL,
    provider  TEXT NOT NULL,
    started   TEXT NOT NULL,
    ended     TEXT,
    exit_code INTEGER,
    why       TEXT NOT NULL DEFAULT '',
    cap       INTEGER,
    low       INTEGER NOT NULL,
    expected  INTEGER NOT NULL,
    high      INTEGER NOT NULL,
    command   TEXT NOT NULL,
    version   TEXT NOT NULL,
    counts    TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (catalogue, run_id)
) WITHOUT ROWID;

-- What was ever wanted. last_run and seq say by which run, and at which place of its manifest, last.
CREATE TABLE jobs (
    catalogue TEXT NOT NULL,
    key       TEXT NOT NULL,
    id        TEXT NOT NULL,
    n         INTEGER NOT NULL CHECK (n >= 1),
    operation TEXT NOT NULL,
    prompt    TEXT NOT NULL,
    request   TEXT NOT NULL,
    model     TEXT NOT NULL,
    size      TEXT NOT NULL,
    quality   TEXT NOT NULL,
    provider  TEXT NOT NULL,
    tags      TEXT NOT NULL,
    place     TEXT NOT NULL,
    last_run  TEXT,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (catalogue, key)
);
CREATE INDEX jobs_by_id ON jobs (catalogue, id);
CREATE INDEX jobs_by_run ON jobs (catalogue, last_run, seq);

-- One row per HTTP request, committed before its first byte can leave, never deleted.
CREATE TABLE attempts (
    id         TEXT PRIMARY KEY,
    catalogue  TEXT NOT NULL,
    run_id     TEXT NOT NULL,
    job_key    TEXT NOT NULL,
    model      TEXT NOT NULL,
    provider   TEXT NOT NULL,
    slots      TEXT NOT NULL,
    asked      INTEGER NOT NULL CHECK (asked >= 1),
    paths      TEXT NOT NULL,
    purpose    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN
        ('dispatched', 'not_sent', 'not_charged', 'settled', 'charged_no_result', 'at_risk')),
    low        INTEGER NOT NULL,
    expected   INTEGER NOT NULL,
    high       INTEGER NOT NULL CHECK (low <= high AND expected <= high),
    price      TEXT NOT NULL,
    reserved   INTEGER NOT NULL CHECK (typeof(reserved) = 'integer' AND reserved >= 0),
    cost       INTEGER NOT NULL DEFAULT 0 CHECK (typeof(cost) = 'integer' AND cost >= 0),
    at_risk    INTEGER NOT NULL DEFAULT 0 CHECK (typeof(at_risk) = 'integer' AND at_risk >= 0),
    released   INTEGER NOT NULL DEFAULT 0 CHECK (typeof(released) = 'integer' AND released >= 0),
    estimated  INTEGER NOT NULL DEFAULT 0,
    started    TEXT NOT NULL,
    ended      TEXT,
    phase      TEXT NOT NULL DEFAULT '',
    status     INTEGER,
    code       TEXT NOT NULL DEFAULT '',
    message    TEXT NOT NULL DEFAULT '',
    categories TEXT NOT NULL DEFAULT '[]',
    request_id TEXT,
    headers    TEXT NOT NULL DEFAULT '[]',
    quarantine TEXT,
    seconds    REAL NOT NULL DEFAULT 0,
    brought    INTEGER NOT NULL DEFAULT 0,
    text_in    INTEGER,
    image_in   INTEGER,
    output     INTEGER,
    text_out   INTEGER,
    total      INTEGER,
    usage      TEXT NOT NULL DEFAULT '',
    echo       TEXT NOT NULL DEFAULT '{}',
    flags      TEXT NOT NULL DEFAULT '[]',
    note       TEXT NOT NULL DEFAULT '',
    FOREIGN KEY (catalogue, run_id) REFERENCES runs (catalogue, run_id),
    FOREIGN KEY (catalogue, job_key) REFERENCES jobs (catalogue, key),
    -- Money of a call is in one place: reserved while it is under way, then charged, at risk or released.
    CHECK ((state = 'dispatched') = (ended IS NULL)),
    CHECK (state = 'dispatched' OR reserved = 0),
    CHECK (state IN ('settled', 'charged_no_result') OR cost = 0),
    CHECK (state = 'at_risk' OR at_risk = 0)
);
CREATE INDEX attempts_by_job ON attempts (catalogue, job_key);
CREATE INDEX attempts_by_run ON attempts (catalogue, run_id);
CREATE INDEX attempts_open ON attempts (catalogue, run_id) WHERE state = 'dispatched';
CREATE INDEX attempts_at_risk ON attempts (started) WHERE state = 'at_risk';
CREATE INDEX attempts_drawn ON attempts (model, ended) WHERE state = 'settled';

-- One row per image that something is known of; an image without a row is not started.
CREATE TABLE images (
    catalogue  TEXT NOT NULL,
    job_key    TEXT NOT NULL,
    slot       INTEGER NOT NULL CHECK (slot >= 0),
    state      TEXT NOT NULL CHECK (state IN
        ('not_started', 'stored', 'moderated', 'failed', 'uncertain', 'lost_paid')),
    reason     TEXT NOT NULL DEFAULT '',
    attempt_id TEXT REFERENCES attempts (id),
    run_id     TEXT,
    cost       INTEGER NOT NULL DEFAULT 0 CHECK (typeof(cost) = 'integer' AND cost >= 0),
    path       TEXT,
    sha256     TEXT,
    bytes      INTEGER,
    width      INTEGER,
    height     INTEGER,
    format     TEXT,
    flags      TEXT NOT NULL DEFAULT '[]',
    fault      TEXT NOT NULL DEFAULT '',
    url        TEXT,
    expires    TEXT,
    tries      INTEGER NOT NULL DEFAULT 0,
    changed    TEXT NOT NULL,
    PRIMARY KEY (catalogue, job_key, slot),
    FOREIGN KEY (catalogue, job_key) REFERENCES jobs (catalogue, key),
    CHECK (state != 'stored' OR (path IS NOT NULL AND sha256 IS NOT NULL AND attempt_id IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX images_by_path ON images (catalogue, path) WHERE path IS NOT NULL;
CREATE INDEX images_by_attempt ON images (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX images_pending ON images (catalogue, expires) WHERE url IS NOT NULL AND state = 'not_started';
CREATE INDEX images_uncertain ON images (catalogue) WHERE state = 'uncertain';

-- Sums of finished calls per run and quarter of an hour (of their end), so that the gate need not add up a month of
-- calls before each call. Kept by triggers, and so never apart from the rows they sum up.
CREATE TABLE spent (
    catalogue TEXT NOT NULL,
    run_id    TEXT NOT NULL,
    provider  TEXT NOT NULL,
    quarter   INTEGER NOT NULL,
    cost      INTEGER NOT NULL,
    at_risk   INTEGER NOT NULL,
    images    INTEGER NOT NULL,
    PRIMARY KEY (catalogue, run_id, provider, quarter)
) WITHOUT ROWID;
CREATE INDEX spent_by_time ON spent (quarter);

CREATE TRIGGER attempt_ends AFTER UPDATE OF state, cost, at_risk ON attempts WHEN new.ended IS NOT NULL
BEGIN
    INSERT INTO spent VALUES (
        new.catalogue, new.run_id, new.provider, CAST(strftime('%s', new.ended) AS INTEGER) / 900,
        new.cost, new.at_risk,
        CASE WHEN new.state IN ('settled', 'charged_no_result', 'at_risk') THEN new.asked ELSE 0 END
    )
    ON CONFLICT (catalogue, run_id, provider, quarter) DO UPDATE SET
        cost = cost + excluded.cost, at_risk = at_risk + excluded.at_risk, images = images + excluded.images;
END;

CREATE TRIGGER attempt_changes BEFORE UPDATE OF state, cost, at_risk ON attempts WHEN old.ended IS NOT NULL
BEGIN
    UPDATE spent SET
        cost = cost - old.cost,
        at_risk = at_risk - old.at_risk,
        images = images - CASE WHEN old.state IN ('settled', 'charged_no_result', 'at_risk') THEN old.asked ELSE 0 END
    WHERE catalogue = old.catalogue AND run_id = old.run_id AND provider = old.provider
        AND quarter = CAST(strftime('%s', old.ended) AS INTEGER) / 900;
END;

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN
    SELECT RAISE(ABORT, 'an attempt is never deleted');
END;
