-- Until when a provider asked not to be asked for a batch again.
ALTER TABLE batches ADD COLUMN next_look TEXT;
