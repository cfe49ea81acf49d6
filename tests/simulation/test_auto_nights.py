"""Nights of the automatic route in virtual time: everything there by the deadline, as cheaply as that allows."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from batchgen.engine.auto_route import MOST_SECONDS, AutoRoute, Work, by_calls, deadline, last_moment
from batchgen.engine.context import RunContext
from batchgen.engine.job_runner import JobRunner, Task
from batchgen.engine.open_items import LeftOpen
from batchgen.executor.batch_client import BatchRefusedError, UploadedFile
from batchgen.ledger import AttemptRow
from batchgen.model import (
    Attempt,
    BatchRules,
    BatchSettings,
    Charge,
    Limits,
    Outcome,
    Receipt,
    Remedy,
    RouteChoice,
    Settings,
    Verdict,
)
from batchgen.money import MicroUSD
from batchgen.planner import Tally
from batchgen.providers.batches import BatchStatus, ProviderBatch
from tests.simulation.provider import Sky, Weather
from tests.simulation.world import Players, Scene, World, jobs

FAILED = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "server_error", "oops")
DAY = 86_400.0


@dataclass
class OfficeLine:
    """A line of an output file."""

    custom_id: str
    came: Receipt
    end: int = 0
    broken: bool = False
    succeeded: bool = True

    async def receipt(self, _attempt: Attempt) -> Receipt:
        return self.came

    async def drop(self) -> None:
        """Keep nothing."""


@dataclass
class OfficeBatch:
    """A batch: when each of its lines is drawn, when it ends by itself, and when it was cancelled."""

    id: str
    ours: str
    attempts: Sequence[Attempt]
    done_at: Sequence[float]
    ends: float
    cancelled: float | None = None
    gives_way: float = 0.0
    lines: list[OfficeLine] | None = None


@dataclass
class Office:
    """The provider's files and batches: slow, fast, expired or for ever on their way, as the dice fall."""

    sky: Sky
    chance: random.Random
    key: None = None
    rules: BatchRules = field(default_factory=BatchRules)
    known: dict[str, OfficeBatch] = field(default_factory=dict)
    written: dict[str, Sequence[Attempt]] = field(default_factory=dict)

    @property
    def client(self) -> "Office":
        return self

    @property
    def input(self) -> "Office":
        return self

    def client_at(self, _base_url: str) -> "Office":
        return self

    def output_at(self, _base_url: str) -> "Office":
        return self

    async def write(self, batch_id: str, attempts: Sequence[Attempt], _file_of: object) -> tuple[Path, Sequence[Any]]:
        self.written[batch_id] = attempts
        return Path(batch_id), ()

    def forget(self, batch_id: str) -> None:
        """Keep nothing."""

    async def upload(self, data: Path, *_: object) -> UploadedFile:
        await asyncio.sleep(self.chance.uniform(0.1, 20))
        return UploadedFile(f"file-{data}", 1)

    async def file(self, file_id: str) -> UploadedFile:
        return UploadedFile(file_id, 1)

    async def delete(self, _file_id: str) -> None:
        """Keep nothing."""

    async def create(self, _file_id: str, _endpoint: str, ours: str) -> ProviderBatch:
        now, attempts = self._now, self.written[ours]
        lasts = self.chance.choice((600.0, 3600.0, 6 * 3600.0, 3 * DAY)) * self.chance.uniform(0.5, 1.5)
        done_at = [now + self.chance.uniform(60, lasts) for _ in attempts]
        mine = OfficeBatch(f"batch-{len(self.known)}", ours, attempts, done_at, min(now + DAY, max(done_at) + 60))
        self.known[mine.id] = mine
        await asyncio.sleep(1)
        if self.chance.random() < 0.1:
            raise BatchRefusedError(FAILED, 500, unclear=True)
        return self._told(mine)

    async def find(self, ours: str, _file_id: str | None) -> ProviderBatch | None:
        return next((self._told(one) for one in self.known.values() if one.ours == ours), None)

    async def batch(self, provider_id: str, _ours: str) -> ProviderBatch:
        await asyncio.sleep(0.5)
        if self.chance.random() < 0.05:
            raise BatchRefusedError(FAILED, 503, unclear=True)
        return self._told(self.known[provider_id])

    async def cancel(self, provider_id: str) -> ProviderBatch:
        if self.chance.random() < 0.1:
            raise BatchRefusedError(FAILED, 503, unclear=True)
        one = self.known[provider_id]
        if one.cancelled is None and self._now < one.ends:
            one.cancelled, one.gives_way = self._now, self.chance.uniform(0, 600)
        return self._told(one)

    async def lines(self, ours: str, *_: object) -> AsyncGenerator[OfficeLine]:
        one = next(one for one in self.known.values() if one.ours == ours)
        for line in one.lines or ():
            yield line

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _told(self, one: OfficeBatch) -> ProviderBatch:
        """Tell of a batch; once it has ended, what it drew by then is on the bill."""
        now = self._now
        stopped = one.cancelled is not None and one.cancelled < one.ends
        ends = min(one.ends, (one.cancelled or 0) + one.gives_way) if stopped else one.ends
        done = [a for a, at in zip(one.attempts, one.done_at, strict=True) if at <= min(now, ends)]
        if now < ends:
            status = BatchStatus.CANCELLING if stopped else BatchStatus.UNDER_WAY
        elif len(done) == len(one.attempts):
            status = BatchStatus.COMPLETED
        else:
            status = BatchStatus.CANCELLED if stopped else BatchStatus.EXPIRED
        if status.final and one.lines is None:
            one.lines = [OfficeLine(a.id, self.sky._drawn(a, a.n)) for a in done]
        word = "in_progress" if status is BatchStatus.UNDER_WAY else status.value
        return ProviderBatch(one.id, status, word, one.ours, "out" if status.final else None, None, len(done), 0)


