"""The program: pull jobs when they can start, perform them side by side, yield what became of each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from batchgen.clock import Offload
from batchgen.model import Outcome, Stop, StopKind
from batchgen.worker import Stops, Task, Worker

PULLED_AT_ONCE = 32
"""Jobs planned in one go, away from the event loop."""


async def run(tasks: Iterator[Task], worker: Worker, stops: Stops, offload: Offload) -> AsyncIterator[Outcome]:
    """Perform tasks as long as nothing stops the run; what is under way then finishes and is yielded too.

    A task that breaks (a bug, never a failed job) stops the run; its exception is raised after the others finished.
    """
    under_way: set[asyncio.Task[Outcome]] = set()
    broken: BaseException | None = None
    waiting = _pull(tasks, offload)
    exhausted = False
    try:
        while True:
            while not stops and not exhausted and worker.has_room(len(under_way)):
                task = await anext(waiting, None)
                if task is None:
                    exhausted = True
                else:
                    under_way.add(asyncio.create_task(worker.perform(task), name=task.job.id))
            if not under_way:
                break
            for finished in await _next(under_way, worker):
                under_way.discard(finished)
                if error := finished.exception():
                    broken = broken or error
                    stops.add(Stop(StopKind.BUG, f"{finished.get_name()}: {error!r}"))
                else:
                    yield finished.result()
    finally:
        for left in under_way:
            left.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    if broken:
        raise broken


async def _pull(tasks: Iterator[Task], offload: Offload) -> AsyncIterator[Task]:
    def take() -> list[Task]:
        return list(islice(tasks, PULLED_AT_ONCE))

    while batch := await offload(take):
        for task in batch:
            yield task


async def _next(under_way: set[asyncio.Task[Outcome]], worker: Worker) -> set[asyncio.Task[Outcome]]:
    """Tasks that finished; none when only a place became free."""
    place = asyncio.create_task(worker.place())
    done, _ = await asyncio.wait({*under_way, place}, return_when=asyncio.FIRST_COMPLETED)
    if place not in done:
        place.cancel()
    done.discard(place)
    return done  # type: ignore[return-value]
