"""The money gate: read the sums, compare the worst case, write the intent, in one transaction."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from batchgen.errors import StorageError
from batchgen.ledger.database import LedgerPart
from batchgen.ledger.reviews import frozen
from batchgen.ledger.text import dump, slots_text, stamp
from batchgen.ledger.totals import Exposure
from batchgen.model import Attempt
from batchgen.money import MicroUSD

QUARTER_SECONDS = 900
LONGEST_CALL = timedelta(days=1)
"""A call that was sent this long ago is not under way any more: the run that waited for it is dead."""
_OPEN_SINCE = "ended IS NULL AND started >= iif(state = 'dispatched', ?, ?)"
Claimed = tuple[int, int]
"""Micro-dollars and images that jobs under way may still ask for, and that others leave to them."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits that hold at a reservation; None is no limit of that kind.

    `max_cost` and `max_images` bound this run. `day` and `month` bound the money of the whole ledger, and
    `images_per_day` the images asked of this run's provider, also under its `earlier` names, per calendar day or month
    in `timezone`. `latest`: nothing is reserved once another run has begun in this output.
    """

    max_cost: MicroUSD | None = None
    max_images: int | None = None
    day: MicroUSD | None = None
    month: MicroUSD | None = None
    images_per_day: int | None = None
    timezone: str = "UTC"
    latest: bool = False
    earlier: frozenset[str] = frozenset()


class CapKind(StrEnum):
    """Which limit refused a call."""

    MAX_COST = "max_cost"
    MAX_IMAGES = "max_images"
    DAY = "budget_day"
    MONTH = "budget_month"
    IMAGES_PER_DAY = "images_per_day"
    APPROVED = "approved"  # no limit: the image that stands in the place of a call's was approved meanwhile


COUNT_IMAGES = frozenset({CapKind.MAX_IMAGES, CapKind.IMAGES_PER_DAY})
"""Limits in images; the others are in micro-dollars."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """A limit, and how much of it is free for a new run: micro-dollars or images. `provider` is whose alone it is."""

    kind: CapKind
    limit: int
    free: int
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that does not fit. `ask`, `limit` and `headroom`, what is free now, are micro-dollars or images.

    `ever` is False when it could not fit even if every call under way turned out to cost nothing. `place` is the image
    that was approved meanwhile.
    """

    kind: CapKind
    headroom: int
    ever: bool
    ask: int = 0
    limit: int = 0
    place: str = ""


class Reservations(LedgerPart):
    """The gate that every call passes before it may go."""

    def reserve(self, attempt: Attempt, caps: Caps, claimed: Claimed = (0, 0)) -> Refused | None:
        """Set the worst case of a call aside and write its intent down, durably; None when the call may go.

        Reading the sums, comparing and writing are one transaction that excludes every other process. What is `claimed`
        by others counts as if they were under way.
        """
        now = self._database.now()
        with self._database.writing("reserve") as db:
            if caps.latest:
                _be_latest(db, self._database.catalogue, attempt.run_id)
            (refused,) = reserve_all(db, self._database.catalogue, (attempt,), caps, now, claimed=claimed)
        return refused

    def headroom(self, caps: Caps, provider: str) -> tuple[Headroom, ...]:
        """Say what each limit leaves to a new run at this provider."""
        now = self._database.now()
        with self._database.reading() as db:
            lines = _lines(db, self._database.catalogue, "", provider, caps, now)
        return tuple(Headroom(line.kind, line.limit, line.free) for line in lines)

    def exposure(self, run_id: str) -> Exposure:
        """Say what a run has spent and risks now; as quick for a long run as for a short one."""
        with self._database.reading() as db:
            sums = _run_sums(db, self._database.catalogue, run_id)
        return Exposure(
            MicroUSD(sums.spent), MicroUSD(sums.at_risk), MicroUSD(sums.reserved), sums.images + sums.open_images
        )


def _be_latest(db: sqlite3.Connection, catalogue: str, run_id: str) -> None:
    """Raise StorageError when another run has begun in this output: that one took over, on whatever machine.

    The lock of the folder keeps two runs apart where file systems know locks; this does where they do not.
    """
    newer = (
        "SELECT run_id FROM runs WHERE catalogue = :catalogue"
        " AND seq > (SELECT seq FROM runs WHERE catalogue = :catalogue AND run_id = :run) LIMIT 1"
    )
    if found := db.execute(newer, {"catalogue": catalogue, "run": run_id}).fetchone():
        raise StorageError(f"run {found[0]} has begun in this output and has taken over: this run has stopped")


