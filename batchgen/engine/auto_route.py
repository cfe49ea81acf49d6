"""Batches as long as everything can be there in time, then calls. Nothing is ever asked for on both routes at once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta

from batchgen.engine.batch_collector import BatchCollector
from batchgen.engine.batch_submitter import BatchSubmitter
from batchgen.engine.context import RunContext
from batchgen.engine.job_runner import JobRunner, Task
from batchgen.engine.ready_by import MARGIN, MOST_SECONDS, Work, by_calls, deadline, last_moment
from batchgen.engine.run import run
from batchgen.ledger import BatchRow
from batchgen.model import Outcome
from batchgen.providers.batches import BatchStatus

LOOK_EVERY = 15.0
"""Seconds between two looks at batches that are being cancelled."""


class AutoRoute:
    """Draws what a run wants by its deadline, as cheaply as that allows.

    `tasks` plans anew each time it is called; `planned` is how long all of it takes by calls, as far as that is known.
    `others` draws what is not asked for in batches, once those are submitted.
    """

    def __init__(
        self,
        bench: RunContext,
        worker: JobRunner,
        tasks: Callable[[], Iterator[Task]],
        planned: timedelta,
        others: Callable[[], Awaitable[None]],
    ) -> None:
        self.bench = bench
        self._worker = worker
        self._tasks = tasks
        self._planned = planned
        self._others = others
        self._submitter = BatchSubmitter(bench)
        self._collector = BatchCollector(bench)

    async def draw(self) -> AsyncIterator[Outcome]:
        """Draw everything; tells how each job ended in calls, and what was submitted."""
        bench, until = self.bench, await self._deadline()
        self._submitter.deadline = until
        late = last_moment(until, self._planned * MARGIN) <= bench.clock.now()
        while not (late or bench.stops) and await self._left(until) > 0:
            async for outcome in self._submitter.submit(self._tasks()):
                yield outcome
            await self._others()
            if not await self._open():
                break  # everything is there, or nothing more can be submitted
            await self._collector.wait(lambda: self._left(until))
        await self._others()
        async for outcome in self._by_calls():
            yield outcome

    async def _by_calls(self) -> AsyncIterator[Outcome]:
        """Cancel what is open, and draw what each batch did not bring once it has ended."""
        bench = self.bench
        while not bench.stops:
            for row in await self._open():
                if row.status != BatchStatus.CANCELLING:  # as long as the provider does not say so, it is asked
                    await self._collector.cancel(row)
            async for outcome in run(self._tasks(), self._worker, bench.stops, bench.offload):
                yield outcome
            if not await self._open():
                return
            await bench.pause(LOOK_EVERY)
            await self._collector.look()

    async def _deadline(self) -> datetime:
        """Say when everything has to be there, fixed at the first submission of what is still open."""
        bench, ready_by = self.bench, self.bench.settings.batch.ready_by
        fixed = [row.deadline for row in await self._open() if row.deadline]
        if fixed:
            return min(fixed)
        assert ready_by is not None, "the manifest was checked"
        budget = bench.settings.budget
        return deadline(ready_by, bench.clock.now(), budget.timezone if budget else "UTC")

    async def _left(self, until: datetime) -> float:
        """Seconds for which batches may still take their time."""
        rows = await self._open()
        models = [self.bench.lane.tariff.model(row.model) for row in rows]
        known = [seconds for model in models if model for _, seconds in model.typical_seconds]
        work = Work(
            sum(row.images for row in rows),
            sum(row.lines for row in rows),
            sum(row.lines for row in rows if row.endpoint.endswith("edits")),
            max(known, default=MOST_SECONDS),
        )
        moment = last_moment(until, by_calls(work, self.bench.settings.limits))
        return (moment - self.bench.clock.now()).total_seconds()

    async def _open(self) -> list[BatchRow]:
        return await self._collector.awaited()
