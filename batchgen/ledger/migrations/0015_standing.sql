-- Images that stand where others were to come that have not: few, and asked for by place.
CREATE INDEX images_standing ON images (catalogue, before) WHERE before IS NOT NULL;
