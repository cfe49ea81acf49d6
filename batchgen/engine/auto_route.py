"""Batches as long as everything can be there in time, then calls. Nothing is ever asked for on both routes at once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sized
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from batchgen.engine.batch_chunks import Chunk
from batchgen.engine.batch_collector import BatchCollector
from batchgen.engine.batch_submitter import BatchSubmitter
from batchgen.engine.context import RunContext
from batchgen.engine.job_runner import JobRunner, Task
from batchgen.engine.run import run
from batchgen.ledger import BatchRow
from batchgen.model import Limits, Outcome
from batchgen.providers.batches import BatchStatus

LOOK_EVERY = 15.0
"""Seconds between two looks at batches that are being cancelled."""
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


NOTHING = Work()


@dataclass
class AutoRoute:
    """Draws what a run wants by its deadline, as cheaply as that allows.

    `tasks` plans anew each time it is called; `planned` is how long all of it takes by calls, as far as that is known.
    `others` draws what is not asked for in batches, once those are submitted.
    """

    context: RunContext
    worker: JobRunner
    tasks: Callable[[], Iterator[Task]]
    planned: timedelta
    others: Callable[[], Awaitable[None]]
    _is_late: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._submitter = BatchSubmitter(self.context, self._fits)
        self._collector = BatchCollector(self.context)

    async def draw(self) -> AsyncIterator[Outcome]:
        """Draw everything; tells how each job ended in calls, and what was submitted."""
        context = self.context
        until = self._submitter.deadline = await self._deadline()
        self._is_late = last_moment(until, self.planned * MARGIN) <= context.clock.now()
        while await self._may_submit():
            async for outcome in self._submitter.submit(self.tasks()):
                yield outcome
            await self.others()
            if self._is_late or not await self._open():
                break  # everything is there, or nothing more can be submitted
            await self._collector.wait(self._left)
        await self.others()
        async for outcome in self._by_calls():
            yield outcome

    async def _may_submit(self) -> bool:
        return not (self._is_late or self.context.stops) and await self._left() > 0

    async def _by_calls(self) -> AsyncIterator[Outcome]:
        """Cancel what is open, and draw what each batch did not bring once it has ended."""
        context = self.context
        while not context.stops:
            for row in await self._open():
                if row.status != BatchStatus.CANCELLING:  # as long as the provider does not say so, it is asked
                    await self._collector.cancel(row)
            async for outcome in run(self.tasks(), self.worker, context.stops, context.offload):
                yield outcome
            if not await self._open():
                return
            await context.pause(LOOK_EVERY)
            await self._collector.look()

    async def _deadline(self) -> datetime:
        """Say when everything has to be there, fixed at the first submission of what is still open."""
        context, ready_by = self.context, self.context.settings.batch.ready_by
        fixed = [row.deadline for row in await self._open() if row.deadline]
        if fixed:
            return min(fixed)
        assert ready_by is not None, "the manifest was checked"
        budget = context.settings.budget
        return deadline(ready_by, context.clock.now(), budget.timezone if budget else "UTC")

    async def _fits(self, chunk: Chunk) -> bool:
        """Whether there is time for one more batch: else what is not there is drawn by calls, from now on."""
        more = Work(sum(one.n for one in chunk.attempts), len(chunk.attempts), _inputs(chunk.endpoint, chunk.attempts))
        self._is_late = self._is_late or await self._left(more) <= 0
        return not self._is_late

    async def _left(self, more: Work = NOTHING) -> float:
        """Seconds for which batches may still take their time, with so much more in them.

        What the provider says is drawn is not drawn by calls, and is delivered when a batch is cancelled.
        """
        rows = await self._open()
        models = [self.context.lane.price_list.model(row.model) for row in rows]
        known = [seconds for model in models if model for _, seconds in model.typical_seconds]
        lines = [max(0, row.lines - row.completed) for row in rows]
        work = Work(
            more.images + sum(-(-row.images * left // row.lines) for row, left in zip(rows, lines, strict=True)),
            more.calls + sum(lines),
            more.input_images + sum(_inputs(row.endpoint, range(left)) for row, left in zip(rows, lines, strict=True)),
            max(known, default=MOST_SECONDS),
        )
        assert self._submitter.deadline is not None, "it is known before anything is submitted"
        moment = last_moment(self._submitter.deadline, by_calls(work, self.context.settings.limits))
        return (moment - self.context.clock.now()).total_seconds()

    async def _open(self) -> list[BatchRow]:
        return await self._collector.awaited()


def _inputs(endpoint: str, lines: Sized) -> int:
    """Count input images: at least one for each edit."""
    return len(lines) if endpoint.endswith("edits") else 0


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
