"""Performs one job: its calls side by side, top-ups for what they left empty, and what is open in the end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from batchgen.engine.admission import Additions, Admission
from batchgen.engine.attempt_loop import AttemptLoop
from batchgen.engine.budget_hint import Amount, Claim
from batchgen.engine.call_state import CallState
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext
from batchgen.engine.decide import MOST_EMPTY, MOST_MODERATED, Over, Tally
from batchgen.engine.group_by_prompt import Prompts, group_by_prompt
from batchgen.engine.job_status import job_status
from batchgen.engine.lane import Lane, shares
from batchgen.ledger import Tried
from batchgen.model import (
    NO_REASON,
    WITHHELD,
    Job,
    Missing,
    OnMismatch,
    OnPartial,
    OnUncertain,
    Outcome,
    OutcomeKind,
    Purpose,
    Reason,
    ReasonCode,
    Settings,
    SlotState,
    Stop,
    StopKind,
    Verdict,
)
from batchgen.money import ZERO, MicroUSD
from batchgen.numerous import numerous
from batchgen.pricing import PriceList, per_call
from batchgen.runtime.clock import Offload
from batchgen.text import counted

MOST_TOP_UPS = 2
UNTRIED = Tried()
AWAY = {SlotState.NOT_STARTED: Reason(ReasonCode.AWAITED), SlotState.LOST_PAID: Reason(ReasonCode.ADDRESS_GONE)}
"""What is said of paid images that are not here, where their last look says nothing."""


@numerous
@dataclass(frozen=True, slots=True)
class Task:
    """A job and the slots of it that this run shall draw.

    `replaces` is the key of the job whose images stand where these will go; `job_status` is what the job has come to
    before, `tried` what earlier runs made of its slots, `high` the most that they may cost. `prompts` are those of
    slots that are not drawn with the job's own. `redraw`: the slots have images, which stay until others take their
    places. So do those in `odd`, which are not as asked: this is their one more try.
    """

    job: Job
    slots: tuple[int, ...]
    replaces: str | None = None
    prepare: "Prepare | None" = None
    job_status: OutcomeKind = OutcomeKind.NOT_STARTED
    tried: tuple[tuple[int, Tried], ...] = ()
    prompts: Prompts = ()
    redraw: bool = False
    high: MicroUSD = ZERO
    odd: frozenset[int] = frozenset()


Prepare = Callable[[Task, Offload], Task | Outcome | Awaitable[Task | Outcome]]
"""Gives the task that can start, or how the job ended without one; who takes it waits where that is not known yet."""


async def prepared(ready: Task | Outcome | Awaitable[Task | Outcome]) -> Task | Outcome:
    """Wait for what a task needs, where it needs that."""
    return ready if isinstance(ready, Task | Outcome) else await ready


@dataclass(slots=True)
class Filled:
    """What the calls for some slots of a job brought; `open` says what became of the slots without an image.

    `lane` is the provider that was asked last, if one was. `doubtful`: a call for the slots may have been charged.
    """

    stored: int = 0
    spent: MicroUSD = ZERO
    touched: bool = False
    doubtful: bool = False
    odd: tuple[int, ...] = ()
    refusal: Verdict | None = None
    lane: Lane | None = None
    open: dict[int, tuple[SlotState, Reason]] = field(default_factory=dict)

    def add(self, call: CallState, over: Over | None) -> None:
        """Take what one call brought, and how it ended when it brought nothing."""
        self.stored += call.stored
        self.spent = MicroUSD(self.spent + call.spent)
        self.touched = self.touched or call.touched
        self.doubtful = self.doubtful or call.tally.uncertain > 0
        if call.odd:
            self.odd += tuple(slot for slot, _ in call.odd)
        self.refusal = self.refusal or call.refusal
        self.lane = call.lane or self.lane
        if over:
            self.open.update(dict.fromkeys(call.slots, (over.slots, over.reason)))


_NOTHING_OPEN = (SlotState.STORED, NO_REASON)
_OF_ALL = (StopKind.UNAVAILABLE, StopKind.ACCOUNT, StopKind.CONFIG)
"""What stops a run for reasons that are no job's own."""


