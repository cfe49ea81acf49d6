"""What runs learned of providers under each key, whatever output it was for: limits, names, uploaded images."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from batchgen.ledger.database import Database, LedgerPart
from batchgen.ledger.text import moment, stamp

KEPT = timedelta(days=30)
"""A limit that was learned longer ago says nothing any more."""
MARGIN = timedelta(hours=25)
"""How long an uploaded image must last at least: a batch may take a day."""
MARK = 12
"""Hex digits of a key's fingerprint: enough to tell keys apart, and too few to say anything of one."""


class LearnedLimits(LedgerPart):
    """What is known of the limits of each provider, key and model, whatever output it was learned for."""

    def of(self, provider: str, key: str | None) -> dict[str, int]:
        """Return calls a minute by model."""
        return _by_model(self._database, "SELECT model, calls_per_minute FROM learned_limits", provider, key)

    def keep(self, provider: str, key: str | None, learned: Mapping[str, int | None]) -> None:
        """Write down the limits of some models, and forget those of models without; the same limit gets no younger."""
        now, mark = stamp(self._database.now()), key_mark(key)
        with self._database.writing("limits") as db:
            db.executemany(
                "DELETE FROM learned_limits WHERE provider = ? AND key_mark = ? AND model = ?",
                [(provider, mark, model) for model, limit in learned.items() if limit is None],
            )
            db.executemany(
                "INSERT INTO learned_limits VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET calls_per_minute = excluded.calls_per_minute, learned_at = excluded.learned_at"
                " WHERE calls_per_minute <> excluded.calls_per_minute",
                [(provider, mark, model, limit, now) for model, limit in learned.items() if limit is not None],
            )


RISES_AFTER = timedelta(days=1)
"""A limit of tokens is tried a little higher when it has held for so long."""


class QueueLimits(LedgerPart):
    """How many tokens each provider lets wait in batches for a model, under each key."""

    def of(self, provider: str, key: str | None) -> dict[str, int]:
        """Return tokens by model."""
        return _by_model(self._database, "SELECT model, tokens FROM queue_limits", provider, key)

    def keep(self, provider: str, key: str | None, model: str, tokens: int) -> None:
        """Write down the limit of a model."""
        sql = "INSERT OR REPLACE INTO queue_limits VALUES (:provider, :mark, :model, :tokens, :now)"
        now = stamp(self._database.now())
        named = {"provider": provider, "mark": key_mark(key), "model": model, "tokens": tokens, "now": now}
        self._database.change("queue_limit", sql, **named)

    def rise(self, provider: str, key: str | None, model: str, tokens: int) -> None:
        """Allow a quarter more, once a day at most, after a batch with so many tokens used the limit and was taken."""
        now = self._database.now()
        sql = (
            "UPDATE queue_limits SET tokens = tokens + max(1, tokens / 4), learned_at = :now WHERE provider = :provider"
            " AND key_mark = :mark AND model = :model AND learned_at <= :before AND 2 * :used >= tokens"
        )
        times = {"now": stamp(now), "before": stamp(now - RISES_AFTER)}
        which = {"provider": provider, "mark": key_mark(key), "model": model}
        self._database.change("queue_limit", sql, used=tokens, **times, **which)


class AccountNames(LedgerPart):
    """What runs called each account: a key at its provider's address keeps its history under another label."""

    def take(self, account: str, name: str, others: Collection[str]) -> tuple[frozenset[str], bool]:
        """Note what an account is called; returns its earlier names, and whether this one is new.

        What is the name of one of the `others` now is not an earlier name of this one.
        """
        known = self._database.column("SELECT provider FROM account_names WHERE account = :account", account=account)
        if name not in known:
            sql = "INSERT OR IGNORE INTO account_names VALUES (:account, :name)"
            self._database.change("account", sql, account=account, name=name)
        return frozenset(known - {name} - set(others)), name not in known


Where = tuple[str, str, str | None]
"""A provider, its address, and the key."""


class Uploads(LedgerPart):
    """What was uploaded, whatever output it was for."""

    def of(self, where: Where, sha256: str) -> tuple[str, datetime | None] | None:
        """Return the id under which the provider has the image for long enough, and when it deletes it."""
        provider, base_url, key = where
        row = self._database.row(
            "SELECT file_id, expires FROM uploads WHERE provider = :provider AND base_url = :url AND key_mark = :mark"
            " AND sha256 = :sha256 AND (expires IS NULL OR expires > :until)",
            provider=provider,
            url=base_url,
            mark=key_mark(key),
            sha256=sha256,
            until=stamp(self._database.now() + MARGIN),
        )
        return (str(row["file_id"]), moment(row["expires"])) if row else None

    def keep(self, where: Where, sha256: str, file_id: str, expires: datetime | None) -> None:
        """Write down what an image is called at its provider."""
        provider, base_url, key = where
        self._database.change(
            "upload",
            "INSERT OR REPLACE INTO uploads VALUES (:provider, :url, :mark, :sha256, :file_id, :expires)",
            provider=provider,
            url=base_url,
            mark=key_mark(key),
            sha256=sha256,
            file_id=file_id,
            expires=expires and stamp(expires),
        )


def _by_model(database: Database, sql: str, provider: str, key: str | None) -> dict[str, int]:
    """Read limits that were learned not too long ago, by model."""
    which = f"{sql} WHERE provider = :provider AND key_mark = :mark AND learned_at >= :since"
    since = stamp(database.now() - KEPT)
    return dict(map(tuple, database.rows(which, provider=provider, mark=key_mark(key), since=since)))


def key_mark(key: str | None) -> str:
    """Return a short fingerprint of a key."""
    return sha256(key.encode()).hexdigest()[:MARK] if key else ""


def account_mark(origin: str, key: str | None) -> str:
    """Return a short fingerprint of a key and where it is used: what has limits of its own."""
    return sha256(f"{origin}\n{key or ''}".encode()).hexdigest()[:MARK]
