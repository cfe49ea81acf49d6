-- How a shop lists a job's pictures, as a JSON list: stock-keeping unit, text, address; empty where it does not.
ALTER TABLE jobs ADD COLUMN listing TEXT NOT NULL DEFAULT '';
-- What a job draws, and which of several ways it is, as a JSON list; empty where there is only one.
ALTER TABLE jobs ADD COLUMN variant TEXT NOT NULL DEFAULT '';
