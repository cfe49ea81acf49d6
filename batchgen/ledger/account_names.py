"""What each account was called by runs: a key at its provider's address keeps its history under another label."""

from collections.abc import Collection
from hashlib import sha256

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.learned_limits import MARK


class AccountNames(LedgerPart):
    """The labels under which the ledger knows each account."""

    def take(self, account: str, name: str, others: Collection[str]) -> tuple[frozenset[str], bool]:
        """Note what an account is called; returns its earlier names, and whether this one is new.

        What is the name of one of the `others` now is not an earlier name of this one.
        """
        rows = self._database.rows("SELECT provider FROM account_names WHERE account = :account", account=account)
        known = {row["provider"] for row in rows}
        if name not in known:
            with self._database.writing("account") as db:
                db.execute("INSERT OR IGNORE INTO account_names VALUES (?, ?)", (account, name))
        return frozenset(known - {name} - set(others)), name not in known


def account_mark(origin: str, key: str | None) -> str:
    """Return a short fingerprint of a key and where it is used: what has limits of its own."""
    return sha256(f"{origin}\n{key or ''}".encode()).hexdigest()[:MARK]
