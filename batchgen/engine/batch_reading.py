"""Reads the files of one batch that has ended, line by line, and settles each line."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from batchgen.engine.context import RunContext
from batchgen.engine.decide import Over, Policy, Tally, decide, too_dear
from batchgen.engine.open_items import attempt_of, settle_late
from batchgen.errors import Occupied
from batchgen.executor.batch_client import BatchRefusedError
from batchgen.executor.batch_output import OutputLine
from batchgen.ledger import AttemptRow, BatchRow
from batchgen.model import (
    Attempt,
    AttemptState,
    CostFlag,
    Purpose,
    Reason,
    ReasonCode,
    Receipt,
    Remedy,
    Settings,
    Settlement,
    SlotState,
    Stop,
    Verdict,
)

MODERATED = "moderation_blocked"
NO_TRY = frozenset({"rate_limit", "slow_down", "not_sent", "batch_expired", "batch_cancelled"})
"""Codes of attempts that were not made in the end."""
MOST_READS = 5
"""Tries in a row to read a file that bring nothing more."""


class UnreadError(Exception):
    """A file of a batch could not be read to its end now; what was read is settled. No verdict: the run stopped."""

    def __init__(self, file_id: str, verdict: Verdict | None = None) -> None:
        self.file_id = file_id
        self.verdict = verdict
        super().__init__(file_id)


class BatchReading:
    """One reading of a batch's files.

    `nameless`: a line came that cannot be read, and does not say whose it is. `gone`: a file that the provider named is
    not there. `answered` counts the lines that say that they succeeded. `occupied`: an image has no place now.
    `dear`: why nothing more is to be asked for, where a line cost more than its bound.
    """

    def __init__(self, context: RunContext, row: BatchRow) -> None:
        self._context = context
        self._row = row
        self._client = context.batches.client_at(row.base_url)
        self._files = context.batches.output_at(row.base_url)
        self._seen: set[str] = set()
        self._offset = 0
        self.nameless = False
        self.gone = False
        self.occupied = False
        self.dear: Stop | None = None
        self.answered = 0

    async def read(self, file_id: str) -> None:
        """Read a file to its end, line by line; UnreadError when that cannot be done now.

        What breaks off is resumed behind the last line that was settled. A file is gone when no try finds it.
        """
        self._offset, tries, missed, verdict = 0, 0, 0, None
        while tries < MOST_READS:
            if tries:
                await self._context.pause(2.0 ** (tries - 1))
            if self._context.stops:
                raise UnreadError(file_id)
            before = self._offset
            try:
                if await self._go_on(file_id):
                    return
                tries, missed = tries + 1, missed + 1
            except BatchRefusedError as error:
                tries = tries + 1 if before == self._offset else 1
                verdict = error.verdict
        if verdict:
            raise UnreadError(file_id, verdict)
        self.gone = True

    async def _go_on(self, file_id: str) -> bool:
        """Read on behind the last line that was settled; False when there is no such file."""
        file = await self._client.file(file_id)
        if file is None:
            return False
        nameless = False
        async with aclosing(self._files.lines(self._row.id, file_id, self._offset, file.bytes or None)) as lines:
            async for line in lines:
                nameless = nameless or (line.broken and not line.custom_id)
                if await self._take(line):  # then it was the file, up to here
                    self._offset, self.nameless = line.end, self.nameless or nameless
                if self._context.stops:
                    raise UnreadError(file_id)
        self.nameless = self.nameless or nameless
        return True

    async def _settle(self, row: AttemptRow, line: OutputLine) -> None:
        """Settle an attempt with its line; one whose image's place is taken waits for a later run."""
        context = self._context
        try:
            receipt = await line.receipt(attempt_of(row))
        except Occupied as error:  # this job's place alone is taken: the others go on
            self.occupied = True
            context.note("occupied", attempt=row.id, job=row.job_id, why=str(error))
            return
        before = await context.offload(context.ledger.attempts.before, row)
        settled = await settle_late(context, row, receipt, _marks_of(row, receipt, before, context.settings))
        if settled and not self.dear:
            self.dear = self._too_dear(attempt_of(row), settled, receipt)
        await context.forget(row.id)

    def _too_dear(self, attempt: Attempt, settled: Settlement, receipt: Receipt) -> Stop | None:
        """Whether it cost more than would be reserved for it today: its price may have been corrected since."""
        if CostFlag.PRICE_TOO_LOW not in settled.flags:
            return None
        today = self._context.lane.price_list.quote(attempt.request, attempt.n, batch=True)
        return too_dear(replace(attempt, quote=today), settled, receipt) if settled.cost > today.high else None

    async def _take(self, line: OutputLine) -> bool:
        """Settle one line, if it is ours; what is settled already, and what is not ours, is passed over."""
        context, name = self._context, line.custom_id
        row = await context.offload(context.ledger.attempts.find, name) if name else None
        is_ours = row is not None and row.handle == self._row.id
        if row is None or not is_ours:
            context.note("batch_line_strange", batch=self._row.id, line=name[:60], broken=line.broken)
        elif row.ended is not None:
            if name in self._seen:
                context.note("batch_line_again", batch=self._row.id, attempt=row.id, job=row.job_id)
        else:
            row = replace(row, provider=context.lane.name)  # it may have had another name when this was submitted
            await self._settle(row, line)
        self.answered += line.succeeded and name not in self._seen
        self._seen.add(name)
        await line.drop()
        return is_ours


def _tally_of(before: Sequence[AttemptRow]) -> Tally:
    """Say what earlier attempts for the same images have been through."""
    made = [
        row for row in before if row.brought == 0 and row.code not in NO_TRY and row.state is not AttemptState.NOT_SENT
    ]
    return Tally(
        tries=len(made),
        uncertain=sum(row.state is AttemptState.AT_RISK for row in made),
        moderated=sum(row.code == MODERATED for row in made),
        empty=sum(row.state is AttemptState.CHARGED_NO_RESULT for row in made),
        last_code=made[-1].code if made else "",
    )


def _marks_of(
    row: AttemptRow, receipt: Receipt, before: Sequence[AttemptRow], settings: Settings
) -> dict[int, tuple[SlotState, Reason]]:
    """Say what becomes of the slots of an attempt that brought nothing; those that are wanted again are left out.

    It is decided as in a run, by what was tried before.
    """
    verdict = receipt.verdict
    if receipt.came or verdict.code in NO_TRY:
        return {}
    tally = _tally_of(before)
    if row.purpose is Purpose.TOP_UP:  # moderation has had its second chance
        tally = replace(tally, moderated=max(tally.moderated, 1))
    may_risk = verdict.remedy is not Remedy.UNCERTAIN
    then = decide(verdict, tally, Policy(settings.retry, settings.on_uncertain, may_risk))
    if not isinstance(then, Over) or then.slots is SlotState.NOT_STARTED:
        return {}
    if receipt.withheld and tally.empty == 0:
        then = replace(then, slots=SlotState.MODERATED)
    if then.slots is SlotState.UNCERTAIN:  # a person decides
        then = replace(then, reason=replace(then.reason, code=ReasonCode.HELD))
    return dict.fromkeys(row.slots, (then.slots, then.reason))
