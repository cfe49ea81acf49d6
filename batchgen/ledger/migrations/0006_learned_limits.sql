-- Calls a minute that a provider takes and does not say, as runs learned them. `key_mark` is a short fingerprint of the
-- API key, as limits are of an account.
CREATE TABLE learned_limits (
    provider         TEXT NOT NULL,
    key_mark         TEXT NOT NULL,
    model            TEXT NOT NULL,
    calls_per_minute INTEGER NOT NULL,
    learned_at       TEXT NOT NULL,
    PRIMARY KEY (provider, key_mark, model)
) WITHOUT ROWID;
