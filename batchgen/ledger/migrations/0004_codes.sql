-- What happened first is told by a sequence, not by a clock that may be set back.

-- Runs, the latest with the highest seq. `seconds` is how long a run took, by a clock that nobody sets; NULL while it
-- runs, and where it was killed.
ALTER TABLE runs ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN seconds REAL;
CREATE TABLE run_order (catalogue TEXT, run_id TEXT, place INTEGER, PRIMARY KEY (catalogue, run_id)) WITHOUT ROWID;
INSERT INTO run_order
    SELECT catalogue, run_id, row_number() OVER (ORDER BY started, run_id, catalogue) FROM runs;
UPDATE runs SET
    seq = (SELECT place FROM run_order o WHERE o.catalogue = runs.catalogue AND o.run_id = runs.run_id),
    seconds = max(0, (julianday(ended) - julianday(started)) * 86400);
DROP TABLE run_order;
CREATE UNIQUE INDEX runs_by_seq ON runs (seq);

-- Attempts, in the order of their reservations. An attempt is open while `ended` is NULL: dispatched (under way), or
-- pending (accepted; its result is collected later under `handle`, looked for at `next_look`, lost after
-- `expires`; `replaces` is the key of the job whose images step aside for it). `route` says how it went to its provider.
CREATE TABLE attempts_new (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
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
        ('dispatched', 'pending', 'not_sent', 'not_charged', 'settled', 'charged_no_result', 'at_risk')),
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
    prompt     TEXT,
    route      TEXT NOT NULL DEFAULT 'sync',
    handle     TEXT,
    next_look  TEXT,
    expires    TEXT,
    replaces   TEXT,
    FOREIGN KEY (catalogue, run_id) REFERENCES runs (catalogue, run_id),
    FOREIGN KEY (catalogue, job_key) REFERENCES jobs (catalogue, key),
    -- Money of a call is in one place: reserved while it is open, then charged, at risk or released.
    CHECK ((state IN ('dispatched', 'pending')) = (ended IS NULL)),
    CHECK (state IN ('dispatched', 'pending') OR reserved = 0),
    CHECK (state != 'pending' OR handle IS NOT NULL),
    CHECK (state IN ('settled', 'charged_no_result') OR cost = 0),
    CHECK (state = 'at_risk' OR at_risk = 0)
);
INSERT INTO attempts_new (
    id, catalogue, run_id, job_key, model, provider, slots, asked, paths, purpose, state, low, expected, high,
    price, reserved, cost, at_risk, released, estimated, started, ended, phase, status, code, message,
    categories, request_id, headers, quarantine, seconds, brought, text_in, image_in, output, text_out, total,
    usage, echo, flags, note, prompt
) SELECT
    id, catalogue, run_id, job_key, model, provider, slots, asked, paths, purpose, state, low, expected, high,
    price, reserved, cost, at_risk, released, estimated, started, ended, phase, status, code, message,
    categories, request_id, headers, quarantine, seconds, brought, text_in, image_in, output, text_out, total,
    usage, echo, flags, note, prompt
FROM attempts ORDER BY rowid;
DROP TABLE attempts;
ALTER TABLE attempts_new RENAME TO attempts;
CREATE INDEX attempts_by_job ON attempts (catalogue, job_key);
CREATE INDEX attempts_by_run ON attempts (catalogue, run_id);
CREATE INDEX attempts_open ON attempts (catalogue, run_id) WHERE ended IS NULL;
CREATE INDEX attempts_at_risk ON attempts (started) WHERE state = 'at_risk';
CREATE INDEX attempts_drawn ON attempts (model, seq) WHERE state = 'settled';

-- The sums again; what was pending belongs to the day on which it was reserved.
CREATE TRIGGER attempt_ends AFTER UPDATE OF state, cost, at_risk ON attempts WHEN new.ended IS NOT NULL
BEGIN
    INSERT INTO spent VALUES (
        new.catalogue, new.run_id, new.provider,
        CAST(strftime('%s', iif(new.handle IS NULL, new.ended, new.started)) AS INTEGER) / 900,
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
        AND quarter = CAST(strftime('%s', iif(old.handle IS NULL, old.ended, old.started)) AS INTEGER) / 900;
END;

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN
    SELECT RAISE(ABORT, 'an attempt is never deleted');
END;

-- A decision about an image holds against the attempts that were reserved before it: those up to `after_seq`.
ALTER TABLE reviews ADD COLUMN after_seq INTEGER NOT NULL DEFAULT 0;
UPDATE reviews SET after_seq = (SELECT ifnull(max(seq), 0) FROM attempts WHERE started < decided);

-- Images. Why an image is in its state is a code, the code of its cause, and words of others about it; what is not as
-- asked are codes too, as a JSON list. `superseded`: it stepped aside into `superseded/`.
CREATE TABLE images_new (
    catalogue  TEXT NOT NULL,
    job_key    TEXT NOT NULL,
    slot       INTEGER NOT NULL CHECK (slot >= 0),
    state      TEXT NOT NULL CHECK (state IN
        ('not_started', 'stored', 'moderated', 'failed', 'uncertain', 'lost_paid')),
    reason_code   TEXT NOT NULL DEFAULT '',
    reason_cause  TEXT NOT NULL DEFAULT '',
    reason_detail TEXT NOT NULL DEFAULT '',
    attempt_id TEXT REFERENCES attempts (id),
    run_id     TEXT,
    cost       INTEGER NOT NULL DEFAULT 0 CHECK (typeof(cost) = 'integer' AND cost >= 0),
    path       TEXT,
    superseded INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)),
    sha256     TEXT,
    bytes      INTEGER,
    width      INTEGER,
    height     INTEGER,
    format     TEXT,
    mismatches TEXT NOT NULL DEFAULT '[]',
    fault      TEXT NOT NULL DEFAULT '',
    url        TEXT,
    expires    TEXT,
    tries      INTEGER NOT NULL DEFAULT 0,
    changed    TEXT NOT NULL,
    prompt     TEXT,
    before     TEXT,
    PRIMARY KEY (catalogue, job_key, slot),
    FOREIGN KEY (catalogue, job_key) REFERENCES jobs (catalogue, key),
    CHECK (state != 'stored' OR (path IS NOT NULL AND sha256 IS NOT NULL AND attempt_id IS NOT NULL))
) WITHOUT ROWID;
INSERT INTO images_new (
    catalogue, job_key, slot, state, reason_code, reason_cause, reason_detail, attempt_id, run_id, cost, path,
    superseded, sha256, bytes, width, height, format, mismatches, fault, url, expires, tries, changed, prompt, before
) SELECT
    catalogue, job_key, slot, state, code,
    CAST(CASE WHEN code IN ('orphaned', 'mismatch', 'download', 'other') THEN ''
        WHEN colon > 0 THEN substr(what, 1, colon - 1) ELSE what END AS TEXT),
    CAST(CASE WHEN code IN ('orphaned', 'mismatch', 'download', 'other') THEN what
        WHEN colon > 0 THEN substr(what, colon + 2) ELSE '' END AS TEXT),
    attempt_id, run_id, cost, path,
    ifnull(substr(path, 1, length('superseded/')) = 'superseded/', 0),
    sha256, bytes, width, height, format,
    (SELECT json_group_array(replace(value, 'not_as_asked:', '')) FROM json_each(flags)),
    fault, url, expires, tries, changed, prompt, before
