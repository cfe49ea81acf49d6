-- What was measured on stored images, by their hash. `asked` is a hash of the checks by which it was measured; `flags`
-- names those that failed, and `alike` tells that the image looks like an earlier one of its group.
CREATE TABLE measures (
    catalogue  TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    asked      TEXT NOT NULL,
    border_off REAL NOT NULL,
    margin     REAL,
    sharpness  REAL NOT NULL,
    looks      TEXT NOT NULL,
    flags      TEXT NOT NULL,
    alike      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (catalogue, sha256)
) WITHOUT ROWID;
