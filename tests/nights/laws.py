"""What holds after every night, whatever happened in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from batchgen.app.output.maintain import opened
from batchgen.ledger import AttemptRow
from tests.nights.catalogue import SECOND, ZONE

Slot = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Books:
    """What a ledger says: its attempts, the limit of each run, its four numbers as sums."""

    attempts: Sequence[AttemptRow]
    caps: Mapping[str, int]
    booked: int
    audit: Sequence[object]
    wanted: int
    told: int


def books(folder: Path) -> Books:
    """Read a ledger once."""
    with opened(folder, readonly=True) as there:
        ledger, totals = there.ledger, there.ledger.accounts.totals()
        images, money = totals.images, totals.money
        states = (images.stored, images.moderated, images.failed, images.uncertain, images.lost_paid)
        return Books(
            tuple(ledger.report_rows.attempts()),
            {run.run_id: run.cap for run in ledger.runs.latest_first() if run.cap is not None},
            money.confirmed + money.estimated + money.at_risk,
            ledger.accounts.audit(),
            images.wanted,
            sum(states) + images.submitted + images.not_started,
        )


def bought_twice(attempts: Sequence[AttemptRow], rejected: Mapping[Slot, int]) -> dict[Slot, int]:
    """Name images that came more often than they were wanted."""
    drawn = Counter((row.job_key, slot) for row in attempts for slot in row.slots[: row.brought])
    return {slot: times for slot, times in drawn.items() if times > 1 + rejected.get(slot, 0)}


def beyond(found: Books, day: int, month: int) -> list[str]:
    """Name runs, days and months (of the budget's time zone) that went beyond their limit.

    A call that cost more than its bound goes beyond any, and an adopted one has lost its bound.
    """
    spent: Counter[tuple[str, str]] = Counter()
    dear: set[tuple[str, str]] = set()
    for row in found.attempts:
        local = _counted_on(row).astimezone(ZoneInfo(ZONE))
        for limit in (("run", row.run_id), ("day", f"{local:%Y-%m-%d}"), ("month", f"{local:%Y-%m}")):
            spent[limit] += row.cost + row.at_risk
            if row.cost > row.high or row.note == "adopted":
                dear.add(limit)
    limits = {"day": day, "month": month}
    caps = {limit: found.caps.get(limit[1]) if limit[0] == "run" else limits[limit[0]] for limit in spent}
    return [
        f"{spent[limit]} of {cap} in the {' '.join(limit)}"
        for limit, cap in caps.items()
        if cap is not None and limit not in dear and spent[limit] > cap
    ]


def _counted_on(row: AttemptRow) -> datetime:
    return row.started if row.handle or row.ended is None else row.ended


def at_second(attempts: Sequence[AttemptRow]) -> tuple[int, int]:
    """Say what the ledger has of the second provider: charged for certain, and perhaps; tasks tell no usage."""
    rows = [row for row in attempts if row.provider == SECOND]
    most = sum((row.high if row.estimated else row.cost) + row.at_risk + row.reserved for row in rows)
    return sum(row.low if row.estimated else row.cost for row in rows), most
