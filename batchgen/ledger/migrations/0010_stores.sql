-- Where the images of an output are kept (empty: in its folder), where some may still be that were kept there before,
-- and the name by which its ledger owns a store. `e_tag` is what a store calls the version of an image that was put.
CREATE TABLE stores (
    catalogue TEXT PRIMARY KEY,
    identity  TEXT NOT NULL,
    address   TEXT NOT NULL,
    former    TEXT NOT NULL
) WITHOUT ROWID;
ALTER TABLE images ADD COLUMN e_tag TEXT NOT NULL DEFAULT '';
