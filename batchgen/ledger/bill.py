"""A provider's bill against the ledger: what was at risk is confirmed or cleared, to the micro-dollar."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from batchgen.errors import InputError
from batchgen.ledger.attempts import ImageWriter, slots_of
from batchgen.ledger.database import Database
from batchgen.ledger.records import Finding
from batchgen.ledger.text import stamp
from batchgen.ledger.totals import Reconciliation
from batchgen.model import SlotState
from batchgen.money import MicroUSD, exact, from_usd

# Bills are told in cents.
ROUNDING = from_usd("0.01")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One call at risk: what it was expected to cost, and the most that it can have cost."""

    attempt_id: str
    job_id: str
    expected: int
    most: int


def decide(doubts: Sequence[Doubt], billed_beyond: int) -> tuple[tuple[Finding, ...], int]:
    """Share what a bill has beyond the settled calls among calls at risk, the oldest first; and what is left over.

    First each gets its expected cost, as long as it lasts; then each up to its worst case. What a call does not get was
    not charged.
    """
    left = max(0, billed_beyond)
    shares = []
    for doubt in doubts:
        shares.append(min(doubt.expected, doubt.most, left))
        left -= shares[-1]
    for index, doubt in enumerate(doubts):
        more = min(doubt.most - shares[index], left)
        shares[index] += more
        left -= more
    findings = tuple(
        Finding(doubt.attempt_id, doubt.job_id, MicroUSD(share), MicroUSD(doubt.most - share))
        for doubt, share in zip(doubts, shares, strict=True)
    )
    return findings, left + min(0, billed_beyond)


def reconcile(
    book: Database, billed: MicroUSD, since: datetime | None, now: datetime, *, apply: bool
) -> Reconciliation:
    """Compare, and write the findings down if told to.

    InputError when the bill is below what answered calls cost by the usage they reported: such a bill is of another
    time or at other prices, and says nothing about the calls in doubt.
    """
    with book.writing("reconcile") if apply else book.reading() as db:
        start = stamp(since) if since else ""
        settled, reported, open_calls = db.execute(
            "SELECT ifnull(sum(cost), 0), ifnull(sum(cost * (estimated = 0)), 0),"
            " ifnull(sum(state = 'dispatched'), 0) FROM attempts WHERE started >= ?",
            (start,),
        ).fetchone()
        if reported - billed >= ROUNDING:
            when = f" since {start[:10]}" if start else ""
            raise InputError(
                f"a bill of {exact(billed)} is less than the {exact(reported)} that answered calls cost{when}, by the "
                "usage that the provider itself reported: give the whole bill for this ledger, or with --since DATE "
                "the part that it covers; nothing was settled"
            )
        rows = _at_risk(db, start)
        doubts = tuple(Doubt(row["id"], row["job_id"], row["expected"], row["at_risk"]) for row in rows)
        findings, unexplained = decide(doubts, billed - settled)
        result = Reconciliation(
            billed=billed,
            settled=MicroUSD(settled),
            at_risk=MicroUSD(sum(doubt.most for doubt in doubts)),
            findings=findings,
            unexplained=unexplained,
            open_calls=open_calls,
        )
        assert result.confirmed + result.cleared == result.at_risk, "a bill moves money, it does not make any"
        assert result.settled + result.confirmed + result.unexplained == billed, "every billed micro-dollar is named"
        if apply:
            for row, finding in zip(rows, findings, strict=True):
                _write(db, row, finding, now)
    return result


def _at_risk(db: sqlite3.Connection, start: str) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT a.*, j.id AS job_id FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key"
        " WHERE a.state = 'at_risk' AND a.started >= ? ORDER BY a.started, a.id",
        (start,),
    ).fetchall()


def _write(db: sqlite3.Connection, row: sqlite3.Row, finding: Finding, now: datetime) -> None:
    state = "settled" if finding.confirmed else "not_charged"
    db.execute(
        "UPDATE attempts SET state = ?, cost = ?, released = released + ?, at_risk = 0, estimated = 0, note = ?"
        " WHERE id = ?",
        (state, finding.confirmed, finding.cleared, f"reconciled with a bill at {stamp(now)}", row["id"]),
    )
    if not finding.confirmed:
        _free_slots(db, row, now)


def _free_slots(db: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> None:
    """Images are uncertain no more when no other call for them may have been, or was, charged without an image."""
    others = db.execute(
        "SELECT slots FROM attempts WHERE catalogue = ? AND job_key = ? AND id != ?"
        " AND (state = 'at_risk' OR (state = 'settled' AND brought = 0))",
        (row["catalogue"], row["job_key"], row["id"]),
    ).fetchall()
    doubted = {slot for other in others for slot in slots_of(other)}
    uncertain = {
        slot
        for (slot,) in db.execute(
            "SELECT slot FROM images WHERE catalogue = ? AND job_key = ? AND state = 'uncertain'",
            (row["catalogue"], row["job_key"]),
        )
    }
    free = (set(slots_of(row)) & uncertain) - doubted
    page = ImageWriter(db, row["catalogue"], row["job_key"], None, now)
    page.mark(dict.fromkeys(sorted(free), (SlotState.NOT_STARTED, "not charged, as the bill shows")))
