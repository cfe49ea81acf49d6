"""The program: pull jobs when they can start, perform them side by side, yield what became of each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import islice

from batchgen.clock import Offload
from batchgen.errors import BatchgenError, Exit
from batchgen.model import Outcome, Stop, StopKind
from batchgen.worker import Stops, Task, Worker

PULLED_AT_ONCE = 32
"""Jobs planned in one go, away from the event loop."""


async def run(tasks: Iterator[Task], worker: Worker, stops: Stops, offload: Offload) -> AsyncIterator[Outcome]:
    """Perform tasks as long as nothing stops the run; what is under way then finishes and is yielded too.

    What breaks, in a task or in the plan behind the tasks, stops the run too; a bug is raised when all the others have
    finished.
    """
    source, under_way = Source(tasks, offload), set[asyncio.Task[Outcome]]()
    broken: BaseException | None = None
    try:
        while True:
            while not stops and worker.places.has_room(len(under_way)):
                try:
                    task = await source.pull()
                except Exception as error:  # noqa: BLE001 - what is under way has been paid for: it ends first
                    broken = _broke(error, "planning", stops)
                    break
                if task is None:
                    break
                under_way.add(asyncio.create_task(worker.perform(task), name=task.job.id))
            if not under_way:
                break
            for finished in await _next(under_way, worker):
                under_way.discard(finished)
                if failure := finished.exception():
                    broken = broken or _broke(failure, finished.get_name(), stops)
                else:
                    yield finished.result()
    finally:
        for left in under_way:
            left.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    if broken:
        raise broken


@dataclass(slots=True)
class Source:
    """Tasks that are planned a few at a time, away from the event loop."""

    tasks: Iterator[Task]
    offload: Offload
    _ready: list[Task] = field(default_factory=list)
    _empty: bool = False

    async def pull(self) -> Task | None:
        """The next task; None when there are no more."""
        if not self._ready and not self._empty:
            self._ready = await self.offload(self._take)
            self._empty = not self._ready
        return self._ready.pop() if self._ready else None

    def _take(self) -> list[Task]:
        return list(islice(self.tasks, PULLED_AT_ONCE))[::-1]


def _broke(error: BaseException, where: str, stops: Stops) -> BaseException | None:
    """Stop the run for an error; it is returned when it is a bug, and not one of our own for people to read."""
    if not isinstance(error, BatchgenError):
        stops.add(Stop(StopKind.BUG, f"{where}: {error!r}"))
        return error
    kinds = {Exit.STORAGE: StopKind.STORAGE, Exit.INPUT: StopKind.CONFIG, Exit.ACCOUNT: StopKind.ACCOUNT}
    stops.add(Stop(kinds.get(error.exit, StopKind.UNAVAILABLE), str(error)))
    return None


async def _next(under_way: set[asyncio.Task[Outcome]], worker: Worker) -> set[asyncio.Task[Outcome]]:
    """Tasks that finished; none when only a place became free."""
    place = asyncio.create_task(worker.places.next_rest.wait())
    try:
        done, _ = await asyncio.wait({*under_way, place}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        place.cancel()
    return {task for task in done if task is not place}  # type: ignore[misc]
