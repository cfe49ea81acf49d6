"""When batches have to make room for calls, so that everything is there in time: pure arithmetic of time."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from batchgen.model import Limits

CANCELLING = timedelta(minutes=10)
"""How long a provider may take to cancel a batch."""
READING = timedelta(minutes=2)
"""For the last look at a batch, and for what it brought."""
MARGIN = 1.25
"""How much longer calls may take than their limits say."""
MOST_SECONDS = 120.0
"""Seconds of one call, where the catalogue does not know them."""


@dataclass(frozen=True, slots=True)
class Work:
    """What would have to be drawn by calls: images, calls, input images, and the seconds of the slowest call."""

    images: int = 0
    calls: int = 0
    input_images: int = 0
    seconds: float = MOST_SECONDS


def deadline(ready_by: time | float, first: datetime, zone: str) -> datetime:
    """Say when everything has to be there: the next time that the clock shows so, or so long after the first batch."""
    if not isinstance(ready_by, time):
        return first + timedelta(seconds=ready_by)
    local = first.astimezone(ZoneInfo(zone))
    days = (local.date(), local.date() + timedelta(days=1))
    times = (ready_by, ready_by.replace(fold=1))  # an hour may come twice in a night
    shown = (datetime.combine(day, at, local.tzinfo).astimezone(UTC) for day in days for at in times)
    return next(moment for moment in shown if moment > first)


def by_calls(work: Work, limits: Limits) -> timedelta:
    """Say how long work takes by calls, at most, within the limits."""
    if not work.images:
        return timedelta()
    rates = (
        (work.images, limits.images_per_minute),
        (work.calls, limits.requests_per_minute),
        (work.input_images, limits.input_images_per_minute),
    )
    shares = ((amount, limits.share(rate)) for amount, rate in rates)
    paced = max((60.0 * -(-amount // limit) for amount, limit in shares if limit), default=0.0)
    busy = work.seconds * -(-work.calls // limits.concurrency)
    return timedelta(seconds=MARGIN * (max(paced, busy) + work.seconds))


def last_moment(until: datetime, calls: timedelta) -> datetime:
    """Say until when batches may take their time: then they are cancelled, and calls draw what they did not bring."""
    return until - calls - CANCELLING - READING
