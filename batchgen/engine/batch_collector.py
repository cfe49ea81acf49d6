"""Collects what batches brought: polls all of them together, reads their files, and settles each line."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from random import uniform

from batchgen.engine.batch_recovery import BatchRecovery, close_open
from batchgen.engine.context import RunContext
from batchgen.engine.late_verdict import marks_of
from batchgen.engine.open_items import attempt_of, settle_late
from batchgen.errors import StorageError
from batchgen.executor import BatchRefusedError
from batchgen.executor.batch_output import OutputLine
from batchgen.ledger import BatchRow, BatchState
from batchgen.model import Charge, Phase, Reason, ReasonCode, Receipt, Remedy, SlotState, Stop, StopKind, Verdict
from batchgen.providers.batches import QUEUE_IS_FULL, BatchError, BatchStatus, ProviderBatch

FIRST_WAIT, LONGEST_WAIT, GROWTH = 15.0, 600.0, 1.5
"""Seconds between two polls."""
MOST_READS = 5
"""Tries in a row to read a file that bring nothing more."""
MISSING = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "batch_line_missing", "its line is in neither file of the batch")
UNDONE = {
    BatchStatus.EXPIRED: Verdict(Charge.NO, Remedy.RETRY, "batch_expired", "the batch ended before it was its turn"),
    BatchStatus.CANCELLED: Verdict(
        Charge.NO, Remedy.RETRY, "batch_cancelled", "the batch was cancelled before its turn"
    ),
    BatchStatus.FAILED: Verdict(Charge.NO, Remedy.RETRY, "not_sent", "the batch failed before anything was drawn"),
}


class UnreadError(Exception):
    """A file of a batch could not be read to its end now; what was read is settled."""


class BatchCollector:
    """Collects batches; one instance serves a whole run."""

    def __init__(self, bench: RunContext) -> None:
        assert bench.lane.batches is not None, "whoever collects batches knows where they are"
        self.bench = bench
        self._batches = bench.lane.batches
        self._recovery = BatchRecovery(bench)
        self._wait = FIRST_WAIT
        self._at_least = 0.0

    async def look(self) -> int:
        """Look once at every open batch, and collect those that have ended; how many have."""
        bench, ended = self.bench, 0
        for row in await self.rows():
            if bench.stops:
                break
            if row.state is not BatchState.SUBMITTED:
                await self._recovery.settle(row.id)
                (row,) = [one for one in await bench.offload(bench.ledger.batches.every) if one.id == row.id]  # noqa: PLW2901
            # One of which nobody knows yet whether it was created waits for the next look.
            is_there = row.state is BatchState.SUBMITTED
            ended += row.state is BatchState.ENDED or (is_there and await self._poll(row))
        await self._clean()
        return ended

    async def wait(self, left: Callable[[], Awaitable[float]] | None = None) -> bool:
        """Wait until a batch has ended and is collected, or the run stops; False when nothing is open any more.

        `left` says for how many seconds more there is time to wait.
        """
        while not self.bench.stops:
            most = await left() if left else float("inf")
            if most <= 0 or not await self.rows():
                return False
            seconds = max(self._at_least, self._wait * uniform(0.75, 1.25))  # noqa: S311 - jitter, no secret
            await self.bench.pause(min(seconds, most))
            self._wait = min(LONGEST_WAIT, self._wait * GROWTH)
            self._at_least = 0.0
            if not self.bench.stops and await self.look():
                self._wait = FIRST_WAIT
                return True
        return False

    async def rows(self) -> list[BatchRow]:
        """List the open batches of this run's provider."""
        rows = await self.bench.offload(self.bench.ledger.batches.open)
        return [row for row in rows if row.provider == self.bench.lane.provider.name]

    async def _poll(self, row: BatchRow) -> bool:
        """Ask how a batch stands; whether it has ended, and everything of it is settled."""
        bench, client = self.bench, self._batches.client_at(row.base_url)
        assert row.provider_id is not None, "what was submitted has an id there"
        try:
            told = await client.batch(row.provider_id)
        except BatchRefusedError as error:
            self._postpone(row, error.verdict)
            return False
        if told is None:
            bench.note("batch_unseen", batch=row.id, why="the provider shows this key no such batch")
            return False
        files = (told.output_file, told.error_file)
        await bench.offload(bench.ledger.batches.told, row.id, told.word, told.completed, told.failed, files)
        bench.note("batch_polled", batch=row.id, status=told.word, completed=told.completed, failed=told.failed)
        return told.status.final and await self._collect(row, told)

    async def cancel(self, row: BatchRow) -> None:
        """Ask for a batch to be cancelled; whether it was is seen when it is looked at."""
        if row.provider_id is None:
            return
        try:
            await self._batches.client_at(row.base_url).cancel(row.provider_id)
        except BatchRefusedError as error:
            self._postpone(row, error.verdict)
        self.bench.note("batch_cancelled", batch=row.id)

    def _postpone(self, row: BatchRow, verdict: Verdict) -> None:
        """Leave a batch for the next look; a key that is refused stops the run."""
        self._at_least = max(self._at_least, verdict.retry_after or 0.0)
        self.bench.note("batch_postponed", batch=row.id, code=verdict.code, why=verdict.message)
        if verdict.remedy in {Remedy.PROBE_ACCOUNT, Remedy.STOP_ACCOUNT}:
            self.bench.stops.add(Stop(StopKind.ACCOUNT, f"{verdict.code}: {verdict.message}"))

    # ---- a batch that has ended --------------------------------------------------------------------------------------

    async def _collect(self, row: BatchRow, told: ProviderBatch) -> bool:
        """Settle every line of a batch, and end it."""
        bench = self.bench
        reading = Reading(bench, row)
        try:
            for file_id in filter(None, (told.output_file, told.error_file)):
                await reading.read(file_id)
        except UnreadError as error:
            bench.note("batch_postponed", batch=row.id, code="unread", why=str(error))
            return False
        except StorageError as error:
            bench.stops.add(Stop(StopKind.STORAGE, str(error)))
            return False
        if told.status is BatchStatus.FAILED:
            await self._failed(row, told.errors)
        undone = UNDONE.get(told.status, MISSING)
        await close_open(bench, row, MISSING if reading.nameless else undone)
        message = "; ".join(f"{error.code}: {error.message}" for error in told.errors)
        await bench.offload(bench.ledger.batches.end, row.id, told.word, message)
        bench.note("batch_ended", batch=row.id, status=told.word, why=message)
        return True

    async def _failed(self, row: BatchRow, errors: tuple[BatchError, ...]) -> None:
        """Learn what a failed batch says: a limit, or which jobs it cannot be drawn with."""
        bench = self.bench
        if any(error.code == QUEUE_IS_FULL for error in errors):
            most = max(1, row.tokens // 2)
            await bench.offload(bench.ledger.queue_limits.keep, row.provider, self._batches.key, row.model, most)
            return
        for error in errors:
            line = await bench.offload(bench.ledger.batches.line, row.id, error.line or 0)
            if line and line.ended is None:
                verdict = Verdict(Charge.NO, Remedy.FAIL_JOB, error.code or "invalid", error.message)
                words = f"line {error.line} of the batch: {error.message}"
                marks = dict.fromkeys(line.slots, (SlotState.FAILED, Reason(ReasonCode.REFUSED, error.code, words)))
                await settle_late(bench, line, Receipt(line.id, Phase.COMPLETE, verdict), marks)
        if not any(error.line for error in errors):
            why = "; ".join(f"{error.code}: {error.message}" for error in errors) or "the provider does not say why"
            bench.stops.add(Stop(StopKind.UNAVAILABLE, f"a batch failed: {why}"))

    async def _clean(self) -> None:
        """Delete the files of batches that have ended at the provider, unless they are to stay."""
        bench = self.bench
        for row in await bench.offload(bench.ledger.batches.with_files):
            if row.provider != bench.lane.provider.name:
                continue
            client, files = self._batches.client_at(row.base_url), (row.input_file, row.output_file, row.error_file)
            try:
                for file_id in filter(None, () if bench.settings.batch.keep_files else files):
                    await client.delete(file_id)
            except BatchRefusedError as error:
                bench.note("batch_files_left", batch=row.id, why=error.verdict.message)
                continue
            await bench.offload(bench.ledger.batches.cleaned, row.id)


class Reading:
    """One reading of a batch's files. `nameless`: a line came that cannot be read, and does not say whose it is."""

    def __init__(self, bench: RunContext, row: BatchRow) -> None:
        assert bench.lane.batches is not None, "the batch is somewhere"
        self._bench = bench
        self._row = row
        self._client = bench.lane.batches.client_at(row.base_url)
        self._files = bench.lane.batches.output_at(row.base_url)
        self._seen: set[str] = set()
        self._offset = 0
        self.nameless = False

    async def read(self, file_id: str) -> None:
        """Read a file to its end, line by line; UnreadError when that cannot be done now.

        What breaks off is resumed behind the last line that was settled.
        """
        self._offset, tries, why = 0, 0, ""
        while tries < MOST_READS:
            if tries:
                await self._bench.pause(2.0 ** (tries - 1))
            if self._bench.stops:
                break
            before = self._offset
            try:
                await self._go_on(file_id)
            except BatchRefusedError as error:
                tries = tries + 1 if before == self._offset else 1
                why = f"{file_id}: {error.verdict.code}: {error.verdict.message}"
            else:
                return
        raise UnreadError(why or "the run stopped")

    async def _go_on(self, file_id: str) -> None:
        """Read on behind the last line that was settled; one that is gone for good has no lines any more."""
        file = await self._client.file(file_id)
        if file is None:
            return
        async with aclosing(self._files.lines(self._row.id, file_id, self._offset, file.bytes or None)) as lines:
            async for line in lines:
                await self._take(line)
                self._offset = line.end
                if self._bench.stops:
                    raise UnreadError("the run stopped")

    async def _take(self, line: OutputLine) -> None:
        """Settle one line; what is settled already, and what is not ours, is passed over."""
        bench, name = self._bench, line.custom_id
        row = await bench.offload(bench.ledger.attempts.find, name) if name else None
        if row is None or row.handle != self._row.id:
            self.nameless = self.nameless or (line.broken and not name)
            bench.note("batch_line_strange", batch=self._row.id, line=name[:60], broken=line.broken)
        elif row.ended is not None:
            if name in self._seen:
                bench.note("batch_line_again", batch=self._row.id, attempt=row.id, job=row.job_id)
        else:
            receipt = await line.receipt(attempt_of(row))
            before = await bench.offload(bench.ledger.attempts.before, row)
            await settle_late(bench, row, receipt, marks_of(row, receipt, before, bench.settings))
            await bench.forget(row.id)
        self._seen.add(name)
        await line.drop()
