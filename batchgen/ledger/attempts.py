"""Attempts: how each ends, and those that nobody saw the end of."""

import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.image_writer import ImageWriter, Marks, share_anew, slots_of
from batchgen.ledger.text import counts, dump, plain, reader, stamp
from batchgen.model import (
    AttemptState,
    Echo,
    ImageRequest,
    Purpose,
    Reason,
    ReasonCode,
    Receipt,
    Route,
    Settlement,
    Usage,
)
from batchgen.money import MicroUSD, split

CHARGED = frozenset({AttemptState.SETTLED, AttemptState.CHARGED_NO_RESULT})
OPEN = frozenset({AttemptState.DISPATCHED, AttemptState.PENDING})
FREE = frozenset({AttemptState.NOT_SENT, AttemptState.NOT_CHARGED})
_ATTEMPTS = (
    "SELECT a.*, j.id AS job_id, j.request FROM attempts a {index}"
    " JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key"
    " WHERE a.catalogue = :catalogue"
)
ATTEMPTS = _ATTEMPTS.format(index="")
PENDING_JOBS = (
    # Without the hint SQLite goes through all attempts by job, to find each job once.
    "SELECT DISTINCT job_key FROM attempts INDEXED BY attempts_open"
    " WHERE catalogue = :catalogue AND ended IS NULL AND state = 'pending'"
)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One call as the ledger knows it. `paths` are the places of its slots, with `ext` for the real extension.

    `seq` orders calls as they were reserved. While it is pending, `handle` names it where it was accepted, `next_look`
    says when to ask for its result, and `expires` when there is none any more. `replaces` is the key of the job whose
    images step aside for it.
    """

    id: str
    run_id: str
    job_key: str
    job_id: str
    request: ImageRequest
    model: str
    provider: str
    slots: tuple[int, ...]
    paths: tuple[str, ...]
    purpose: Purpose
    state: AttemptState
    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD
    price: str
    reserved: MicroUSD
    cost: MicroUSD
    at_risk: MicroUSD
    released: MicroUSD
    estimated: bool
    started: datetime
    ended: datetime | None
    phase: str
    status: int | None
    code: str
    message: str
    categories: tuple[str, ...]
    request_id: str | None
    headers: tuple[tuple[str, str], ...]
    quarantine: str | None
    seconds: float
    brought: int
    text_in: int | None
    image_in: int | None
    output: int | None
    text_out: int | None
    total: int | None
    usage: str
    echo: str
    flags: tuple[str, ...]
    note: str
    seq: int
    route: Route
    handle: str | None
    next_look: datetime | None
    expires: datetime | None
    replaces: str | None

    def path(self, slot: int, ext: str) -> str:
        """Where the image of a slot goes, below `images/`, for a real extension without dot."""
        stem, _, _ = self.paths[self.slots.index(slot)].rpartition(".")
        return f"{stem}.{ext}"


_read = reader(AttemptRow)


class Attempts(LedgerPart):
    """The calls of one output."""

    def settle(
        self, receipt: Receipt, state: AttemptState, settlement: Settlement | None = None, marks: Marks | None = None
    ) -> None:
        """Close a call with what it brought and cost, in one transaction.

        Its cost is split over its images that are here (the remainder on the first). Images at an address are
        written down before any download, and bear no share until they are here. What images replace follows its
        file. `marks` are further decisions with their reasons; an image that was stored before stays.
        A call that may have been charged (AT_RISK) makes its slots uncertain by itself where nothing else is known.
        SETTLED and CHARGED_NO_RESULT need a settlement. A call whose image was adopted was charged, whatever its end
        says: it is settled at what it may have cost.
        """
        now = self._database.now()
        assert state not in OPEN, "a closed call is not open"
        assert (settlement is not None) or state not in CHARGED, f"a {state} call needs a settlement"
        with self._database.writing("settle") as db:
            row = open_attempt(db, self._database.catalogue, receipt.attempt_id)
            here = 0 if receipt.images or receipt.remote else _here(db, receipt.attempt_id)
            if here:
                state, settlement = (
                    AttemptState.SETTLED,
                    settlement or Settlement(MicroUSD(row["held"]), estimated=True),
                )
            writer = ImageWriter(db, self._database.catalogue, row["job_key"], row["run_id"], now)
            _close(writer, receipt, state, settlement)
            if here:
                _brought(db, receipt.attempt_id, here)
            if state is AttemptState.AT_RISK:
                writer.doubt(slots_of(row), Reason(ReasonCode.MAYBE_CHARGED, receipt.verdict.code))
            _images(writer, receipt, settlement.cost if settlement else MicroUSD(0))
            if marks:
                kept = _stored_before(writer, receipt)
                writer.mark({slot: mark for slot, mark in marks.items() if slot not in kept})

    def find(self, attempt_id: str) -> AttemptRow | None:
        """One call, or None when the ledger does not know it."""
        row = self._database.row(f"{ATTEMPTS} AND a.id = :id", id=attempt_id)
        return row and attempt_from(row)

    def orphans(self) -> tuple[AttemptRow, ...]:
        """List calls of this catalogue that were sent by a run that is dead; the caller holds the folder's lock.

        A pending call is none of them: its provider has it, and its result is collected.
        """
        return self._rows("a.ended IS NULL AND a.state = 'dispatched'", "a.seq")

    def pending(self, *, batches: bool = False) -> tuple[AttemptRow, ...]:
        """List calls whose results are still to be collected, the one to be looked for next first.

        Lines of `batches` are left out unless they are wanted: they are collected with their batch.
        """
        alone = "" if batches else " AND a.route != 'batch'"
        return self._rows(f"a.ended IS NULL AND a.state = 'pending'{alone}", "a.next_look, a.seq")

    def pending_jobs(self) -> frozenset[str]:
        """Name the jobs, by key, for which results are still to be collected."""
        return self._database.column(PENDING_JOBS)

    def submitted(self) -> tuple[int, MicroUSD]:
        """Count the images that are still to be collected, and what is reserved for them."""
        images, reserved = self._database.row(
            "SELECT ifnull(sum(asked), 0), ifnull(sum(reserved), 0) FROM attempts"
            " WHERE catalogue = :catalogue AND ended IS NULL AND state = 'pending'"
        )
        return images, MicroUSD(reserved)

    def before(self, row: AttemptRow) -> tuple[AttemptRow, ...]:
        """List the attempts that were made before this one for images that it was made for, in the same words."""
        asked, words = set(row.slots), row.request.prompt
        sql = f"{ATTEMPTS} AND a.job_key = :key AND a.seq < :seq AND a.ended IS NOT NULL ORDER BY a.seq"
        rows = map(attempt_from, self._database.rows(sql, key=row.job_key, seq=row.seq))
        return tuple(one for one in rows if asked & set(one.slots) and one.request.prompt == words)

    def missed(self) -> tuple[AttemptRow, ...]:
        """List attempts that were given up although their images are still missed, for want of a decision."""
        uncertain = (
            "SELECT 1 FROM images i WHERE i.catalogue = a.catalogue AND i.job_key = a.job_key AND i.state = 'uncertain'"
        )
        doubted = (
            "SELECT 1 FROM reviews r WHERE r.catalogue = a.catalogue AND r.job_key = a.job_key"
            " AND r.decision = 'rejected' AND a.seq > r.after_seq"
        )
        which = f"a.state = 'at_risk' AND (EXISTS ({uncertain}) OR EXISTS ({doubted}))"
        return self._rows(which, "a.seq", "INDEXED BY attempts_at_risk")

    def _rows(self, which: str, order: str, index: str = "") -> tuple[AttemptRow, ...]:
        sql = f"{_ATTEMPTS.format(index=index)} AND {which} ORDER BY {order}"
        return tuple(map(attempt_from, self._database.rows(sql)))

    def park(self, attempt_id: str, handle: str, next_look: datetime, expires: datetime | None = None) -> None:
        """Note that a call was accepted and its result is collected later; its money stays reserved.

        `handle` names it where it was accepted. Parking it again changes when to look for it.
        """
        sql = (
            "UPDATE attempts SET state = 'pending', handle = :handle, next_look = :next_look, expires = :expires"
            " WHERE id = :id AND catalogue = :catalogue AND ended IS NULL"
        )
        when = {"next_look": stamp(next_look), "expires": expires and stamp(expires)}
        parked = self._database.change("park", sql, handle=handle, id=attempt_id, **when)
        assert parked == 1, f"call {attempt_id} is unknown or closed already"

    def to_at_risk(self, attempt_id: str, why: str) -> None:
        """Give a call up whose end nobody will see: what was reserved is at risk, its open slots are uncertain.

        One whose image was adopted was charged: it is settled at what was reserved.
        """
        now = self._database.now()
        with self._database.writing("risk") as db:
            row = open_attempt(db, self._database.catalogue, attempt_id)
            here = _here(db, attempt_id)
            money = "state = 'at_risk', at_risk = at_risk + reserved"
            if here:
                money = "state = 'settled', cost = at_risk + reserved, estimated = 1, at_risk = 0"
            db.execute(
                f"UPDATE attempts SET {money}, reserved = 0, ended = ?, code = 'orphan', message = ? WHERE id = ?",  # noqa: S608
                (stamp(now), plain(why), attempt_id),
            )
            if here:
                _brought(db, attempt_id, here)
                return
            writer = ImageWriter(db, self._database.catalogue, row["job_key"], row["run_id"], now)
            writer.doubt(slots_of(row), Reason(ReasonCode.ORPHANED, detail=why))


def open_attempt(db: sqlite3.Connection, catalogue: str, attempt_id: str) -> sqlite3.Row:
    """Return the row of a call that may still be closed: open, or at risk until its answer turned up after all."""
    row: sqlite3.Row | None = db.execute(
        "SELECT job_key, run_id, slots, reserved + at_risk AS held FROM attempts"
        " WHERE id = ? AND catalogue = ? AND (ended IS NULL OR state = 'at_risk')",
        (attempt_id, catalogue),
    ).fetchone()
    assert row is not None, f"call {attempt_id} is unknown or closed already"
    return row


def _here(db: sqlite3.Connection, attempt_id: str) -> int:
    """Count images of a call that are here before it ends: they were adopted."""
    sql = "SELECT count(*) FROM images WHERE attempt_id = ? AND state = 'stored'"
    return int(db.execute(sql, (attempt_id,)).fetchone()[0])


def _brought(db: sqlite3.Connection, attempt_id: str, here: int) -> None:
    """Let a call have brought the images that are here, and share its cost among them."""
    db.execute("UPDATE attempts SET brought = ? WHERE id = ?", (here, attempt_id))
    share_anew(db, attempt_id)


def _stored_before(writer: ImageWriter, receipt: Receipt) -> frozenset[int]:
    """Slots of a job in which an image stands that did not come just now: it was to be drawn again, or was adopted."""
    found = writer.db.execute(
        "SELECT slot FROM images WHERE catalogue = ? AND job_key = ? AND state = 'stored'",
        (writer.catalogue, writer.job_key),
    )
    return frozenset(slot for (slot,) in found) - {image.slot for image in receipt.images}


def _images(writer: ImageWriter, receipt: Receipt, cost: MicroUSD) -> None:
    if receipt.images:
        for share, image in zip(split(cost, len(receipt.images)), receipt.images, strict=True):
            writer.store(receipt.attempt_id, image, share)
    for remote in receipt.remote:
        writer.await_download(receipt.attempt_id, remote)


def _close(writer: ImageWriter, receipt: Receipt, state: AttemptState, settlement: Settlement | None) -> None:
    verdict, usage = receipt.verdict, receipt.usage or _NO_USAGE
    charged = settlement if state in CHARGED else None
    cost = (charged.cost, int(charged.estimated), dump(charged.flags)) if charged else (0, 0, dump(()))
    end = (writer.now, str(receipt.phase), receipt.status)
    said = (plain(verdict.code), plain(verdict.message), dump(verdict.categories))
    answered = (receipt.request_id and plain(receipt.request_id), dump(receipt.headers))
    brought = (receipt.quarantine, receipt.seconds, len(receipt.images) + len(receipt.remote))
    tokens = counts((usage.text_in, usage.image_in, usage.output, usage.text_out, usage.total))
    drawn = (plain(usage.raw), _echo_text(receipt.echo))
    holds = (state in FREE, state is AttemptState.AT_RISK)
    writer.db.execute(
        _CLOSE,
        (str(state), *cost, *end, *said, *answered, *brought, *tokens, *drawn, *holds, receipt.attempt_id),
    )


_NO_USAGE = Usage()
_CLOSE = (
    "UPDATE attempts SET state = ?, cost = ?, estimated = ?, flags = ?, ended = ?, phase = ?, status = ?, code = ?,"
    " message = ?, categories = ?, request_id = ?, headers = ?, quarantine = ?, seconds = ?, brought = ?, text_in = ?,"
    " image_in = ?, output = ?, text_out = ?, total = ?, usage = ?, echo = ?, reserved = 0,"
    " released = CASE WHEN ? THEN reserved + at_risk ELSE 0 END,"
    " at_risk = CASE WHEN ? THEN reserved + at_risk ELSE 0 END WHERE id = ?"
)


@lru_cache(maxsize=256)
def _echo_text(echo: Echo) -> str:
    """Write down what an answer says that it drew: nearly always the same."""
    return dump({name: said for name in Echo.__slots__ if (said := getattr(echo, name)) is not None})


def attempt_from(row: sqlite3.Row) -> AttemptRow:
    """Read a row of `attempts` joined with its job's id and request."""
    found, other = _read(row), row["prompt"]
    return found if other is None else replace(found, request=replace(found.request, prompt=other))