FROM (
    -- A cause ends at the first colon with words behind it. Bytes are cut, as text ends for SQLite at a NUL in it.
    SELECT *, iif(instr(what, x'3a20') BETWEEN 1 AND length(what) - 2, instr(what, x'3a20'), 0) AS colon FROM (
        SELECT *, CASE code
            WHEN 'orphaned' THEN substr(raw, length('may have been charged: ') + 1)
            WHEN 'maybe_charged' THEN substr(raw, length('may have been charged: ') + 1)
            WHEN 'resolved_retry' THEN substr(raw, length('resolved by hand (retry): may have been charged: ') + 1)
            WHEN 'resolved_drop' THEN substr(raw, length('resolved by hand (drop): may have been charged: ') + 1)
            WHEN 'transient' THEN substr(raw, length('for now: ') + 1)
            WHEN 'unusable' THEN substr(raw, length('paid, but nothing usable came: ') + 1)
            WHEN 'mismatch' THEN substr(raw, length('not as asked: ') + 1)
            WHEN 'incomplete' THEN substr(raw, length('incomplete: ') + 1,
                length(raw) - length('incomplete: : fewer images came than were asked'))
            WHEN 'short' THEN substr(raw, 1, length(raw) - length(': fewer images came than were asked'))
            WHEN 'short_again' THEN
                substr(raw, 1, length(raw) - length(': fewer images came than were asked, also when asked again'))
            WHEN 'address_gone' THEN x''
            WHEN 'not_on_bill' THEN x''
            WHEN 'reworded' THEN x''
            ELSE raw
        END AS what FROM (
            SELECT *, CAST(reason AS BLOB) AS raw, CASE
                WHEN reason = '' THEN ''
                WHEN reason = 'reworded' THEN 'reworded'
                WHEN reason = 'not charged, as the bill shows' THEN 'not_on_bill'
                WHEN reason = 'paid, but its address gave no image and never will' THEN 'address_gone'
                WHEN reason = 'may have been charged: the run ended before the answer was whole' THEN 'orphaned'
                WHEN reason GLOB 'may have been charged: *' THEN 'maybe_charged'
                WHEN reason GLOB 'resolved by hand (retry): may have been charged: *' THEN 'resolved_retry'
                WHEN reason GLOB 'resolved by hand (drop): may have been charged: *' THEN 'resolved_drop'
                WHEN reason GLOB 'for now: *' THEN 'transient'
                WHEN reason GLOB 'paid, but nothing usable came: *' THEN 'unusable'
                WHEN reason GLOB 'not as asked: *' THEN 'mismatch'
                WHEN reason GLOB 'incomplete: *: fewer images came than were asked' THEN 'incomplete'
                WHEN reason GLOB '*: fewer images came than were asked' THEN 'short'
                WHEN reason GLOB '*: fewer images came than were asked, also when asked again' THEN 'short_again'
                WHEN state = 'moderated' THEN 'moderated'
                WHEN state = 'failed' THEN 'refused'
                WHEN state = 'lost_paid' OR url IS NOT NULL THEN 'download'
                ELSE 'other'
            END AS code FROM images
        )
    )
);
DROP TABLE images;
ALTER TABLE images_new RENAME TO images;
CREATE INDEX images_by_path ON images (catalogue, path) WHERE path IS NOT NULL;
CREATE INDEX images_by_attempt ON images (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX images_pending ON images (catalogue, expires) WHERE url IS NOT NULL AND state = 'not_started';
CREATE INDEX images_uncertain ON images (catalogue) WHERE state = 'uncertain';
CREATE INDEX images_before ON images (catalogue) WHERE before IS NOT NULL;
CREATE INDEX images_superseded ON images (catalogue) WHERE superseded;
