"""What may have been charged: who decides about it, and what a bill says."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from batchgen.errors import InputError
from batchgen.ledger.database import LedgerPart
from batchgen.ledger.image_writer import ImageWriter, slots_of
from batchgen.ledger.text import dump, moment, reason_from, stamp
from batchgen.ledger.totals import Finding, Reconciliation
from batchgen.model import Reason, ReasonCode, SlotState
from batchgen.money import MicroUSD, exact, from_usd


class Decision(StrEnum):
    """What a person decides about a held job."""

    RETRY = "retry"  # draw it (perhaps again); what is at risk stays at risk
    DROP = "drop"  # give its uncertain images up


@dataclass(frozen=True, slots=True)
class Held:
    """A job whose images were perhaps drawn and paid: somebody may decide.

    `away` are slots whose images were paid and did not come from their addresses when they were tried. `again` are
    those of `slots` that are not held: the next run asks for them once more.
    """

    job_id: str
    job_key: str
    slots: tuple[int, ...]
    at_risk: MicroUSD
    since: datetime
    reason: Reason
    away: tuple[int, ...] = ()
    again: tuple[int, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether nothing becomes of the job until somebody decides."""
        return len(self.again) < len(self.slots) + len(self.away)


ROUNDING = from_usd("0.01")
"""Bills are told in cents."""
_RESOLVED = {
    Decision.RETRY: (SlotState.NOT_STARTED, ReasonCode.RESOLVED_RETRY),
    Decision.DROP: (SlotState.FAILED, ReasonCode.RESOLVED_DROP),
}
_AWAY = {Decision.RETRY: SlotState.NOT_STARTED, Decision.DROP: SlotState.LOST_PAID}
"""What becomes of paid images that did not come from their addresses."""
NEVER_ANSWERS = 6
"""Looks at an address without an image, as many as a whole run makes, after which somebody may decide."""
_MODERATED = """
SELECT DISTINCT j.id, j.key FROM jobs j JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key
WHERE j.catalogue = :catalogue AND i.state = 'moderated' AND i.reason_code != 'accepted' AND j.last_run IS NOT NULL
ORDER BY j.seq, j.key
"""
_UNCERTAIN = "i.state = 'uncertain'"
_OPEN = f"({_UNCERTAIN} OR (i.state = 'not_started' AND i.url IS NOT NULL AND i.tries >= {NEVER_ANSWERS}))"