def reserve_all(
    db: sqlite3.Connection,
    catalogue: str,
    attempts: Sequence[Attempt],
    caps: Caps,
    now: datetime,
    *,
    handle: str | None = None,
    claimed: Claimed = (0, 0),
) -> tuple[Refused | None, ...]:
    """Reserve attempts of one run and provider within a transaction, as far as limits allow; says what refused each.

    With a `handle` they are pending from the beginning: their results are collected under it. The sums are read once.
    """
    lines = _lines(db, catalogue, attempts[0].run_id, attempts[0].provider, caps, now)
    found: list[Refused | None] = []
    cost, images = claimed
    for attempt in attempts:
        refused = _approved_meanwhile(db, catalogue, attempt) if attempt.replaces is not None else None
        refused = refused or _judged(lines, (cost, images), attempt)
        found.append(refused)
        if refused is None:
            _insert(db, catalogue, attempt, now, handle)
            cost, images = cost + attempt.quote.high, images + attempt.n
    return tuple(found)


def _judged(lines: Sequence["Line"], under_way: Claimed, attempt: Attempt) -> Refused | None:
    """Whether an attempt fits all limits, beside so much more that is under way; nearly always it does."""
    (cost, images), n, high = under_way, attempt.n, attempt.quote.high
    for line in lines:
        more = images + n if line.kind in COUNT_IMAGES else cost + high
        if line.used + line.open + more > line.limit:
            break
    else:
        return None
    asks = [line.asked(images, n) if line.kind in COUNT_IMAGES else line.asked(cost, high) for line in lines]
    return judge(tuple(asks))


def _approved_meanwhile(db: sqlite3.Connection, catalogue: str, attempt: Attempt) -> Refused | None:
    """Whether a call would take the place of an image that somebody approved after it was planned."""
    places = [f"images/{attempt.path(slot, 'ext').removesuffix('.ext')}" for slot in attempt.slots]
    if kept := frozen(db, catalogue, places):
        return Refused(CapKind.APPROVED, 0, ever=False, place=min(kept))
    return None


class Line(NamedTuple):
    """One limit and how much of it is gone: `used` for good (or at risk), `open` by calls under way, `ask` more."""

    kind: CapKind
    limit: int
    used: int
    open: int
    ask: int

    @property
    def free(self) -> int:
        """What is left now; never negative."""
        return max(0, self.limit - self.used - self.open)

    def asked(self, under_way: int, ask: int) -> "Line":
        """Return it with so much more under way, and so much asked for beside that."""
        return Line(self.kind, self.limit, self.used, self.open + under_way, ask)


def judge(lines: tuple[Line, ...]) -> Refused | None:
    """Whether a call fits all limits; one that can never be met is named before one that only has to wait."""
    over = [line for line in lines if line.used + line.open + line.ask > line.limit]
    if not over:
        return None
    worst = min(over, key=lambda line: line.used + line.ask <= line.limit)
    ever = worst.used + worst.ask <= worst.limit
    return Refused(worst.kind, worst.free, ever=ever, ask=worst.ask, limit=worst.limit)


def day_start(now: datetime, timezone: str) -> datetime:
    """Return the first moment of the calendar day that it is in a time zone, in UTC."""
    zone = ZoneInfo(timezone)
    return datetime.combine(now.astimezone(zone).date(), time.min, zone).astimezone(UTC)


def month_start(now: datetime, timezone: str) -> datetime:
    """Return the first moment of the calendar month that it is in a time zone, in UTC."""
    return day_start(now.astimezone(ZoneInfo(timezone)).replace(day=1), timezone)