class NightPlayers(Players):
    """Those who take part in a night: the automatic route, and an office beside the provider of calls."""

    async def outcomes_of(self, worker: JobRunner, tasks: Iterator[Task]) -> AsyncIterator[Outcome]:
        sums = Tally(self.scene.settings.limits)
        for _ in sums.watch(self.pairing.plan(self.scene.jobs)):
            pass
        planned = timedelta(seconds=sums.total().wall_seconds)
        async with worker.collector.looking(LeftOpen()):
            async for outcome in AutoRoute(worker.context, worker, self._tasks, planned, self._no_others).draw():
                yield outcome

    async def _no_others(self) -> None:
        """All of them go by this route."""

    def _context(self) -> RunContext:
        context = super()._context()
        context.lane.batches = cast("Any", Office(self.sky, self.chance))
        return context


class NightWorld(World):
    """A folder in which nights are spent."""

    def _players(self, scene: Scene, sky: Sky) -> Players:
        return NightPlayers(self, scene, sky, self.run_id)


def never_both(rows: Sequence[AttemptRow]) -> None:
    """See that nothing of a job was asked for while something of it was still under way."""
    by_job: dict[str, list[AttemptRow]] = {}
    for row in rows:
        by_job.setdefault(row.job_key, []).append(row)
    for mine in by_job.values():
        ordered = sorted(mine, key=lambda row: row.started)
        for before, after in pairwise(ordered):
            assert before.ended is not None
            assert before.ended <= after.started, (before.route, after.route)


def night(world: NightWorld, seed: int) -> tuple[bool, bool]:
    """Spend one night; whether the deadline could be kept, and whether calls were needed."""
    chance = random.Random(seed)
    random.seed(seed)
    limits = Limits(
        images_per_minute=chance.choice([None, 5, 20, 50]),
        concurrency=chance.choice([1, 4, 16]),
        max_cost=MicroUSD(500_000_000),
    )
    ready_by: time | float = time(7) if chance.random() < 0.5 else chance.uniform(1200, 30 * 3600.0)
    batch = BatchSettings(ready_by=ready_by, max_lines=chance.choice([5, 50_000]))
    settings = Settings("sim", limits=limits, route=RouteChoice.AUTO, batch=batch)
    scene = Scene(jobs(chance.randint(1, 60)), Weather(seconds=(5.0, 30.0)), settings)
    world.clock.drift = timedelta(seconds=chance.uniform(0, DAY))
    start = world.clock._start + world.clock.drift
    until = deadline(ready_by, start, "UTC")
    story = world.run(scene)
    assert not world.broken, world.broken
    assert world.ledger.accounts.audit() == ()
    assert story.totals.images.stored == len(scene.jobs), story.totals.images
    assert set(world.given.values()) == {1}
    rows = list(world.ledger.report_rows.attempts())
    never_both(rows)
    paid = sum(row.cost for row in rows)
    assert paid == story.sky.billed
    sync = sum(NightPlayers(world, scene, story.sky, "x").price_list.cost(job, 1).quote.high for job in scene.jobs)
    assert paid <= sync
    work = Work(len(scene.jobs), len(scene.jobs), 0, MOST_SECONDS)
    possible = last_moment(until, by_calls(work, limits)) >= start
    there = max(row.ended for row in rows if row.ended)
    assert there <= until or not possible, (start, there, until)
    return possible, any(row.route == "sync" for row in rows)


def worlds(root: Path, seeds: Sequence[int]) -> Iterator[tuple[bool, bool]]:
    """Spend nights, each in a world of its own."""
    for seed in seeds:
        path = root / f"{seed}.db"
        world = NightWorld(path, seed)
        try:
            yield night(world, seed)
        finally:
            world.close()
            for left in root.glob(f"{seed}.db*"):
                left.unlink()


def test_everything_is_there_by_the_deadline(tmp_path: Path) -> None:
    """Whenever the limits of calls allow it; nothing is asked for on both routes, and nothing costs more than calls."""
    found = list(worlds(tmp_path, range(8)))
    assert {possible for possible, _ in found} >= {True}
    assert {calls for _, calls in found} == {True, False}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_everything_is_there_by_the_deadline_in_a_thousand_nights(tmp_path: Path) -> None:
    """The same, over a thousand seeds."""
    found = list(worlds(tmp_path, range(1000)))
    assert sum(possible for possible, _ in found) > 900
    assert 400 < sum(calls for _, calls in found) < 800
