"""One pace for all processes with one key: each call books the time of its start."""

import sqlite3
from collections.abc import Sequence

from batchgen.ledger.database import LedgerPart
from batchgen.model import Load

OTHER_BOOT = 30.0
"""Seconds by which the zero of the clock may move before times of it say nothing any more."""


class Permits(LedgerPart):
    """Times at which calls start, booked first come, first served; a booking that is not used is lost."""

    def are_shared(self) -> bool:
        """Whether another output ever had a run in this file: its runs may have the same key at the same time."""
        return self._database.value("SELECT 1 FROM runs WHERE catalogue <> :catalogue LIMIT 1") is not None

    def book(self, account: str, loads: Sequence[Load], window: float) -> float:
        """Return the first time, on the monotonic clock, at which a call may start; from now on it counts.

        In no `window` of seconds start more than each limit allows, but for a single call that is heavier.
        """
        clock = self._database.clock
        now = clock.monotonic()
        boot = clock.now().timestamp() - now
        with self._database.writing("permit") as db:
            lines = [_Line(db, account, load, boot, window) for load in loads]
            at = max([now, *(line.earliest() for line in lines)])
            for line in lines:
                line.add(at, now)
        return at

    def move(self, account: str, booked: float) -> None:
        """Say that a call leaves now and not when it was booked: those that were booked behind it are no earlier."""
        now = self._database.clock.monotonic()
        with self._database.writing("permit") as db:
            db.execute("UPDATE permits SET at = ?1 WHERE account = ?2 AND at >= ?3 AND at < ?1", (now, account, booked))


class _Line:
    """The bookings of one kind of unit, in the order of their totals: none is earlier than the one before it."""

    def __init__(self, db: sqlite3.Connection, account: str, load: Load, boot: float, window: float) -> None:
        self._db, self._load, self._boot, self._window = db, load, boot, window
        self._which = (account, load.kind)
        last = db.execute(
            "SELECT total, at, free, boot FROM permits WHERE account = ? AND kind = ? ORDER BY total DESC LIMIT 1",
            self._which,
        ).fetchone()
        if last is not None and abs(last["boot"] - boot) > OTHER_BOOT:
            db.execute("DELETE FROM permits WHERE account = ? AND kind = ?", self._which)
            last = None
        self._total: float = last["total"] if last else 0.0
        self._at: float = last["at"] if last else float("-inf")
        self._free: float = last["free"] if last else float("-inf")

    def earliest(self) -> float:
        """Say when the limit allows the call."""
        return max(self._at, self._free - self._load.early, self._until_room())

    def _until_room(self) -> float:
        """Say when so much has left the window that the call has room; a heavier call waits until all has left it."""
        gone = min(self._total + self._load.weight - self._load.limit, self._total)
        found = self._db.execute(
            "SELECT at FROM permits WHERE account = ? AND kind = ? AND total >= ? ORDER BY total LIMIT 1",
            (*self._which, gone),
        ).fetchone()
        return float(found["at"]) + self._window if found and gone > 0 else float("-inf")

    def add(self, at: float, now: float) -> None:
        """Book the call, and forget what left the window, but for the last: it says where the others begin."""
        load = self._load
        free = max(at, self._free) + load.space
        self._db.execute(
            "DELETE FROM permits WHERE account = ?1 AND kind = ?2 AND total <"
            " (SELECT max(total) FROM permits WHERE account = ?1 AND kind = ?2 AND at <= ?3)",
            (*self._which, now - self._window),
        )
        self._db.execute(
            "INSERT INTO permits (account, kind, total, at, free, boot) VALUES (?, ?, ?, ?, ?, ?)",
            (*self._which, self._total + load.weight, at, free, self._boot),
        )
