"""Collects what batches brought: polls all of them together, reads their files, and settles each line."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from random import uniform

from batchgen.engine.batch_reading import BatchReading, UnreadError
from batchgen.engine.batch_recovery import BatchRecovery, close_open, note_away
from batchgen.engine.context import RunContext
from batchgen.engine.lane import Lane
from batchgen.engine.open_items import settle_late
from batchgen.engine.stop_reasons import stop_for
from batchgen.errors import StorageError
from batchgen.executor.batch_client import BatchRefusedError
from batchgen.ledger import BatchRow, BatchState
from batchgen.model import Cause, Charge, Phase, Reason, ReasonCode, Receipt, Remedy, SlotState, Stop, StopKind, Verdict
from batchgen.providers.batches import QUEUE_IS_FULL, BatchError, BatchStatus, ProviderBatch, operation_at

FIRST_WAIT, LONGEST_WAIT, GROWTH = 15.0, 600.0, 1.5
"""Seconds between two polls."""
LONGEST_POSTPONED = timedelta(hours=1)
"""A provider may ask for so long a pause; whatever says more was written with another clock."""
KEPT = timedelta(days=30)
"""How long a provider keeps the files of a batch: whoever does not see it by then never will."""
MISSING = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "batch_line_missing", "its line is in neither file of the batch")
UNDONE = {
    BatchStatus.EXPIRED: Verdict(Charge.NO, Remedy.RETRY, "batch_expired", "the batch ended before it was its turn"),
    BatchStatus.CANCELLED: Verdict(
        Charge.NO, Remedy.RETRY, "batch_cancelled", "the batch was cancelled before its turn"
    ),
    BatchStatus.FAILED: Verdict(Charge.NO, Remedy.RETRY, "not_sent", "the batch failed before anything was drawn"),
}


def lane_of(row: BatchRow, lanes: Sequence[Lane]) -> Lane | None:
    """Return the provider that has a batch: the one that has or had its name, or the one at its address."""
    named = next((lane for lane in lanes if lane.is_called(row.provider)), None)
    return named or next((lane for lane in lanes if lane.provider.base_url == row.base_url), None)


class BatchCollector:
    """Collects the batches of one provider; one instance serves a whole run."""

    def __init__(self, context: RunContext, lane: Lane | None = None) -> None:
        self._lanes = context.lanes
        self.context = context.only(lane or context.lane)
        self._batches = self.context.batches
        self._recovery = BatchRecovery(self.context)
        self._wait = FIRST_WAIT
        self._at_least = 0.0
        self._not_awaited: set[str] = set()
        self._dear: Stop | None = None

    async def look(self) -> int:
        """Look once at every open batch, and collect those that have ended; how many have."""
        context, ended = self.context, 0
        for row in await self.rows():
            if context.stops:
                break
            if lane_of(row, self._lanes) is None:
                ended += await self._unseen(row, f"it is at {row.provider}, which this run does not ask")
                continue
            if row.state is not BatchState.SUBMITTED:
                await self._recovery.settle(row.id)
                row = await context.offload(context.ledger.batches.find, row.id)  # noqa: PLW2901
            # One of which nobody knows yet whether it was created waits for the next look.
            is_due = row.state is BatchState.SUBMITTED and not self._is_early(row)
            ended += row.state is BatchState.ENDED or (is_due and await self._poll(row))
        await self._clean()
        if self._dear:  # once all that has ended is collected
            context.take_out(context.lane, self._dear)
        return ended

    async def wait(self, left: Callable[[], Awaitable[float]] | None = None) -> bool:
        """Wait until a batch has ended and is collected, or the run stops; False when nothing is open any more.

        `left` says for how many seconds more there is time to wait.
        """
        while not self.context.stops:
            most = await left() if left else float("inf")
            if most <= 0 or not await self.awaited():
                return False
            seconds = max(self._at_least, self._wait * uniform(0.75, 1.25))  # noqa: S311 - jitter, no secret
            await self.context.pause(min(seconds, most))
            self._wait = min(LONGEST_WAIT, self._wait * GROWTH)
            self._at_least = 0.0
            if not self.context.stops and await self.look():
                self._wait = FIRST_WAIT
                return True
        return False

    async def rows(self) -> list[BatchRow]:
        """List the open batches of this provider."""
        return [row for row in await self.context.offload(self.context.ledger.batches.open) if self._is_mine(row)]

    async def awaited(self) -> list[BatchRow]:
        """List those of them for which it makes sense to wait: the ones that the provider shows this key, with room."""
        return [row for row in await self.rows() if row.id not in self._not_awaited]

    def _is_mine(self, row: BatchRow) -> bool:
        """Whether it is at this provider; what is at none of the run's, the first one tells of."""
        return (lane_of(row, self._lanes) or self._lanes[0]) is self.context.lane

    def _is_early(self, row: BatchRow) -> bool:
        """Whether the provider asked for a pause that is not over."""
        wait = (row.next_look - self.context.clock.now()) if row.next_look else timedelta()
        if not timedelta() < wait <= LONGEST_POSTPONED:
            return False
        self._at_least = max(self._at_least, wait.total_seconds())
        return True

    async def _poll(self, row: BatchRow) -> bool:
        """Ask how a batch stands; whether it has ended, and everything of it is settled."""
        context, client = self.context, self._batches.client_at(row.base_url)
        assert row.provider_id is not None, "what was submitted has an id there"
        try:
            told = await client.batch(row.provider_id, row.id)
        except BatchRefusedError as error:
            await self._postpone(row, error.verdict)
            return False
        if told is None:
            return await self._unseen(row, "the provider shows this key no such batch")
        files = (told.output_file, told.error_file)
        await context.offload(context.ledger.batches.told, row.id, told.word, told.completed, told.failed, files)
        context.note("batch_polled", batch=row.id, status=told.word, completed=told.completed, failed=told.failed)
        if told.status is BatchStatus.UNKNOWN and told.word != row.status:
            context.note("batch_status_unknown", batch=row.id, status=told.word)
        note_away(context, await context.offload(context.ledger.batches.find, row.id))
        return told.status.final and await self._collect(row, told)

    async def cancel(self, row: BatchRow) -> None:
        """Ask for a batch to be cancelled; whether it was is seen when it is looked at."""
        if row.provider_id is None:
            return
        try:
            await self._batches.client_at(row.base_url).cancel(row.provider_id)
        except BatchRefusedError as error:
            await self._postpone(row, error.verdict)
        else:
            self.context.note("batch_cancelled", batch=row.id)

    async def _unseen(self, row: BatchRow, why: str) -> bool:
        """Tell why this run does not see a batch; once its files are gone for certain, what it drew is held."""
        context = self.context
        self._not_awaited.add(row.id)
        context.note("batch_unseen", batch=row.id, provider_id=row.provider_id, why=why)
        if self._may_come(row):
            return False
        await self._recovery.hold(row)
        return True

    def _may_come(self, row: BatchRow) -> bool:
        return self.context.clock.now() - row.created < KEPT

    async def _postpone(self, row: BatchRow, verdict: Verdict) -> None:
        """Leave a batch for the next look; a key that is refused stops the run.

        A pause that the provider asks for is one for all of its batches, and for later runs too.
        """
        if verdict.retry_after:
            self._at_least = max(self._at_least, verdict.retry_after)
            until = self.context.clock.now() + min(LONGEST_POSTPONED, timedelta(seconds=verdict.retry_after))
            for one in await self.rows():
                await self.context.offload(self.context.ledger.batches.postpone, one.id, until)
        self.context.note("batch_postponed", batch=row.id, code=verdict.code, why=verdict.message)
        if verdict.remedy in {Remedy.PROBE_ACCOUNT, Remedy.STOP_ACCOUNT}:
            self.context.stops.add(Stop(StopKind.ACCOUNT, f"{verdict.code}: {verdict.message}"))

    # ---- a batch that has ended --------------------------------------------------------------------------------------

    async def _collect(self, row: BatchRow, told: ProviderBatch) -> bool:
        """Settle every line of a batch, and end it."""
        context = self.context
        reading = BatchReading(context, row)
        try:
            for file_id in filter(None, (told.output_file, told.error_file)):
                await reading.read(file_id)
        except UnreadError as error:
            if error.verdict:
                context.note("batch_unread", batch=row.id, file=error.file_id, why=error.verdict.message)
                await self._postpone(row, error.verdict)
            if error.verdict is None or self._may_come(row):
                return False
            reading.gone = True
        except StorageError as error:
            context.stops.add(stop_for(error, StopKind.STORAGE))
            return False
        finally:  # what was read of a file that breaks off is settled too
            self._dear = self._dear or reading.dear
        if reading.occupied:  # somebody has to make room first: looking again does not
            self._not_awaited.add(row.id)
            return False
        if told.status is BatchStatus.FAILED:
            await self._failed(row, told.errors)
        else:
            rise = context.ledger.queue_limits.rise
            await context.offload(rise, row.provider, self._batches.key, row.model, row.tokens)
        undone = UNDONE.get(told.status, MISSING)
        await close_open(context, row, MISSING if _lacks_some(reading, told) else undone)
        message = "; ".join(f"{error.code}: {error.message}" for error in told.errors)
        await context.offload(context.ledger.batches.end, row.id, told.word, message)
        context.note("batch_ended", batch=row.id, status=told.word, why=message)
        return True

    async def _failed(self, row: BatchRow, errors: tuple[BatchError, ...]) -> None:
        """Learn what a failed batch says: a limit, or which jobs it cannot be drawn with."""
        context = self.context
        if any(error.code == QUEUE_IS_FULL for error in errors):
            most = max(1, row.tokens // 2)
            await context.offload(context.ledger.queue_limits.keep, row.provider, self._batches.key, row.model, most)
            return
        if refused := next((error for error in errors if error.of_model), None):
            said = f"{refused.code}: {refused.message}"
            stop = Stop(StopKind.CONFIG, Cause.NO_MODEL.what, said, Cause.NO_MODEL)
            context.close_part(context.lane, (operation_at(row.endpoint), row.model), stop)
            return
        for error in errors:
            line = await context.offload(context.ledger.batches.line, row.id, error.line or 0)
            if line and line.ended is None:
                verdict = Verdict(Charge.NO, Remedy.FAIL_JOB, error.code or "invalid", error.message)
                words = f"line {error.line} of the batch: {error.message}"
                marks = dict.fromkeys(line.slots, (SlotState.FAILED, Reason(ReasonCode.REFUSED, error.code, words)))
                await settle_late(context, line, Receipt(line.id, Phase.COMPLETE, verdict), marks)
        if not any(error.line for error in errors):
            why = "; ".join(f"{error.code}: {error.message}" for error in errors) or "the provider does not say why"
            context.stops.add(Stop(StopKind.UNAVAILABLE, f"a batch failed: {why}"))

    async def _clean(self) -> None:
        """Delete the files of batches that have ended at the provider, unless they are to stay."""
        context = self.context
        for row in await context.offload(context.ledger.batches.with_files):
            if not self._is_mine(row):
                continue
            client, files = self._batches.client_at(row.base_url), (row.input_file, row.output_file, row.error_file)
            try:
                for file_id in filter(None, () if context.settings.batch.keep_files else files):
                    await client.delete(file_id)
            except BatchRefusedError as error:
                context.note("batch_files_left", batch=row.id, why=error.verdict.message)
                continue
            await context.offload(context.ledger.batches.cleaned, row.id)


def _lacks_some(reading: BatchReading, told: ProviderBatch) -> bool:
    """Whether something may have been drawn that stands in no line."""
    return reading.nameless or reading.gone or reading.answered < told.completed
