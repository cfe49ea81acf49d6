"""The program: pull jobs when they can start, perform them side by side, yield what became of each."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from batchgen.engine.admission import Additions
from batchgen.engine.job_runner import JobRunner, Task
from batchgen.engine.stop_reasons import StopReasons, stop_for
from batchgen.errors import NO_MEMORY, BatchgenError, out_of_memory
from batchgen.model import Outcome, Stop, StopKind
from batchgen.runtime.clock import Offload

PULLED_AT_ONCE = 32
"""Jobs planned in one go, away from the event loop."""


async def run(tasks: Iterator[Task], worker: JobRunner, stops: StopReasons, offload: Offload) -> AsyncIterator[Outcome]:
    """Perform tasks as long as nothing stops the run; what is under way then finishes and is yielded too.

    What breaks, in a task or in the plan behind the tasks, stops the run too; a bug is raised when all the others have
    finished.
    """
    source, jobs = Source(tasks, offload, worker.additions), UnderWay(worker.places.news)
    broken: BaseException | None = None
    try:
        while True:
            broken = await _start_some(source, jobs, worker, stops) or broken
            if not jobs:
                break
            for job in await jobs.ended():
                if failure := job.exception():
                    broken = broken or _broke(failure, job.get_name(), stops)
                else:
                    yield job.result()
    finally:
        await jobs.cancel()
    if broken:
        raise broken


async def _start_some(
    source: "Source", jobs: "UnderWay", worker: JobRunner, stops: StopReasons
) -> BaseException | None:
    """Start jobs while there is room for them; gives what broke in the plan behind them."""
    while not stops and worker.places.has_room(len(jobs)):
        try:
            task = await source.pull()
        except Exception as error:  # noqa: BLE001 - what is under way has been paid for: it ends first
            return _broke(error, "planning", stops)
        if task is None:
            break
        jobs.start(worker.perform(task), task.job.id)
    return None


class UnderWay:
    """Jobs side by side. `news` is an event for what may let another one start; every end is such news."""

    def __init__(self, news: asyncio.Event) -> None:
        self._news = news
        self._jobs: set[asyncio.Task[Outcome]] = set()
        self._ended: list[asyncio.Task[Outcome]] = []

    def __len__(self) -> int:
        """How many have not been told as ended."""
        return len(self._jobs)

    def start(self, job: Coroutine[Any, Any, Outcome], name: str) -> None:
        """Let one more run."""
        task = asyncio.create_task(job, name=name)
        self._jobs.add(task)
        task.add_done_callback(self._end)

    async def ended(self) -> Sequence[asyncio.Task[Outcome]]:
        """Wait for news, and tell which jobs ended since they were told last; none when it was other news."""
        await self._news.wait()
        self._news.clear()
        ended, self._ended = self._ended, []
        self._jobs.difference_update(ended)
        return ended

    async def cancel(self) -> None:
        """End all that have not ended."""
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def _end(self, job: asyncio.Task[Outcome]) -> None:
        self._ended.append(job)
        self._news.set()


@dataclass(slots=True)
class Source:
    """Tasks that are planned a few at a time, away from the event loop; those that somebody adds come first."""

    tasks: Iterator[Task]
    offload: Offload
    additions: Additions[Task] | None = None
    _ready: list[Task] = field(default_factory=list)
    _empty: bool = False

    async def pull(self) -> Task | None:
        """Return the next task; None when there are no more."""
        if self.additions and (added := self.additions.take()):
            return added
        if not self._ready and not self._empty:
            self._ready = await self.offload(self._take)
            self._empty = not self._ready
        return self._ready.pop() if self._ready else None

    def _take(self) -> list[Task]:
        return list(islice(self.tasks, PULLED_AT_ONCE))[::-1]


def _broke(error: BaseException, where: str, stops: StopReasons) -> BaseException | None:
    """Stop the run for an error; it is returned when it is a bug, and not one of our own for people to read."""
    if out_of_memory(error):
        stops.add(Stop(StopKind.STORAGE, NO_MEMORY))
        return None
    if not isinstance(error, BatchgenError):
        stops.add(Stop(StopKind.BUG, f"{where}: {error!r}"))
        return error
    stops.add(stop_for(error, StopKind.UNAVAILABLE))
    return None