class JobRunner:
    """Performs jobs; one instance serves a whole run."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.places = Admission(context.settings.limits.concurrency)
        self.additions = Additions[Task](self.places.news)
        self.collector = Collector(context)
        self._caller = AttemptLoop(context, self.places, self.collector)

    def resize(self, concurrency: int) -> None:
        """Make so many calls at once from now on; those under way end as they would."""
        self.places.resize(concurrency)
        lanes = self.context.lanes
        sizes = [lane.price_list.settings.limits.concurrency for lane in lanes]
        for lane, most in zip(lanes, shares(concurrency, sizes, [lane.most for lane in lanes]), strict=True):
            lane.limiter.resize(most)

    def limits_changed(self) -> None:
        """Ask the ledger again about calls that a limit refused."""
        self._caller.room.forget()

    async def perform(self, task: Task) -> Outcome:
        """Draw the slots of one job and say what became of it; failures are values, an exception is a bug.

        From its beginning to its end, also while it waits, jobs of a smaller priority leave to it what it may cost.
        """
        if task.prepare:
            ready = task.prepare(task, self.context.offload)
            if not isinstance(ready, Task | Outcome):
                with self._claiming(task), self.places.resting():
                    ready = await ready
            if isinstance(ready, Outcome):
                return ready
            task = ready
        parts = split([lane.price_list for lane in self.context.able(task.job)], task)
        with self._claiming(task) as claim:
            if len(parts) == 1:
                filled = [await self._fill(task, claim, *parts[0])]
            else:
                filled = await asyncio.gather(*(self._fill(task, claim, *part) for part in parts))
            return await self._judged(task, filled)

    def _claiming(self, task: Task) -> Claim:
        return Claim(self._caller.room, task.job.priority, Amount(task.high, len(task.slots)))

    async def _judged(self, task: Task, filled: Sequence[Filled]) -> Outcome:
        """Say what a job has come to, and what that says of the provider that was asked."""
        outcome = await self._close(task, filled)
        lane = self.context.lane if len(self.context.lanes) == 1 else _last_asked(filled)
        if lane is None:  # nobody was asked, so that nothing counts against anybody
            return outcome
        left = [part for part in filled if part.open]
        stop = self._refused(lane, task, filled)
        failed = _failed_slots(left) if left else ()
        if stop is None and (stop := lane.alike.watch(outcome, charged=lane.charged, slots=failed)):
            lane.refusals.end(stop)
        if stop is None:
            return await self._after_outage(lane, outcome, left)
        self.context.take_out(lane, stop)
        if not self.context.stops:
            self.context.stops.leave_undone(stop)
        return await self._reopened(lane, outcome, stop)

    async def _after_outage(self, lane: Lane, outcome: Outcome, left: Sequence[Filled]) -> Outcome:
        """Let a later run start the jobs that an outage has cost their tries: what fails in a row is not theirs.

        They are those that were held, or stopped before their one more try, since the last good job when the provider
        is given up.
        """
        if outcome.stored:
            lane.doubted.clear()
        holds = self.context.settings.on_uncertain is OnUncertain.HOLD
        doubted = _doubted_slots(left) if left and not holds else {}
        if doubted:
            lane.doubted.append((outcome.job, doubted))
        if not lane.doubted and len(self.context.lanes) == 1:
            return outcome
        out = bool(self.context.stops) and any(self.context.stops.has(kind) for kind in _OF_ALL)
        over = [other for other in self.context.lanes if out or (other.stop and other.stop.kind in _OF_ALL)]
        jobs = [one for other in over for one in other.doubted]
        if not jobs:
            return outcome
        for other in over:
            other.doubted.clear()
        await self._mark(
            (job, {slot: (SlotState.UNCERTAIN, replace(why, code=ReasonCode.OUTAGE)) for slot, why in slots.items()})
            for job, slots in jobs
        )
        held = outcome.kind is OutcomeKind.HELD and doubted and not lane.doubted
        return replace(outcome, kind=OutcomeKind.NOT_STARTED) if held else outcome

    def _refused(self, lane: Lane, task: Task, filled: Sequence[Filled]) -> Stop | None:
        """Whether the job was refused in words that are not about it."""
        refused = [part for part in filled if part.refusal]
        slots = tuple([slot for part in refused for slot in part.open]) if refused else ()
        return lane.refusals.watch(task.job, slots, refused[0].refusal if refused else None)

    async def _reopened(self, lane: Lane, outcome: Outcome, stop: Stop) -> Outcome:
        """Fail no job for what stopped the run: a later run draws it."""
        not_theirs = (SlotState.NOT_STARTED, Reason(ReasonCode.UNAVAILABLE, detail=stop.words))
        jobs = (*(lane.refusals.take() if lane.refusals.stop else ()), *lane.alike.take())
        await self._mark((job, dict.fromkeys(slots, not_theirs)) for job, slots in jobs if slots)
        return replace(outcome, kind=OutcomeKind.NOT_STARTED)

    async def _mark(self, jobs: Iterable[tuple[Job, dict[int, tuple[SlotState, Reason]]]]) -> None:
        """Decide slots of some jobs; a disk that refuses stops the run."""
        marks, ledger = list(jobs), self.context.ledger

        def write() -> None:
            for job, slots in marks:
                ledger.images.mark(job.key, slots)

        await self.context.write(write)

    async def _fill(self, task: Task, claim: Claim, job: Job, slots: tuple[int, ...], tried: Tried) -> Filled:
        """One call for these slots, then calls for those that it left empty; what is open in the end, and why.

        It goes on where an earlier run was stopped, so that no slot is topped up or moderated more often than in one.
        """
        if task.odd.issuperset(slots):
            return await self._ask_again(job, slots, Purpose.RETRY, claim)
        calls = purposes(self.context.settings, tried)
        if marks := given_up(self.context.settings, tried, slots, calls):
            return Filled(open=marks)
        filled, over = Filled(), None
        short: dict[int, str] = dict.fromkeys(slots, Missing.DROPPED.value)
        tally = Tally(moderated=tried.moderated, uncertain=tried.uncertain, empty=tried.empty)
        for purpose in calls:
            call = CallState(job, tuple(short), purpose, task.replaces, tally, claim=claim)
            over = await self._caller.make(call)
            failed = self._failed(call) if call.odd else {}
            filled.add(call, over)
            filled.open.update(failed)
            if call.remote:
                filled.open.update(await self._fetch(call, filled))
            short = dict(call.short)
            if over or not short:
                break
            # Whoever risked to pay twice for a slot already does not risk it again in a top-up.
            tally = Tally(uncertain=call.tally.uncertain)
        if short and not over:
            filled.open.update({slot: missing(self.context.settings, why) for slot, why in short.items()})
        if filled.odd:
            await self._once_more(job, filled)
        return filled

    def _failed(self, call: CallState) -> dict[int, tuple[SlotState, Reason]]:
        """Images that the user does not take as they are: their files stay, their slots have failed."""
        if self.context.settings.on_mismatch is not OnMismatch.FAIL:
            return {}
        call.stored -= len(call.odd)
        return {slot: (SlotState.FAILED, why) for slot, why in call.odd}

    async def draw_again(self, job: Job, prompts: Prompts, slots: tuple[int, ...]) -> None:
        """Ask once again for images that fail the checks; the first ones stay until others take their places."""
        task = Task(job, slots, prompts=prompts)
        for asked, some, _ in split([lane.price_list for lane in self.context.able(job)], task):
            await self._ask_again(asked, some, Purpose.CHECK)

    async def _ask_again(
        self, job: Job, slots: tuple[int, ...], purpose: Purpose, claim: Claim | None = None
    ) -> Filled:
        """Make the one more try for stored images: what it does not bring stays as it is."""
        call, filled = CallState(job, slots, purpose, job.key, last=True, claim=claim), Filled()
        await self._caller.make(call)
        filled.add(call, None)
        await self._fetch(call, filled)
        return filled

    async def _once_more(self, job: Job, filled: Filled) -> None:
        """Ask once again for images that are not as asked; the first ones stay until others take their places."""
        if self.context.settings.on_mismatch is OnMismatch.RETRY_ONCE and not self.context.stops:
            call = CallState(job, filled.odd, Purpose.RETRY, job.key, last=True)
            await self._caller.make(call)
            filled.spent = MicroUSD(filled.spent + call.spent)
            filled.stored -= len(call.remote)
            filled.open.update(await self._fetch(call, filled))

    async def _fetch(self, call: CallState, filled: Filled) -> dict[int, tuple[SlotState, Reason]]:
        """Bring home what a call left at addresses; which of it is not here, and why."""
        if not call.remote:
            return {}
        context = self.context
        mine = [
            one for one in await context.offload(context.ledger.downloads.waiting) if one.attempt_id == call.attempt_id
        ]
        with self.places.resting():
            images = await self.collector.fetch(mine)
        ended = [(one.download.slot, one.ended.result()) for one in images]
        if call.unjudged:
            call.unjudged.judge(usable=any(state is SlotState.STORED for _, state in ended))
        filled.stored += sum(state is SlotState.STORED for _, state in ended)
        filled.odd += tuple(one.download.slot for one in images if one.odd)
        why = {one.download.slot: one.why for one in images if one.why != NO_REASON}
        return {slot: (state, why.get(slot, AWAY[state])) for slot, state in ended if state in AWAY}

    async def _close(self, task: Task, filled: Sequence[Filled]) -> Outcome:
        """Write down what became of the slots that brought no image, and see what the job has come to."""
        marks = {slot: mark for part in filled for slot, mark in part.open.items()}
        stored = sum([part.stored for part in filled])
        spent = MicroUSD(sum([part.spent for part in filled]))
        _, reason = next(iter(marks.values()), _NOTHING_OPEN)
        kind = task.job_status
        if task.redraw:
            kind = _redrawn(state for state, why in marks.values() if why.code is not ReasonCode.PLANNED)
        elif stored == task.job.n:
            kind = OutcomeKind.DONE
        elif any(part.touched for part in filled) or any(
            state is not SlotState.NOT_STARTED for state, _ in marks.values()
        ):
            kind = await self._decided(task.job, marks)
        return Outcome(task.job, kind, stored, reason, spent)

    async def _decided(self, job: Job, marks: dict[int, tuple[SlotState, Reason]]) -> OutcomeKind:
        written = {SlotState.NOT_STARTED, SlotState.LOST_PAID}  # by whoever looked for it
        decided = {slot: mark for slot, mark in marks.items() if mark[0] not in written}
        ledger = self.context.ledger

        def write() -> OutcomeKind:
            if decided:
                ledger.images.mark(job.key, decided)
            return job_status(job, ledger.jobs.known([job])[0])

        return await self.context.write(write) or OutcomeKind.NOT_STARTED


def split(price_lists: Sequence[PriceList], task: Task) -> list[tuple[Job, tuple[int, ...], Tried]]:
    """Return the slots of each call, the job as the call asks for it, and what earlier runs made of the slots.

    Those with one prompt and one past go together; no call asks for more images than any of the providers takes.
    Images that are not as asked go apart from all others, and nothing but their one more try counts for them.
    """
    if len(task.slots) == 1 and not (task.prompts or task.odd or task.tried):
        return [(task.job.saying(None), task.slots, UNTRIED)]
    past, parts = dict(task.tried), list[tuple[Job, tuple[int, ...], Tried]]()
    for job, asked in group_by_prompt(task.job, task.slots, task.prompts):
        most, alike = per_call(price_lists, job.request, len(asked)), dict[tuple[bool, Tried], list[int]]()
        for slot in asked:
            odd = slot in task.odd
            alike.setdefault((odd, UNTRIED if odd else past.get(slot, UNTRIED)), []).append(slot)
        for (_, tried), slots in alike.items():
            parts += [(job, tuple(slots[i : i + most]), tried) for i in range(0, len(slots), most)]
    return parts


def purposes(settings: Settings, tried: Tried) -> tuple[Purpose, ...]:
    """Say which calls may still be made for slots, one after the other, as each leaves some of them empty."""
    more = MOST_TOP_UPS if settings.on_partial is OnPartial.TOP_UP else 0
    return (Purpose.FIRST, *(Purpose.TOP_UP,) * more)[tried.short :]


def given_up(
    settings: Settings, tried: Tried, slots: tuple[int, ...], calls: tuple[Purpose, ...]
) -> dict[int, tuple[SlotState, Reason]]:
    """Say what becomes of slots for which no call may be made any more; nothing where one of these may."""
    if tried.moderated > MOST_MODERATED:
        return dict.fromkeys(slots, (SlotState.MODERATED, Reason(ReasonCode.MODERATED, "moderation_blocked")))
    if tried.empty > MOST_EMPTY:
        why = Reason(ReasonCode.UNUSABLE, detail=f"{counted(tried.empty, 'call')} in earlier runs")
        return dict.fromkeys(slots, (SlotState.FAILED, why))
    return {} if calls else dict.fromkeys(slots, missing(settings, Missing.DROPPED.value))


def missing(settings: Settings, why: str) -> tuple[SlotState, Reason]:
    """Say what becomes of a slot that was left empty, and is not asked for again."""
    if settings.on_partial is OnPartial.TOP_UP and why in WITHHELD:
        return SlotState.MODERATED, Reason(ReasonCode.SHORT_AGAIN, why)
    strict = settings.on_partial is OnPartial.FAIL
    return SlotState.FAILED, Reason(ReasonCode.INCOMPLETE if strict else ReasonCode.SHORT, why)


def _last_asked(filled: Sequence[Filled]) -> Lane | None:
    """Return the provider whose answer decided how a job ended: who refused it, or who was asked last."""
    refused = (part.lane for part in filled if part.refusal)
    return next(refused, None) or next((part.lane for part in reversed(filled) if part.lane), None)


def _doubted_slots(filled: Sequence[Filled]) -> dict[int, Reason]:
    """Return the slots of a job that are held, or whose one more try did not come; and why."""
    return {
        slot: why
        for part in filled
        for slot, (state, why) in part.open.items()
        if state is SlotState.UNCERTAIN or (part.doubtful and state is SlotState.NOT_STARTED)
    }


def _failed_slots(filled: Sequence[Filled]) -> tuple[int, ...]:
    """Return the slots of a job that its calls left failed."""
    return tuple(slot for part in filled for slot, (state, _) in part.open.items() if state is SlotState.FAILED)


def _redrawn(left: Iterable[SlotState]) -> OutcomeKind:
    """How a redraw ended: the slots that it left keep the images that they had."""
    states = set(left)
    if SlotState.UNCERTAIN in states:
        return OutcomeKind.HELD
    if SlotState.NOT_STARTED in states:
        return OutcomeKind.NOT_STARTED
    return OutcomeKind.PARTIAL if states else OutcomeKind.DONE
