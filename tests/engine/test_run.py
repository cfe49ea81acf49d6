"""Laws of the program: pulling, ending, breaking."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchgen.engine.job_runner import Task
from batchgen.engine.run import PULLED_AT_ONCE
from batchgen.errors import StorageError
from batchgen.model import Attempt, Limits, Outcome, OutcomeKind, Receipt, Settings, Stop, StopKind
from tests import virtual_time
from tests.simulation.provider import Sky, Weather
from tests.simulation.world import Players, Scene, World, jobs


class Bug(Exception):
    """Something that must never happen."""


class Broken(Sky):
    """Breaks at the third call, while others are under way."""

    async def whole(self, attempt: Attempt) -> Receipt:
        if len(self.calls) == 3:
            await asyncio.sleep(1)
            raise Bug
        return await super().whole(attempt)


@pytest.fixture
def players(tmp_path: Path) -> Iterator[Callable[..., Players]]:
    """Make everyone who takes part in a run of so many jobs."""
    worlds: list[World] = []

    def make(amount: int = 40, sky: type[Sky] = Sky, concurrency: int = 4) -> Players:
        world = World(tmp_path / "ledger.db")
        worlds.append(world)
        scene = Scene(jobs(amount), settings=Settings("runner", limits=Limits(concurrency=concurrency)))
        world.scene, world.sky, world.run_id = scene, sky(Weather(), 0, {}), "run-0"
        return Players(world, scene, world.sky, "run-0")

    yield make
    for world in worlds:
        world.close()


async def everything(players: Players, tasks: Iterator[Task] | None = None) -> list[Outcome]:
    """Run to the end."""
    players._begin()
    return [one async for one in players.outcomes_of(players._worker(), tasks or players._tasks())]


def test_every_task_is_performed_once(players: Callable[..., Players]) -> None:
    """All of them end, and no more at once than there are places."""
    here = players(100)
    outcomes = virtual_time.run(everything(here))
    assert sorted(one.job.id for one in outcomes) == sorted(one.id for one in here.scene.jobs)
    assert here.sky.most_in_flight == 4


def test_tasks_are_pulled_only_as_they_can_start(players: Callable[..., Players]) -> None:
    """A million jobs are never a million objects."""
    here = players(400)
    behind: list[int] = []

    def watched() -> Iterator[Task]:
        for number, task in enumerate(here._tasks()):
            behind.append(number - len(here.sky.calls))
            yield task

    virtual_time.run(everything(here, watched()))
    assert max(behind) <= PULLED_AT_ONCE + 4


def test_a_stop_leaves_the_rest_where_it_is(players: Callable[..., Players]) -> None:
    """What is under way ends and is told; nothing else begins."""
    here = players(100)

    async def law() -> list[Outcome]:
        asyncio.get_running_loop().call_later(70, here.stops.add, Stop(StopKind.LIMIT, "the time is over"))
        return await everything(here)

    outcomes = virtual_time.run(law())
    done = [one for one in outcomes if one.kind is OutcomeKind.DONE]
    assert len(done) == len(here.sky.calls) < 40
    assert all(one.kind is OutcomeKind.NOT_STARTED for one in outcomes if one not in done)


def test_a_bug_is_raised_after_everything_else_has_ended(players: Callable[..., Players]) -> None:
    """Calls that were paid for are settled first."""
    here = players(sky=Broken)
    with pytest.raises(Bug):
        virtual_time.run(everything(here))
    assert here.stops.has(StopKind.BUG)
    settled = [row.ended is not None for row in here.ledger.report_rows.attempts()]
    assert settled.count(False) == 1
    assert len(settled) <= 7


@pytest.mark.parametrize(
    ("error", "kind"), [(StorageError("the disk reports an error"), StopKind.STORAGE), (Bug(), StopKind.BUG)]
)
def test_what_is_under_way_outlives_a_plan_that_breaks(
    players: Callable[..., Players], error: Exception, kind: StopKind
) -> None:
    """When the next jobs cannot be planned, the calls of the earlier ones still end; only a bug is raised."""
    here, outcomes = players(100), []

    def breaking() -> Iterator[Task]:
        for number, task in enumerate(here._tasks()):
            if number == PULLED_AT_ONCE + 3:
                raise error
            yield task

    async def law() -> None:
        here._begin()
        async for one in here.outcomes_of(here._worker(), breaking()):
            outcomes.append(one)  # noqa: PERF401 - what came before the error counts

    if kind is StopKind.BUG:
        with pytest.raises(Bug):
            virtual_time.run(law())
    else:
        virtual_time.run(law())
    assert {stop.kind for stop in here.stops.reasons} == {kind}
    assert [row.ended is not None for row in here.ledger.report_rows.attempts()] == [True] * len(outcomes)
    assert len(outcomes) == PULLED_AT_ONCE
    assert {one.kind for one in outcomes} == {OutcomeKind.DONE}
