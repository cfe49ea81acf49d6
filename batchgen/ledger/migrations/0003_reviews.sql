-- Words that an image was, or will be, drawn with instead of its job's prompt; none where the job's own are used.
ALTER TABLE attempts ADD COLUMN prompt TEXT;
ALTER TABLE images ADD COLUMN prompt TEXT;

-- Where the picture still stands whose slot this one took, or will take, when that is another path.
ALTER TABLE images ADD COLUMN before TEXT;
CREATE INDEX images_before ON images (catalogue) WHERE before IS NOT NULL;

-- What a person said last of the picture in a slot. It is said of the picture that one call brought, so it lapses in the
-- very transaction in which another one takes the slot.
CREATE TABLE reviews (
    catalogue  TEXT NOT NULL,
    job_key    TEXT NOT NULL,
    slot       INTEGER NOT NULL,
    attempt_id TEXT NOT NULL REFERENCES attempts (id),
    decision   TEXT NOT NULL CHECK (decision IN ('approved', 'rejected')),
    note       TEXT NOT NULL DEFAULT '',
    decided    TEXT NOT NULL,
    PRIMARY KEY (catalogue, job_key, slot),
    FOREIGN KEY (catalogue, job_key) REFERENCES jobs (catalogue, key)
) WITHOUT ROWID;
