"""What a run says of itself while it works: how fast it draws, and what it will have cost and taken at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchgen.app.control.progress import AT_PROVIDER, Meter, as_json, from_json
from batchgen.app.output.maintain import follow_status
from batchgen.app.watch import progress_line
from tests.rehearsal import Rehearsal


@dataclass
class Hands:
    """A clock that is set by hand."""

    time: float = 100.0

    def now(self) -> datetime:
        return datetime(2026, 3, 10, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def drawn(*calls: tuple[float, int, int], images: int = 10, each: int = 100) -> Meter:
    """Return a meter after calls that each took seconds, brought images and cost money, one after the other."""
    clock = Hands()
    meter = Meter(clock, jobs_total=images, images_wanted=images, expected=each * images, high=2 * each * images)
    for number, (seconds, came, cost) in enumerate(calls):
        facts = {"attempt": str(number), "job": str(number), "purpose": "first", "reserved_micro_usd": 2 * each}
        meter.note("dispatched", facts)
        clock.time += seconds
        meter.note("settled", {"attempt": str(number), "pictures": came, "cost_micro_usd": cost})
    return meter


@pytest.mark.parametrize(
    ("calls", "projected"),
    [
        ((), 1000),
        (((5, 1, 100),), 1000),
        (((5, 1, 150), (5, 1, 150)), 1100),
        (((5, 0, 0), (5, 1, 100)), 1000),
        (((5, 1, 100),) * 10, 1000),
        (((5, 0, 100),) * 12, 1200),
    ],
)
def test_what_a_run_will_have_cost_is_what_it_spent_and_what_is_expected_of_the_rest(
    calls: tuple[tuple[float, int, int], ...], projected: int
) -> None:
    """Calls that cost more or less than expected count as they did; free ones are still to come; ten images of 100."""
    assert drawn(*calls).snapshot(0).projected == projected


def test_the_pace_is_that_of_the_last_minute_and_never_of_two_answers_alone() -> None:
    """Answers that come in one moment say nothing of how long the next ones take."""
    assert drawn().snapshot(0).images_per_minute == 0
    meter = drawn((10, 2, 100), (0, 2, 100))
    told = meter.snapshot(0)
    assert (told.images_per_minute, told.eta_seconds, told.projected_seconds) == (24, 15, 25)
    steady = drawn(*((6, 1, 100),) * 30, images=100).snapshot(0)
    assert steady.images_per_minute == pytest.approx(10, rel=0.15)


def test_what_is_written_is_read_back() -> None:
    """By another process, and of an older version: what that does not say is nothing."""
    progress = drawn((10, 2, 100)).snapshot(3)
    assert from_json(as_json(progress)) == progress
    assert "about $0.0010 and 50 s in all" in progress_line(progress)
    assert from_json({"spent_micro_usd": 5}).projected is None


def test_a_run_is_followed_until_it_ends(scene: Rehearsal) -> None:
    """From its status file alone, however it ends; where no run is, there is nothing to follow."""
    folder = scene.run(scene.manifest([{"id": "lamp", "prompt": "A lamp"}])).folder
    assert [one["exit_code"] for one in follow_status(folder, pytest.fail)] == [0]
    file = next((folder / "runs").iterdir()) / "status.json"
    now = datetime.now(UTC)

    def following(said: list[str]) -> Iterator[Any]:
        writes = iter(said)
        file.write_text(next(writes), "utf-8")
        return follow_status(folder, lambda: file.write_text(next(writes), "utf-8"), lambda: now)

    lines = [f'{{"at": "{now.isoformat()}", "jobs_done": {done}}}' for done in (1, 2)]
    ended = f'{{"at": "{now.isoformat()}", "exit_code": 4}}'
    assert [one.get("exit_code") for one in following([*lines, ended])] == [None, None, 4]
    dead = f'{{"at": "{(now - timedelta(hours=1)).isoformat()}", "jobs_done": 1}}'
    assert [one.get("state", "")[:15] for one in following([lines[0], dead])] == ["", "no sign of life"]
    assert list(following(["{"])) == []


def test_progress_says_how_far_batches_are() -> None:
    """Summed up in words, each by itself in numbers; one that has ended is gone."""
    meter = Meter(Hands())
    told = {"provider_id": "p", "provider": "openai", "model": "m", "state": "in_progress", "failed": 0}
    for name, completed in (("one", 3), ("two", 0), ("one", 4)):
        meter.note("batch_away", {"id": name, "lines": 10, "completed": completed, **told})
    meter.state = AT_PROVIDER
    assert meter.snapshot(0).state == "2 batches at the provider: 4 of 20 lines"
    meter.note("batch_ended", {"batch": "one"})
    assert [one.id for one in meter.batches.values()] == ["two"]
