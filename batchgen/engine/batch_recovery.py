"""Finds out what became of a batch whose creation nobody saw the end of. A batch is never created twice."""

from batchgen.engine.context import RunContext
from batchgen.engine.open_items import settle_late
from batchgen.executor import BatchRefusedError
from batchgen.ledger import BatchRow, BatchState
from batchgen.model import Charge, Phase, Reason, ReasonCode, Receipt, Remedy, SlotState, Stop, StopKind, Verdict

GRACE = 60.0
"""Seconds in which a batch may still appear in the provider's list after its creation was asked for."""
LOOK_EVERY = 10.0
UNSEEN = "perhaps it was created: this key sees neither the batch nor its input file"


class BatchRecovery:
    """Settles batches that were being made when a run died, or an answer was lost."""

    def __init__(self, bench: RunContext) -> None:
        assert bench.lane.batches is not None, "whoever looks for batches knows where"
        self.bench = bench
        self._batches = bench.lane.batches

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
            self.bench.stops.add(Stop(StopKind.UNAVAILABLE, why))
            return True
        return (await self._row(batch_id)).state is not BatchState.ENDED

    async def release(self, batch_id: str, status: str, message: str = "") -> None:
        """Close a batch that never began: nothing of it can be charged."""
        bench = self.bench
        await bench.offload(bench.ledger.batches.release, batch_id)
        await bench.offload(bench.ledger.batches.end, batch_id, status, message)
        await bench.offload(self._batches.input.forget, batch_id)

    async def _look_for(self, row: BatchRow) -> None:
        """Look for the batch in the provider's list until the grace is over; then make sure that it never begins."""
        bench, client = self.bench, self._batches.client_at(row.base_url)
        waited = (bench.clock.now() - row.changed).total_seconds()
        until = bench.clock.monotonic() + GRACE - max(0.0, min(GRACE, waited))  # the wall clock may have been set
        while True:
            if await self._adopted(row):
                return
            left = until - bench.clock.monotonic()
            if left <= 0:
                break
            await bench.pause(min(left, LOOK_EVERY))
            if bench.stops:
                return
        if row.input_file is None or await client.file(row.input_file) is None:
            await self._hold(row)
            return
        await bench.offload(bench.ledger.batches.enter, row.id, BatchState.WITHDRAWING)
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
        bench, client = self.bench, self._batches.client_at(row.base_url)
        told = await client.find(row.id)
        if told is None:
            return False
        await bench.offload(bench.ledger.batches.enter, row.id, BatchState.SUBMITTED, told.id)
        bench.note("batch_adopted", batch=row.id, provider_id=told.id)
        note_away(bench, await self._row(row.id))
        return True

    async def _hold(self, row: BatchRow) -> None:
        """Hold every line: nobody can say whether the batch was created, and it is never created twice."""
        verdict = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "batch_unseen", UNSEEN)
        await close_open(self.bench, row, verdict)
        await self.bench.offload(self.bench.ledger.batches.end, row.id, "unseen", UNSEEN)

    async def _row(self, batch_id: str) -> BatchRow:
        return await self.bench.offload(self.bench.ledger.batches.find, batch_id)


def note_away(bench: RunContext, row: BatchRow) -> None:
    """Tell how far a batch at its provider is."""
    facts = {name: getattr(row, name) for name in ("id", "provider", "model", "lines", "completed", "failed")}
    bench.note("batch_away", **facts, provider_id=row.provider_id or "", state=row.status or row.state.value)


async def close_open(bench: RunContext, row: BatchRow, verdict: Verdict) -> None:
    """Close every line of a batch that is still open with one verdict."""
    held = Reason(ReasonCode.HELD, verdict.code, verdict.message)
    lines = bench.ledger.batches.open_lines(row.id)
    while (line := await bench.offload(next, lines, None)) is not None:
        marks = {} if verdict.charge is Charge.NO else dict.fromkeys(line.slots, (SlotState.UNCERTAIN, held))
        await settle_late(bench, line, Receipt(line.id, Phase.COMPLETE, verdict), marks)
