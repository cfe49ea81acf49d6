"""Closing a call, and what that means for the images it was made for."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from batchgen.ledger.database import Database
from batchgen.ledger.text import count, dump, plain, stamp
from batchgen.model import AttemptState, Receipt, RemoteImage, Settlement, SlotState, StoredImage, Usage
from batchgen.money import MicroUSD, split

CHARGED = frozenset({AttemptState.SETTLED, AttemptState.CHARGED_NO_RESULT})
FREE = frozenset({AttemptState.NOT_SENT, AttemptState.NOT_CHARGED})

_BEFORE = (
    "(SELECT ifnull(path, before) FROM images WHERE catalogue = ? AND job_key = ? AND slot = ?"
    " AND ifnull(path, before) < 'superseded/')"
)
"""Where the image stands that is in a slot until another one takes it."""

Marks = Mapping[int, tuple[SlotState, str]]


class ImageWriter:
    """Writes images within one transaction: whose they are and when that happens does not change."""

    def __init__(self, db: sqlite3.Connection, catalogue: str, job_key: str, run_id: str | None, now: datetime) -> None:
        self.db = db
        self.catalogue = catalogue
        self.job_key = job_key
        self.run_id = run_id
        self.now = stamp(now)

    def mark(self, marks: Marks) -> None:
        """Give slots a state and its reason; a paid image that waits for its download is no longer waited for."""
        self.db.executemany(
            "INSERT INTO images (catalogue, job_key, slot, state, reason, run_id, changed) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (catalogue, job_key, slot) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
            " run_id = excluded.run_id, changed = excluded.changed, url = NULL",
            [
                (self.catalogue, self.job_key, slot, state.value, plain(reason), self.run_id, self.now)
                for slot, (state, reason) in marks.items()
            ],
        )

    def doubt(self, slots: tuple[int, ...], reason: str) -> None:
        """Make slots uncertain, except those that are stored or wait for their download."""
        safe = {
            slot
            for (slot,) in self.db.execute(
                "SELECT slot FROM images WHERE catalogue = ? AND job_key = ?"
                " AND (state = 'stored' OR (state = 'not_started' AND url IS NOT NULL))",
                (self.catalogue, self.job_key),
            )
        }
        self.mark({slot: (SlotState.UNCERTAIN, reason) for slot in slots if slot not in safe})

    def store(self, attempt_id: str, image: StoredImage, cost: MicroUSD) -> None:
        """Put an image in its slot; another job's image that lay at its path has moved."""
        self.db.execute(
            "UPDATE images SET path = ifnull(?, path), fault = CASE WHEN ? IS NULL THEN 'overwritten' ELSE fault END"
            " WHERE catalogue = ? AND path = ? AND NOT (job_key = ? AND slot = ?)",
            (image.replaces, image.replaces, self.catalogue, image.path, self.job_key, image.slot),
        )
        self.db.execute(
            "INSERT OR REPLACE INTO images (catalogue, job_key, slot, state, attempt_id, run_id, cost, path, sha256,"  # noqa: S608
            " bytes, width, height, format, flags, changed, prompt, before)"
            " VALUES (?, ?, ?, 'stored', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT prompt FROM attempts WHERE id = ?),"
            f" nullif({_BEFORE}, ?))",
            (
                self.catalogue,
                self.job_key,
                image.slot,
                attempt_id,
                self.run_id,
                cost,
                image.path,
                image.sha256,
                image.bytes,
                image.width,
                image.height,
                image.format,
                dump(image.flags),
                self.now,
                attempt_id,
                *(self.catalogue, self.job_key, image.slot),
                image.path,
            ),
        )

    def await_download(self, attempt_id: str, remote: RemoteImage) -> None:
        """Write a paid image's address down; from now on its slot is never drawn again by itself."""
        self.db.execute(
            "INSERT OR REPLACE INTO images (catalogue, job_key, slot, state, attempt_id, run_id, url, expires,"  # noqa: S608
            " changed, prompt, before)"
            " VALUES (?, ?, ?, 'not_started', ?, ?, ?, ?, ?, (SELECT prompt FROM attempts WHERE id = ?),"
            f" {_BEFORE})",
            (
                self.catalogue,
                self.job_key,
                remote.slot,
                attempt_id,
                self.run_id,
                remote.url.encode("utf-8", "replace").decode(),
                stamp(remote.expires) if remote.expires else None,
                self.now,
                attempt_id,
                *(self.catalogue, self.job_key, remote.slot),
            ),
        )


