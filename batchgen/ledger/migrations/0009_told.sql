-- What runs told of as troubled, so that no later run tells it as news: a job with how it stands, or a row that was left
-- out, and the exit status of the run that told it.
CREATE TABLE told (
    catalogue TEXT NOT NULL,
    subject   TEXT NOT NULL,
    status    INTEGER NOT NULL,
    PRIMARY KEY (catalogue, subject, status)
) WITHOUT ROWID;

-- What a run left as held (7) stays held.
UPDATE images SET reason_code = 'held'
WHERE state = 'uncertain' AND reason_code = 'maybe_charged' AND EXISTS (
    SELECT 1 FROM runs r WHERE r.catalogue = images.catalogue AND r.run_id = images.run_id AND r.exit_code = 7);
