-- What runs called each account (a key at its provider's address): one that has another label by now is still the same.
CREATE TABLE account_names (
    account  TEXT NOT NULL,
    provider TEXT NOT NULL,
    PRIMARY KEY (account, provider)
) WITHOUT ROWID;
