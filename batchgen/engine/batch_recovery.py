"""Finds out what became of a batch whose creation nobody saw the end of. A batch is never created twice."""

from batchgen.engine.context import RunContext
from batchgen.engine.open_items import settle_late
from batchgen.executor.batch_client import BatchRefusedError
from batchgen.ledger import BatchRow, BatchState
from batchgen.model import Charge, Phase, Reason, ReasonCode, Receipt, Remedy, SlotState, Stop, StopKind, Verdict

GRACE = 60.0
"""Seconds in which a batch may still appear in the provider's list after its creation was asked for."""
LOOK_EVERY = 10.0
UNSEEN = "perhaps it was created: this key sees neither the batch nor its input file"


class BatchRecovery:
    """Settles batches that were being made when a run died, or an answer was lost."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._batches = context.batches

    async def settle(self, batch_id: str) -> bool:
        """Settle one; False when it provably never began, and its attempts may be made anew."""
        row = await self._row(batch_id)
        try:
            match row.state:
                case BatchState.PREPARING:
                    await self.release(row.id, "unsent")
                case BatchState.CREATING:
                    await self._look_for(row)
                case BatchState.WITHDRAWING:
                    await self._withdraw(row)
                case BatchState.SUBMITTED | BatchState.ENDED:
                    pass
        except BatchRefusedError as error:
            why = f"nobody knows yet whether a batch was created: {error.verdict.message}"
            self.context.stops.add(Stop(StopKind.UNAVAILABLE, why))
            return True
        return (await self._row(batch_id)).state is not BatchState.ENDED

    async def release(self, batch_id: str, status: str, message: str = "") -> None:
        """Close a batch that never began: nothing of it can be charged."""
        context = self.context
        await context.offload(context.ledger.batches.release, batch_id)
        await context.offload(context.ledger.batches.end, batch_id, status, message)
        await context.offload(self._batches.input.forget, batch_id)

    async def _look_for(self, row: BatchRow) -> None:
        """Look for the batch in the provider's list until the grace is over; then make sure that it never begins."""
        context, client = self.context, self._batches.client_at(row.base_url)
        waited = (context.clock.now() - row.changed).total_seconds()
        until = context.clock.monotonic() + GRACE - max(0.0, min(GRACE, waited))  # the wall clock may have been set
        while True:
            if await self._adopted(row):
                return
            left = until - context.clock.monotonic()
            if left <= 0:
                break
            await context.pause(min(left, LOOK_EVERY))
            if context.stops:
                return
        if row.input_file is None or await client.file(row.input_file) is None:
            await self.hold(row)
            return
        await context.offload(context.ledger.batches.enter, row.id, BatchState.WITHDRAWING)
        await self._withdraw(row)

    async def _withdraw(self, row: BatchRow) -> None:
        """Delete the input file first, so that a late creation fails; then nothing can come of it any more."""
        client = self._batches.client_at(row.base_url)
        if row.input_file is not None:
            await client.delete(row.input_file)
        if not await self._adopted(row):
            await self.release(row.id, "withdrawn")

    async def _adopted(self, row: BatchRow) -> bool:
        """Whether the provider has the batch; it is submitted then."""
        context, client = self.context, self._batches.client_at(row.base_url)
        told = await client.find(row.id, row.input_file)
        if told is None:
            return False
        await context.offload(context.ledger.batches.enter, row.id, BatchState.SUBMITTED, told.id)
        context.note("batch_adopted", batch=row.id, provider_id=told.id)
        note_away(context, await self._row(row.id))
        return True

    async def hold(self, row: BatchRow) -> None:
        """Hold every line: nobody can say whether the batch was created, and it is never created twice."""
        verdict = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "batch_unseen", UNSEEN)
        await close_open(self.context, row, verdict)
        await self.context.offload(self.context.ledger.batches.end, row.id, "unseen", UNSEEN)

    async def _row(self, batch_id: str) -> BatchRow:
        return await self.context.offload(self.context.ledger.batches.find, batch_id)


def note_away(context: RunContext, row: BatchRow) -> None:
    """Tell how far a batch at its provider is."""
    facts = {name: getattr(row, name) for name in ("id", "provider", "model", "lines", "completed", "failed")}
    context.note("batch_away", **facts, provider_id=row.provider_id or "", state=row.status or row.state.value)


async def close_open(context: RunContext, row: BatchRow, verdict: Verdict) -> None:
    """Close every line of a batch that is still open with one verdict."""
    held = Reason(ReasonCode.HELD, verdict.code, verdict.message)
    lines = context.ledger.batches.open_lines(row.id)
    while (line := await context.offload(next, lines, None)) is not None:
        marks = {} if verdict.charge is Charge.NO else dict.fromkeys(line.slots, (SlotState.UNCERTAIN, held))
        await settle_late(context, line, Receipt(line.id, Phase.COMPLETE, verdict), marks)