class Risk(LedgerPart):
    """The jobs of one output that are held, and the calls of the whole ledger that a bill can settle."""

    def uncertain(self) -> tuple[Held, ...]:
        """Jobs with uncertain images, the oldest first."""
        return self._held(_UNCERTAIN, "INDEXED BY images_uncertain")

    def undecided(self) -> frozenset[str]:
        """Ids of the jobs with images that may have been charged and are not held."""
        return frozenset(one.job_id for one in self.uncertain() if one.again)

    def open(self) -> tuple[Held, ...]:
        """Jobs that somebody may decide: uncertain ones, and those whose addresses did not give their paid images."""
        return self._held(_OPEN)

    def _held(self, which: str, index: str = "") -> tuple[Held, ...]:
        with self._database.reading():
            rows = self._database.rows(
                "SELECT j.id, j.key, i.slot, i.state, i.changed, i.reason_code, i.reason_cause, i.reason_detail"  # noqa: S608
                f" FROM images i {index} JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
                f" WHERE i.catalogue = :catalogue AND {which} ORDER BY j.seq, j.key, i.slot"
            )
            found = [self._held_job(list(slots)) for _, slots in groupby(rows, key=lambda row: row["key"])]
        return tuple(job for _, job in sorted(found, key=lambda one: one[0]))

    def _held_job(self, slots: Sequence[sqlite3.Row]) -> tuple[int, Held]:
        """Return a held job, and which of its attempts came first of those that may have been charged."""
        job = slots[0]
        at_risk, first = self._database.row(
            "SELECT ifnull(sum(at_risk), 0), ifnull(min(CASE WHEN state = 'at_risk' THEN seq END), 0)"
            " FROM attempts WHERE catalogue = :catalogue AND job_key = :key",
            key=job["key"],
        )
        since = moment(min(row["changed"] for row in slots))
        assert since is not None
        reasons = [reason_from(row["reason_code"], row["reason_cause"], row["reason_detail"]) for row in slots]
        reason = max(reasons, key=lambda one: one.words)
        doubts = {row["slot"]: why for row, why in zip(slots, reasons, strict=True) if row["state"] == "uncertain"}
        away = tuple(row["slot"] for row in slots if row["slot"] not in doubts)
        again = tuple(slot for slot, why in doubts.items() if why.is_undecided)
        return first, Held(job["id"], job["key"], tuple(doubts), MicroUSD(at_risk), since, reason, away, again)

    def resolve(self, job_ids: Sequence[str], decision: Decision) -> tuple[Held, ...]:
        """Decide held jobs by their id; returns those that were decided."""
        now = self._database.now()
        state, code = _RESOLVED[decision]
        with self._database.writing("resolve") as db:
            decided = tuple(one for one in self._held(_OPEN) if one.job_id in set(job_ids))
            for one in decided:
                writer = ImageWriter(db, self._database.catalogue, one.job_key, None, now)
                reason = Reason(code, one.reason.cause, one.reason.detail)
                writer.mark(dict.fromkeys(one.slots, (state, reason)))
                writer.mark(dict.fromkeys(one.away, (_AWAY[decision], Reason(ReasonCode.ADDRESS_GONE))))
            keys = dump([one.job_key for one in decided])
            db.execute(
                "UPDATE attempts SET note = ? WHERE catalogue = ? AND state = 'at_risk'"
                " AND job_key IN (SELECT value FROM json_each(?))",
                (f"resolved by hand: {decision}", self._database.catalogue, keys),
            )
        return decided

    def accept(self, job_ids: Sequence[str] | None = None) -> tuple[str, ...]:
        """Take it that moderated images are missing, for good; returns the ids of the jobs, all when none is named."""
        with self._database.writing("accept") as db:
            rows = self._database.rows(_MODERATED)
            named = None if job_ids is None else frozenset(job_ids)
            chosen = [row for row in rows if named is None or row["id"] in named]
            db.executemany(
                "UPDATE images SET reason_code = 'accepted'"
                " WHERE catalogue = ? AND job_key = ? AND state = 'moderated'",
                [(self._database.catalogue, row["key"]) for row in chosen],
            )
        return tuple(row["id"] for row in chosen)

    def moderated(self) -> tuple[str, ...]:
        """Ids of the jobs with moderated images that nobody has accepted."""
        return tuple(dict.fromkeys(row["id"] for row in self._database.rows(_MODERATED)))

    def reconcile(self, billed: MicroUSD, since: datetime | None = None, *, apply: bool = True) -> Reconciliation:
        """Settle what is at risk against a bill for the whole ledger, the oldest calls first.

        `since` restricts bill and ledger to calls reserved from then on. What the bill has beyond the settled calls
        confirms calls at risk, first at their expected cost, then up to their worst case; the others were not charged.
        """
        now = self._database.now()
        with self._database.writing("reconcile") if apply else self._database.reading() as db:
            start = stamp(since) if since else ""
            settled, reported, open_calls = db.execute(
                "SELECT ifnull(sum(cost), 0), ifnull(sum(cost * (estimated = 0)), 0),"
                " ifnull(sum(ended IS NULL), 0) FROM attempts WHERE started >= ?",
                (start,),
            ).fetchone()
            _check_bill(billed, reported, start)
            rows = self._database.rows(
                "SELECT a.*, j.id AS job_id FROM attempts a"
                " JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key"
                " WHERE a.state = 'at_risk' AND a.started >= :start ORDER BY a.seq",
                start=start,
            )
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
            named = result.settled + result.confirmed + result.unexplained
            assert named == billed, "every billed micro-dollar is named"
            if apply:
                for row, finding in zip(rows, findings, strict=True):
                    write_finding(db, row, finding, now)
        return result


def _check_bill(billed: MicroUSD, reported: int, start: str) -> None:
    """Refuse a bill that is below what answered calls cost by the usage that they reported.

    Such a bill is of another time or at other prices, and says nothing about the calls in doubt.
    """
    if reported - billed >= ROUNDING:
        when = f" since {start[:10]}" if start else ""
        raise InputError(
            f"a bill of {exact(billed)} is less than the {exact(MicroUSD(reported))} that answered calls cost{when}, "
            "by the usage that the provider itself reported: give the whole bill for this ledger, or with --since DATE "
            "the part that it covers; nothing was settled"
        )


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


def write_finding(db: sqlite3.Connection, row: sqlite3.Row, finding: Finding, now: datetime) -> None:
    """Settle one call at risk as a bill decides it."""
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
    writer = ImageWriter(db, row["catalogue"], row["job_key"], None, now)
    writer.mark(dict.fromkeys(sorted(free), (SlotState.NOT_STARTED, Reason(ReasonCode.NOT_ON_BILL))))
