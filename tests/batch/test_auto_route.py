"""Everything there by a time, as cheaply as that allows: batches first, calls for what they do not bring."""

import random
from datetime import UTC, datetime, time, timedelta

import pytest

from batchgen.engine.auto_route import CANCELLING, Work, by_calls, deadline, last_moment
from batchgen.model import Limits
from tests.batch.scene import QuickClock, adds_up, attempts, created, jobs
from tests.rehearsal import Rehearsal

NOW = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)


class HastyClock(QuickClock):
    """A clock in which ten minutes pass in a second."""

    pace = 600.0


def test_batches_that_come_in_time_are_all_that_is_paid(scene: Rehearsal) -> None:
    """At half the price, by one command."""
    ended = scene.run(scene.manifest(jobs(4), batch={"ready_by": "6h"}, route="auto"), clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert {entry["route"] for entry in scene.bill} == {"batch"}
    adds_up(scene, ended)


def test_what_batches_do_not_bring_in_time_is_drawn_by_calls(scene: Rehearsal) -> None:
    """They are cancelled early enough, and nothing is asked for on both routes at once."""
    wanted = jobs(4)
    wanted[1]["prompt"] += " [[mock: fault=batch_stuck]]"
    ended = scene.run(scene.manifest(wanted, batch={"ready_by": "1h"}, route="auto"), clock=HastyClock())
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    assert ended.summary["images"]["stored"] == 4
    paid = [row for row in attempts(ended.folder) if row.cost]
    assert len(paid) == 4
    assert max(row.ended for row in paid if row.ended) - min(row.started for row in paid) < timedelta(hours=1)
    batch_ends = max(row.ended for row in attempts(ended.folder) if row.route == "batch" and row.ended)
    assert all(row.started >= batch_ends for row in paid if row.route == "sync")
    adds_up(scene, ended)


def test_without_time_for_a_batch_calls_draw_everything(scene: Rehearsal) -> None:
    """Ten minutes are too few."""
    ended = scene.run(scene.manifest(jobs(3), batch={"ready_by": "10m"}, route="auto"))
    assert ended.exit == 0, ended.summary
    assert created(scene) == 0


def test_the_automatic_route_needs_a_deadline(scene: Rehearsal) -> None:
    """Else check says so."""
    (error,) = scene.check(scene.manifest(jobs(1), route="auto")).errors
    assert "ready_by" in error.message


@pytest.mark.parametrize(
    ("ready_by", "zone", "expected"),
    [
        (time(7), "UTC", datetime(2026, 12, 1, 7, tzinfo=UTC)),
        (time(7), "Europe/Berlin", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        (time(22), "Europe/Berlin", datetime(2026, 11, 30, 21, tzinfo=UTC)),
        (6 * 3600.0, "UTC", datetime(2026, 12, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_time_of_the_day_is_the_next_one(ready_by: time | float, zone: str, expected: datetime) -> None:
    """In the time zone of the budget; a duration counts from the first submission."""
    assert deadline(ready_by, NOW, zone) == expected


@pytest.mark.parametrize(
    ("first", "ready_by", "hours"),
    [
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), time(2, 30), 1 / 3),
        (datetime(2026, 10, 25, 0, 40, tzinfo=UTC), time(2, 30), 5 / 6),
        (datetime(2026, 10, 24, 20, tzinfo=UTC), time(7), 10),
        (datetime(2027, 3, 28, 0, 10, tzinfo=UTC), time(2, 30), 4 / 3),
        (datetime(2027, 3, 27, 20, tzinfo=UTC), time(7), 9),
    ],
)
def test_a_time_of_the_day_is_never_over(first: datetime, ready_by: time, hours: float) -> None:
    """Where an hour comes twice in a night, or not at all, it is the next time that the clock shows it."""
    assert deadline(ready_by, first, "Europe/Berlin") - first == timedelta(hours=hours)


def test_calls_begin_early_enough_whatever_batches_bring() -> None:
    """A provider brings lines when it likes, and takes its time to cancel: everything is there by the deadline."""
    for seed in range(1000):
        begins_early_enough(seed)


def begins_early_enough(seed: int) -> None:
    """Go through one night."""
    chance = random.Random(seed)
    limits = Limits(
        images_per_minute=chance.choice([None, 5, 50, 250]),
        requests_per_minute=chance.choice([None, 50]),
        concurrency=chance.choice([1, 4, 16]),
    )
    left, seconds = chance.randint(1, 400), chance.uniform(5, 200)
    until = NOW + timedelta(hours=chance.uniform(1, 24))
    now = NOW
    while left and now < last_moment(until, by_calls(Work(left, left, 0, seconds), limits)):
        now += timedelta(seconds=chance.uniform(15, 600))
        left -= chance.randint(0, left) if chance.random() < 0.2 else 0
        now = min(now, last_moment(until, by_calls(Work(left, left, 0, seconds), limits)))
    began = now
    now += CANCELLING * chance.random() if left else timedelta()
    for _ in range(left):  # the strictest pace that the limits allow, and as slow as every call can be
        every = max(60 / (limits.images_per_minute or 1e9), 60 / (limits.requests_per_minute or 1e9))
        now += timedelta(seconds=max(every, seconds / limits.concurrency))
    now += timedelta(seconds=seconds) if left else timedelta()
    possible = began == NOW or now <= until
    assert possible, (left, began, now, until)
