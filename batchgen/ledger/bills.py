"""What a provider's own books are held against: every call of the ledger, whatever catalogue it was for."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.risk import write_finding
from batchgen.ledger.text import dump, moment, reader, stamp
from batchgen.ledger.totals import Finding
from batchgen.model import AttemptState, Operation, Route
from batchgen.money import MicroUSD


@dataclass(frozen=True, slots=True)
class BookedCall:
    """One call as a bill sees it. `size` is None where nobody knows it: `auto`, and no answer that said more.

    `most` is what is at risk. `adopted`: it is known from its image alone, as the ledger it stood in was lost.
    """

    id: str
    job_id: str
    model: str
    operation: Operation
    size: str | None
    route: Route
    state: AttemptState
    started: datetime
    ended: datetime | None
    cost: MicroUSD
    expected: MicroUSD
    most: MicroUSD
    estimated: bool
    adopted: bool


class DifferenceKind(StrEnum):
    """Why a bill differs from the ledger."""

    MISSING_HERE = "missing_here"  # charged there, and free or in doubt in this ledger, or lost with another one
    MISSING_THERE = "missing_there"  # on the ledger, and not on the provider's books
    PRICE = "price"  # the same calls at another price
    ESTIMATED = "estimated"  # the same calls, whose cost the ledger took from the price table
    ROUNDING = "rounding"  # the ledger rounds each call up to a micro-dollar
    CURRENCY = "currency"  # billed in another currency
    TIME_ZONE = "time_zone"  # the same money on the day before or after
    CACHED_INPUT = "cached_input"  # input billed at less, as the provider had it in its cache
    OTHER_USE = "other_use"  # somebody else's calls, with this key or another one of the project
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason for which a bill is more (or less, below zero) than the ledger, on one day of the provider's.

    `begins` is None where it belongs to no single day; `calls` is how many calls are behind it, where that is known.
    """

    kind: DifferenceKind
    micro_usd: int
    begins: datetime | None = None
    ends: datetime | None = None
    model: str = ""
    key_id: str = ""
    calls: int = 0
    detail: str = ""


_read = reader(BookedCall)
_CALLS = """
SELECT a.id, j.id AS job_id, j.operation, j.request, a.model, a.echo, a.route, a.state, a.started, a.ended, a.cost,
    a.expected, a.at_risk AS most, a.estimated, a.note = 'adopted' AS adopted
FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
WHERE a.provider IN (SELECT value FROM json_each(:providers)) AND a.state != 'not_sent'
    AND ifnull(a.ended, :ever) >= :since
ORDER BY a.seq
"""
_EVER = "9999"


class Bills(LedgerPart):
    """The calls of the whole ledger, for a bill, and what a bill decides about them."""

    def providers(self) -> tuple[str, ...]:
        """Name the providers at which calls were made, as manifests label them."""
        return tuple(name for (name,) in self._database.rows("SELECT DISTINCT provider FROM spent ORDER BY 1"))

    def first(self, providers: Sequence[str]) -> datetime | None:
        """Return when the first call was made at providers; None without any."""
        first = "SELECT min(started) FROM attempts WHERE provider IN (SELECT value FROM json_each(:providers))"
        return moment(self._database.value(first, providers=dump(list(providers))))

    def calls(self, providers: Sequence[str], since: datetime) -> tuple[BookedCall, ...]:
        """List the calls at providers that left, and had not ended before a moment, in order."""
        rows = self._database.rows(_CALLS, providers=dump(list(providers)), since=stamp(since), ever=_EVER)
        return tuple(map(_call, rows))

    def rebuilt(self) -> datetime | None:
        """Return when this ledger was last rebuilt from images; None when it never was."""
        latest = self._database.value(
            "SELECT max(r.started) FROM runs r WHERE EXISTS (SELECT 1 FROM attempts a"
            " WHERE a.catalogue = r.catalogue AND a.run_id = r.run_id AND a.note = 'adopted')"
        )
        return moment(latest)

    def settle(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Settle calls at risk, each by itself; returns those that were still as they had been when it was decided."""
        now = self._database.now()
        done = []
        with self._database.writing("reconcile") as db:
            for finding in findings:
                row = db.execute("SELECT * FROM attempts WHERE id = ?", (finding.attempt_id,)).fetchone()
                if row["state"] == AttemptState.AT_RISK and row["at_risk"] == finding.confirmed + finding.cleared:
                    write_finding(db, row, finding, now)
                    done.append(finding)
        return tuple(done)


def _call(row: sqlite3.Row) -> BookedCall:
    echo, asked = json.loads(row["echo"]), dict(json.loads(row["request"])["params"])
    size = _pixels(echo.get("size")) or _pixels(asked.get("size"))
    return _read(row, model=str(echo.get("model") or row["model"]), size=size)


def _pixels(size: object) -> str | None:
    """Return a size as the books write it, when it says one."""
    width, _, height = str(size).lower().partition("x")
    return f"{width}x{height}" if width.isdigit() and height.isdigit() else None