def _lines(db: sqlite3.Connection, catalogue: str, run_id: str, provider: str, caps: Caps, now: datetime) -> list[Line]:
    """Say how much of each limit is gone, before anything is asked."""
    lines = []
    run = _run_sums(db, catalogue, run_id)
    if caps.max_cost is not None:
        lines.append(Line(CapKind.MAX_COST, caps.max_cost, run.spent + run.at_risk, run.reserved, 0))
    if caps.max_images is not None:
        lines.append(Line(CapKind.MAX_IMAGES, caps.max_images, run.images, run.open_images, 0))
    for kind, limit, start in ((CapKind.DAY, caps.day, day_start), (CapKind.MONTH, caps.month, month_start)):
        if limit is not None:
            used, under_way = _since(db, start(now, caps.timezone), "cost + at_risk", "reserved")
            lines.append(Line(kind, limit, used, under_way, 0))
    if caps.images_per_day is not None:
        names = {provider, *caps.earlier}
        used, under_way = _since(db, day_start(now, caps.timezone), "images", "asked", names)
        lines.append(Line(CapKind.IMAGES_PER_DAY, caps.images_per_day, used, under_way, 0))
    return lines


class _Sums(NamedTuple):
    spent: int
    at_risk: int
    reserved: int
    images: int
    open_images: int


def _run_sums(db: sqlite3.Connection, catalogue: str, run_id: str) -> _Sums:
    spent, at_risk, images = db.execute(
        "SELECT ifnull(sum(cost), 0), ifnull(sum(at_risk), 0), ifnull(sum(images), 0)"
        " FROM spent WHERE catalogue = ? AND run_id = ?",
        (catalogue, run_id),
    ).fetchone()
    reserved, open_images = db.execute(
        "SELECT ifnull(sum(reserved), 0), ifnull(sum(asked), 0)"
        " FROM attempts WHERE ended IS NULL AND catalogue = ? AND run_id = ?",
        (catalogue, run_id),
    ).fetchone()
    return _Sums(spent, at_risk, reserved, images, open_images)


def _since(
    db: sqlite3.Connection, start: datetime, spent: str, held: str, providers: Collection[str] = ()
) -> tuple[int, int]:
    """Add up money, or images of an account under all of its names, since a moment: of ended calls, and of open ones.

    Without `providers` it is of the whole ledger. A call that was under way at midnight counts for both days: a
    provider may book it on either. One that a dead run of another catalogue left open counts for the days when it may
    have been under way, not for ever. A pending one counts for the day on which it was reserved.
    """
    named = f" AND provider IN ({', '.join('?' * len(providers))})" if providers else ""
    (used,) = db.execute(
        f"SELECT ifnull(sum({spent}), 0) FROM spent WHERE quarter >= ?{named}",  # noqa: S608 - our own words
        (int(start.timestamp()) // QUARTER_SECONDS, *providers),
    ).fetchone()
    (under_way,) = db.execute(
        f"SELECT ifnull(sum({held}), 0) FROM attempts WHERE {_OPEN_SINCE}{named}",  # noqa: S608 - our own words
        (stamp(start - LONGEST_CALL), stamp(start), *providers),
    ).fetchone()
    return used, under_way


@lru_cache(maxsize=256)
def _price_text(source: str, as_of: date | None, *, assumed: bool) -> str:
    """Write down where a price comes from."""
    return dump({"source": source, "as_of": as_of and as_of.isoformat(), "assumed": assumed})


def _insert(db: sqlite3.Connection, catalogue: str, attempt: Attempt, now: datetime, handle: str | None) -> None:
    quote, price = attempt.quote, attempt.quote.price
    whose = (attempt.id, catalogue, attempt.run_id, attempt.job_key, attempt.model, attempt.provider)
    paths = dump([attempt.path(slot, "ext") for slot in attempt.slots])
    state = "pending" if handle else "dispatched"
    what = (slots_text(attempt.slots), attempt.n, paths, str(attempt.purpose), state)
    source = _price_text(price.source, price.as_of, assumed=price.assumed)
    money = (quote.low, quote.expected, quote.high, source, quote.high)
    way = (stamp(now), str(attempt.route), attempt.replaces, handle, stamp(now) if handle else None)
    db.execute(
        "INSERT INTO attempts (id, catalogue, run_id, job_key, model, provider, slots, asked, paths, purpose, state,"
        " low, expected, high, price, reserved, started, route, replaces, handle, next_look, prompt)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        "  (SELECT nullif(?, prompt) FROM jobs WHERE catalogue = ? AND key = ?))",
        (*whose, *what, *money, *way, attempt.request.prompt, catalogue, attempt.job_key),
    )
