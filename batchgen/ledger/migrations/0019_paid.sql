-- Whether images cost more than their call, or less, is looked up for every call: without going to each image.
DROP INDEX images_by_attempt;
CREATE INDEX images_by_attempt ON images (attempt_id, cost) WHERE attempt_id IS NOT NULL;
