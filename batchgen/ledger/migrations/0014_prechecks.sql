-- What a provider's free moderation endpoint said of prompts, by their hashes: none is asked about twice.
CREATE TABLE prechecks (
    judge      TEXT NOT NULL,
    prompt     TEXT NOT NULL,
    flagged    INTEGER NOT NULL,
    categories TEXT NOT NULL,
    asked      TEXT NOT NULL,
    PRIMARY KEY (judge, prompt)
) WITHOUT ROWID;
