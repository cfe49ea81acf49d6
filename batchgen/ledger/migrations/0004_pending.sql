-- An attempt that was accepted and whose result comes later: how it was asked, how its executor finds it again, when to
-- look and until when there is anything to see, and the key of the job whose images step aside for it.
-- It stays `dispatched` in `state`, as its money stays reserved; a handle makes it pending.
ALTER TABLE attempts ADD COLUMN route TEXT NOT NULL DEFAULT 'sync';
ALTER TABLE attempts ADD COLUMN handle TEXT;
ALTER TABLE attempts ADD COLUMN next_look TEXT;
ALTER TABLE attempts ADD COLUMN expires TEXT;
ALTER TABLE attempts ADD COLUMN replaces TEXT;
CREATE INDEX attempts_pending ON attempts (catalogue, job_key) WHERE state = 'dispatched' AND handle IS NOT NULL;
