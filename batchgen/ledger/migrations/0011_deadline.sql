-- When everything has to be there that a batch was submitted for: fixed at the first submission.
ALTER TABLE batches ADD COLUMN deadline TEXT;
