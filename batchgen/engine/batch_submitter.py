"""Asks for images in batches: reserve and write down, upload, create; each step is durable before the next one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import uuid4

from batchgen.engine import limit_words
from batchgen.engine.batch_chunks import BATCH, Chunk, Chunks
from batchgen.engine.batch_recovery import BatchRecovery, note_away
from batchgen.engine.context import RunContext
from batchgen.engine.decide import halt
from batchgen.engine.job_runner import Task, given_up, prepared, purposes, split
from batchgen.engine.open_items import settle_late
from batchgen.engine.run import Source
from batchgen.errors import InputError
from batchgen.executor.batch_client import LIVES, BatchRefusedError, UploadedFile
from batchgen.executor.batch_input import Unsendable
from batchgen.ledger import BatchState, CapKind, NewBatch, key_mark
from batchgen.limits import Closed
from batchgen.model import (
    Attempt,
    Charge,
    Outcome,
    OutcomeKind,
    Phase,
    Purpose,
    Reason,
    ReasonCode,
    Receipt,
    Remedy,
    Route,
    SlotState,
    Stop,
    StopKind,
    Verdict,
)
from batchgen.providers.uploads import Upload, UploadError

JSONL = "application/jsonl"
MOST_ROUNDS = 3
"""Batches that are made of the same attempts in one run, where one after the other never begins."""
FRESH = timedelta(days=1)
"""For so long after its upload an image is believed to be at the provider."""
MOST_LOOKS = 20
"""Looks at a file that is to be processed: nine minutes."""
PROCESSED = frozenset({"", "processed", "error", "failed", "deleted"})
"""States of a file in which waiting for it makes no sense any more."""
T = TypeVar("T")
MOST_TRIES = 4
"""Requests for one upload, or for one creation that the provider did not take."""


def _passes(error: BatchRefusedError) -> bool:
    """Whether a refusal may pass by itself."""
    return error.verdict.remedy not in {Remedy.FAIL_JOB, Remedy.STOP_ACCOUNT, Remedy.STOP_CONFIG}


class BatchSubmitter:
    """Submits what a run wants; one instance serves a whole run. What does not `fit` into its time is left alone."""

    def __init__(self, context: RunContext, fits: Callable[[Chunk], Awaitable[bool]] | None = None) -> None:
        self.context = context
        self.batches = context.batches
        self._client = context.batches.client
        self._recovery = BatchRecovery(context)
        self._mark = key_mark(context.batches.key)
        self._fits = fits
        self._told: set[str] = set()
        self._seen: set[str] = set()
        self.deadline: datetime | None = None

    async def submit(self, tasks: Iterator[Task]) -> AsyncIterator[Outcome]:
        """Submit tasks as long as nothing stops the run; says of each that it was taken up, or why it was not."""
        context = self.context
        limits = await context.offload(context.ledger.queue_limits.of, context.lane.provider.name, self.batches.key)
        chunks, source = Chunks(context.settings.batch, self.batches.rules, limits), Source(tasks, context.offload)
        while not context.stops and (task := await source.pull()):
            ready = await prepared(task.prepare(task, context.offload)) if task.prepare else task
            if isinstance(ready, Outcome):
                yield ready
                continue
            if gone := context.lane.out(ready.job):
                context.stops.leave_undone(gone)
                yield Outcome(ready.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.UNAVAILABLE, "", gone.words))
                continue
            for attempt in await self._attempts(ready):
                if full := chunks.add(attempt):
                    await self._submit(full)
            yield Outcome(ready.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.SUBMITTED))
        for chunk in chunks.rest():
            await self._submit(chunk)

    async def _attempts(self, task: Task) -> Sequence[Attempt]:
        """Make the attempts of a task; slots for which none may be made any more are decided."""
        context, made = self.context, list[Attempt]()
        for job, slots, tried in split([context.lane.price_list], task):
            calls = purposes(context.settings, tried)
            if marks := given_up(context.settings, tried, slots, calls):
                await context.offload(context.ledger.images.mark, job.key, marks)
                continue
            purpose = Purpose.RETRY if task.odd.issuperset(slots) else calls[0]
            try:
                attempt = context.attempt(
                    context.lane, job, slots, purpose=purpose, replaces=task.replaces, route=Route.BATCH
                )
                made.append(attempt)
            except InputError as error:
                self._tell("price", str(error))
        return made

    def _tell(self, kind: str, why: str) -> None:
        """Note why something was not submitted; the first of a kind, as there may be a million."""
        if kind not in self._told:
            self._told.add(kind)
            self.context.note("refused", kind=kind, why=why)

    # ---- one batch ---------------------------------------------------------------------------------------------------

    async def _submit(self, chunk: Chunk) -> None:
        """Submit a batch; one that provably never began is made anew, with new attempts."""
        if self.context.lane.shut(chunk.part) or (self._fits and not await self._fits(chunk)):
            return
        for _ in range(MOST_ROUNDS):
            with suppress(Closed):
                await self.context.lane.limiter.opened()
            if self.context.stops or not await self._has_room(chunk) or await self._began(chunk):
                return
            fresh = [replace(attempt, id=self.context.new_id()) for attempt in chunk.attempts]
            chunk = replace(chunk, attempts=fresh)
        why = f"a batch was asked for {MOST_ROUNDS} times, and never began"
        self.context.stops.add(Stop(StopKind.UNAVAILABLE, why))

    async def _has_room(self, chunk: Chunk) -> bool:
        """Whether the provider lets so much wait; else it waits here for the batches that are there already."""
        context = self.context
        limits = await context.offload(context.ledger.queue_limits.of, context.lane.provider.name, self.batches.key)
        if chunk.model not in limits:
            return True
        rows = await context.offload(context.ledger.batches.open)
        waiting = sum(
            row.tokens for row in rows if (row.provider, row.model) == (context.lane.provider.name, chunk.model)
        )
        return not waiting or waiting + chunk.tokens <= limits[chunk.model]

    async def _began(self, chunk: Chunk) -> bool:
        """Go through the steps; False when the batch provably never began, and may be made anew."""
        context = self.context
        context.check_output()
        batch = NewBatch(
            f"{BATCH}{context.new_id()}",
            context.run_id,
            context.lane.provider.name,
            context.lane.provider.base_url or "",
            chunk.model,
            chunk.endpoint,
            chunk.tokens,
            self.deadline,
        )
        refused = await context.offload(context.ledger.batches.prepare, batch, chunk.attempts, context.lane.caps())
        for why in filter(None, refused):
            if why.kind is not CapKind.APPROVED:  # then there is nothing to draw any more
                self._tell(why.kind, limit_words.words(why))
        taken = [attempt for attempt, no in zip(chunk.attempts, refused, strict=True) if no is None]
        if not taken:
            return True
        context.note("batch", batch=batch.id, model=chunk.model, lines=len(taken))
        try:
            return await self._created(batch, taken)
        except BatchRefusedError as error:
            await self._give_up(batch.id, chunk, error.verdict)
            return True

    async def _created(self, batch: NewBatch, attempts: Sequence[Attempt]) -> bool:
        """Upload and create. BatchRefusedError when the provider did not take it."""
        context, ledger = self.context, self.context.ledger
        path, wrong = await self.batches.input.write(batch.id, attempts, self._file_of)
        for one in wrong:
            await self._unsendable(one)
        if len(wrong) == len(attempts):
            await context.offload(ledger.batches.end, batch.id, "empty")
            return True
        name = f"batchgen-{batch.id}.jsonl"
        file = await self._patiently(lambda: self._client.upload(path, name, self.batches.rules.purpose, JSONL))
        await context.offload(ledger.batches.uploaded, batch.id, file.id)
        await context.offload(self.batches.input.forget, batch.id)
        await self._processed(file)
        if context.stops:
            await self._recovery.release(batch.id, "stopped")
            return True
        context.check_output()
        await context.offload(ledger.batches.enter, batch.id, BatchState.CREATING)
        return await self._create(batch, file.id)

    async def _processed(self, file: UploadedFile) -> None:
        """Wait until the provider has processed a file, where it wants that; what never is shows in the creation."""
        for number in range(MOST_LOOKS if self.batches.rules.processed else 0):
            if file.status in PROCESSED or self.context.stops:
                return
            await self.context.pause(min(30.0, 2.0**number))
            found = await self._patiently(partial(self._client.file, file.id))
            file = file if found is None else found

    async def _create(self, batch: NewBatch, file_id: str) -> bool:
        context = self.context
        try:
            told = await self._patiently(
                lambda: self._client.create(file_id, batch.endpoint, batch.id),
                lambda error: not error.unclear and error.verdict.remedy in {Remedy.WAIT, Remedy.RESEND},
            )
        except BatchRefusedError as error:
            if error.unclear:
                return await self._recovery.settle(batch.id)
            raise
        await context.offload(context.ledger.batches.enter, batch.id, BatchState.SUBMITTED, told.id)
        context.note("batch_submitted", batch=batch.id, provider_id=told.id)
        note_away(context, await context.offload(context.ledger.batches.find, batch.id))
        return True

    async def _give_up(self, batch_id: str, chunk: Chunk, verdict: Verdict) -> None:
        """Release a batch that the provider did not take, and stop the run for the reason, unless it is its model's."""
        context = self.context
        await self._recovery.release(batch_id, "refused", verdict.message)
        refused = verdict.remedy is Remedy.FAIL_JOB
        why = f"the batch was not taken: {verdict.code}: {verdict.message}"
        stop = halt(verdict) or Stop(StopKind.CONFIG if refused else StopKind.UNAVAILABLE, why)
        if not context.close_part(context.lane, chunk.part, stop):
            context.stops.add(stop)

    async def _patiently(
        self, ask: Callable[[], Awaitable[T]], helps: Callable[[BatchRefusedError], bool] = _passes
    ) -> T:
        """Ask again as long as another try may help; of what is free, nearly always."""
        for number in range(MOST_TRIES):
            try:
                return await ask()
            except BatchRefusedError as error:
                if not helps(error) or number + 1 == MOST_TRIES or self.context.stops:
                    raise
                await self.context.pause(error.verdict.retry_after or 2.0**number)
        raise AssertionError("the last try ends it")

    async def _unsendable(self, one: Unsendable) -> None:
        """Fail the job of an attempt whose request cannot be put into words."""
        context = self.context
        row = await context.offload(context.ledger.attempts.find, one.attempt.id)
        verdict = Verdict(Charge.NO, Remedy.FAIL_JOB, "request", one.why)
        marks = dict.fromkeys(one.attempt.slots, (SlotState.FAILED, Reason(ReasonCode.REFUSED, "request", one.why)))
        assert row is not None, "it was reserved"
        await settle_late(context, row, Receipt(one.attempt.id, Phase.NOT_CONNECTED, verdict), marks)

    async def _is_still_there(self, file_id: str, expires: datetime | None) -> bool:
        """Whether the provider still has an image; one that was uploaded within a day is not asked for, others once."""
        fresh = expires is not None and expires - self.context.clock.now() > timedelta(seconds=LIVES) - FRESH
        if not fresh and file_id not in self._seen:
            if await self._patiently(partial(self._client.file, file_id)) is None:
                return False
            self._seen.add(file_id)
        return True

    async def _file_of(self, upload: Upload, sha256: str) -> str:
        """Upload an image, unless the provider has it already for long enough."""
        context, uploads = self.context, self.context.ledger.uploads
        where = (context.lane.provider.name, context.lane.provider.base_url or "", self.batches.key)
        known = await context.offload(uploads.of, where, sha256)
        if known and await self._is_still_there(*known):
            return known[0]
        name = upload.name or f"{uuid4().hex}.png"
        try:
            file = await self._patiently(
                lambda: self._client.upload(
                    upload.data, name, self.batches.rules.image_purpose, upload.content_type, LIVES
                )
            )
        except BatchRefusedError as error:
            if error.verdict.remedy is Remedy.FAIL_JOB:  # of the image, and not of the batch
                raise UploadError(f"{name} was not taken: {error.verdict.message}") from error
            raise
        await context.offload(uploads.keep, where, sha256, file.id, file.expires)
        return file.id