def settle(
    book: Database,
    receipt: Receipt,
    state: AttemptState,
    settlement: Settlement | None,
    marks: Marks,
    now: datetime,
) -> None:
    """Close a call and write its images, in one transaction."""
    assert state is not AttemptState.DISPATCHED, "a closed call is not under way"
    assert (settlement is not None) or state not in CHARGED, f"a {state} call needs a settlement"
    with book.writing("settle") as db:
        row = open_attempt(db, book.catalogue, receipt.attempt_id)
        _close(db, receipt, state, settlement, now)
        page = ImageWriter(db, book.catalogue, row["job_key"], row["run_id"], now)
        if state is AttemptState.AT_RISK:
            page.doubt(slots_of(row), f"may have been charged: {receipt.verdict.code}")
        _images(page, receipt, settlement.cost if settlement else MicroUSD(0))
        page.mark(marks)


def open_attempt(db: sqlite3.Connection, catalogue: str, attempt_id: str) -> sqlite3.Row:
    """The row of a call that may still be closed: under way, or at risk until its answer turned up after all."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM attempts WHERE id = ? AND catalogue = ? AND state IN ('dispatched', 'at_risk')",
        (attempt_id, catalogue),
    ).fetchone()
    assert row is not None, f"call {attempt_id} is unknown or closed already"
    return row


def slots_of(row: sqlite3.Row) -> tuple[int, ...]:
    """The slots that a call was made for."""
    return tuple(map(int, row["slots"].strip("[]").split(",")))


def _images(page: ImageWriter, receipt: Receipt, cost: MicroUSD) -> None:
    if receipt.images:
        for share, image in zip(split(cost, len(receipt.images)), receipt.images, strict=True):
            page.store(receipt.attempt_id, image, share)
    for remote in receipt.remote:
        page.await_download(receipt.attempt_id, remote)


def share_anew(db: sqlite3.Connection, attempt_id: str) -> None:
    """Split what a call cost over the images that came of it, once another one is here; the remainder to the first.

    What waits or is lost takes no share. One that was drawn again came too: it is in no row, and its share is waste.
    """
    paid, brought = db.execute("SELECT cost, brought FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
    rows = db.execute(
        "SELECT slot, path IS NOT NULL FROM images WHERE attempt_id = ? ORDER BY slot", (attempt_id,)
    ).fetchall()
    here = [slot for slot, came in rows if came]
    shares = split(MicroUSD(paid), len(here) + brought - len(rows))
    db.executemany(
        "UPDATE images SET cost = ? WHERE attempt_id = ? AND slot = ?",
        [(share, attempt_id, slot) for share, slot in zip(shares, here, strict=False)],
    )


def _close(
    db: sqlite3.Connection, receipt: Receipt, state: AttemptState, settlement: Settlement | None, now: datetime
) -> None:
    verdict, usage, echo = receipt.verdict, receipt.usage or Usage(), receipt.echo
    charged = settlement if state in CHARGED else None
    facts = {
        "state": state.value,
        "cost": charged.cost if charged else 0,
        "estimated": int(charged.estimated) if charged else 0,
        "flags": dump(charged.flags if charged else ()),
        "ended": stamp(now),
        "phase": receipt.phase.value,
        "status": receipt.status,
        "code": plain(verdict.code),
        "message": plain(verdict.message),
        "categories": dump(verdict.categories),
        "request_id": receipt.request_id and plain(receipt.request_id),
        "headers": dump(receipt.headers),
        "quarantine": receipt.quarantine,
        "seconds": receipt.seconds,
        "brought": len(receipt.images) + len(receipt.remote),
        "text_in": count(usage.text_in),
        "image_in": count(usage.image_in),
        "output": count(usage.output),
        "text_out": count(usage.text_out),
        "total": count(usage.total),
        "usage": plain(usage.raw),
        "echo": dump({name: getattr(echo, name) for name in echo.__slots__ if getattr(echo, name) is not None}),
    }
    columns = ", ".join(f"{name} = :{name}" for name in facts)
    db.execute(
        f"UPDATE attempts SET {columns}, reserved = 0,"  # noqa: S608 - our own column names
        " released = CASE WHEN :free THEN reserved + at_risk ELSE 0 END,"
        " at_risk = CASE WHEN :state = 'at_risk' THEN reserved + at_risk ELSE 0 END"
        " WHERE id = :id",
        {**facts, "free": state in FREE, "id": receipt.attempt_id},
    )


def mark_slots(book: Database, job_key: str, run_id: str | None, marks: Marks, now: datetime) -> None:
    """Decide slots of a job without a call."""
    if marks:
        with book.writing("mark") as db:
            ImageWriter(db, book.catalogue, job_key, run_id, now).mark(marks)
