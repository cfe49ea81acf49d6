-- What the manifest writes for a job and for many others, by its hash; and why the latest run did not start a job that
-- nothing is wrong with: the code of the reason, and what it waits for.
ALTER TABLE jobs ADD COLUMN template TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN waits TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
