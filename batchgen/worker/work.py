"""Performs one job: its calls side by side, each tried as often as the policy allows, then top-ups."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_never, wait_random_exponential

from batchgen.clock import Offload
from batchgen.errors import Lost, StorageError
from batchgen.ledger import Refused
from batchgen.limits import Closed, Start, Ticket
from batchgen.model import (
    Attempt,
    AttemptState,
    Charge,
    Job,
    OnPartial,
    Outcome,
    OutcomeKind,
    Phase,
    Purpose,
    Receipt,
    Remedy,
    RemotePicture,
    Settlement,
    SlotState,
    Stop,
    StopKind,
    Verdict,
)
from batchgen.money import MICRO, ZERO, MicroUSD, exact
from batchgen.worker.bench import Bench, told
from batchgen.worker.decide import Again, Next, Over, Policy, Tally, Wait, decide, state_of
from batchgen.worker.fetch import Fetcher

MOST_TOP_UPS = 2
AWAY = {
    SlotState.NOT_STARTED: "paid; its download is still to be finished",
    SlotState.LOST_PAID: "paid, but its address gave no picture and never will",
}
STOPPED = "the run stopped"
CONSTANT_FAILURES = 3
"""Jobs in a row that fail alike before anything was charged: the manifest is wrong, not the jobs."""


@dataclass(frozen=True, slots=True)
class Task:
    """A job and the slots of it that this run shall draw; `replaces` is the key of the job that had its id before."""

    job: Job
    slots: tuple[int, ...]
    replaces: str | None = None
    prepare: "Prepare | None" = None


Prepare = Callable[[Task, Offload], Awaitable[Task | Outcome]]
"""Waits for what a task needs; gives the task that can start, or how the job ended without one."""


@dataclass(slots=True)
class Call:
    """One call under way: what it asks, what it has been through, what came of it."""

    job: Job
    slots: tuple[int, ...]
    purpose: Purpose
    replaces: str | None = None
    tally: Tally = field(default_factory=Tally)
    stored: int = 0
    short: tuple[tuple[int, str], ...] = ()
    remote: tuple[RemotePicture, ...] = ()
    attempt_id: str = ""
    wait: float | None = None
    spent: MicroUSD = ZERO


@dataclass(slots=True)
class Filled:
    """What the calls for some slots of a job brought; `open` says what became of the slots without a picture."""

    stored: int = 0
    spent: MicroUSD = ZERO
    open: dict[int, tuple[SlotState, str]] = field(default_factory=dict)

    def add(self, call: Call, over: Over | None) -> None:
        """Take what one call brought, and how it ended when it brought nothing."""
        self.stored += call.stored
        self.spent = MicroUSD(self.spent + call.spent)
        if over:
            self.open.update(dict.fromkeys(call.slots, (over.slots, over.why)))


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call now."""

    ticket: Ticket
    start: Start


class Worker:
    """Performs jobs; one instance serves a whole run."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.fetcher = Fetcher(bench, self._rest)
        self._resting = 0
        self._rested = asyncio.Event()
        self._alike = ("", 0)
        self._charged = False

    # ---- places: how many jobs may be under way ------------------------------------------------------------------

    def has_room(self, under_way: int) -> bool:
        """Whether another job could start now: jobs that only wait (back-off, budget) take no place, within reason."""
        places = self.bench.settings.limits.concurrency
        return under_way - self._resting < places and under_way < places * 8 + 64

    async def place(self) -> None:
        """Return when a job went to rest, so that another may start."""
        await self._rested.wait()

    # ---- one job ---------------------------------------------------------------------------------------------------

    async def perform(self, task: Task) -> Outcome:
        """Draw the slots of one job and say what became of it; failures are values, an exception is a bug."""
        if task.prepare:
            with self._resting_place():
                ready = await task.prepare(task, self.bench.offload)
            if isinstance(ready, Outcome):
                return ready
            task = ready
        filled = await asyncio.gather(*(self._fill(task, slots) for slots in self._split(task)))
        return await self._close(task, filled)

    def _split(self, task: Task) -> list[tuple[int, ...]]:
        """The slots of each call."""
        most = self.bench.tariff.per_call(task.job.request, len(task.slots))
        return [task.slots[i : i + most] for i in range(0, len(task.slots), most)]

    async def _fill(self, task: Task, slots: tuple[int, ...]) -> Filled:
        """One call for these slots, then calls for those that it left empty; what is open in the end, and why."""
        filled, short = Filled(), dict.fromkeys(slots, "")
        for purpose in (Purpose.FIRST, *(Purpose.TOP_UP,) * MOST_TOP_UPS):
            call = Call(task.job, tuple(short), purpose, task.replaces)
            over = await self._make(call)
            away = await self._fetch(call)
            filled.add(call, over)
            filled.open.update(away)
            short = dict(call.short)
            if over or not short or self.bench.settings.on_partial is not OnPartial.TOP_UP:
                break
            if self.bench.stops:
                filled.open.update(dict.fromkeys(short, (SlotState.NOT_STARTED, STOPPED)))
                return filled
        filled.open.update({slot: self._short(why) for slot, why in short.items()})
        return filled

    async def _fetch(self, call: Call) -> dict[int, tuple[SlotState, str]]:
        """Bring home what a call left at addresses; which of it is not here, and why."""
        if not call.remote:
            return {}
        bench = self.bench
        mine = [one for one in await bench.offload(bench.ledger.downloads) if one.attempt_id == call.attempt_id]
        with self._resting_place():
            states = await asyncio.gather(*(self.fetcher.fetch(one) for one in mine))
        open_ = {one.slot: (state, AWAY[state]) for one, state in zip(mine, states, strict=True) if state in AWAY}
        call.stored += len(mine) - len(open_)
        return open_

    async def _close(self, task: Task, filled: Sequence[Filled]) -> Outcome:
        """Write down what became of the slots that brought no picture."""
        marks = {slot: mark for part in filled for slot, mark in part.open.items()}
        settled = {slot: mark for slot, mark in marks.items() if mark[0] is not SlotState.NOT_STARTED}
        if settled:
            await self._book(self.bench.ledger.mark_slots, task.job.key, settled)
        stored = sum(part.stored for part in filled)
        kind = _kind(stored, len(task.slots), [state for state, _ in marks.values()])
        self._watch_alike(kind, next(iter(marks.values()), None))
        why = next((why for _, why in marks.values()), "")
        return Outcome(task.job, kind, stored, why, MicroUSD(sum(part.spent for part in filled)))

    def _short(self, why: str) -> tuple[SlotState, str]:
        if self.bench.settings.on_partial is OnPartial.TOP_UP and why in {"dropped", "null", "empty"}:
            return SlotState.MODERATED, f"{why}: fewer pictures came than were asked, also when asked again"
        return SlotState.FAILED, f"{why}: fewer pictures came than were asked"

    def _watch_alike(self, kind: OutcomeKind, mark: tuple[SlotState, str] | None) -> None:
        """Stop when the very first jobs all fail alike: the manifest or the configuration is wrong."""
        if kind is not OutcomeKind.FAILED or mark is None or self._charged:
            self._alike = ("", 0)
            return
        code = mark[1].partition(":")[0]
        self._alike = (code, self._alike[1] + 1 if code == self._alike[0] else 1)
        if self._alike[1] >= CONSTANT_FAILURES:
            why = f"{CONSTANT_FAILURES} jobs in a row were refused alike ({mark[1]}): fix the manifest"
            self.bench.stops.add(Stop(StopKind.CONFIG, why))

    # ---- one call, tried as often as the policy allows -------------------------------------------------------------

    async def _make(self, call: Call) -> Over | None:
        retry = self.bench.settings.retry
        backoff = wait_random_exponential(multiplier=retry.base_seconds, max=retry.cap_seconds)

        def wait(state: RetryCallState) -> float:
            return backoff(state) if call.wait is None else call.wait

        trying = AsyncRetrying(
            sleep=self._rest, wait=wait, stop=stop_never, retry=retry_if_result(lambda tried: isinstance(tried, Again))
        )
        tried: Next | None = await trying(self._admit, call)
        if isinstance(tried, Over) and tried.stop:
            self.bench.stops.add(tried.stop)
        return tried if isinstance(tried, Over) else None

    async def _rest(self, seconds: float) -> None:
        """Stay away without holding a place; a stop of the run ends the rest."""
        with self._resting_place():
            sleep = asyncio.ensure_future(self.bench.clock.sleep(seconds))
            stop = asyncio.ensure_future(self.bench.stops.wait())
            try:
                await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                stop.cancel()

    @contextmanager
    def _resting_place(self) -> Iterator[None]:
        """While inside, this job takes no place: another may start."""
        self._resting += 1
        self._rested.set()
        self._rested = asyncio.Event()
        try:
            yield
        finally:
            self._resting -= 1

    async def _admit(self, call: Call) -> Next | None:
        """One try; when the money does not fit, wait for others to settle as long as that can help."""
        while True:
            tried = await self._try(call)
            if not isinstance(tried, Refused):
                return tried
            if not (tried.ever and self.bench.in_flight.count) or self.bench.stops:
                self.bench.note("refused", job=call.job.id, kind=tried.kind, why=tried.why)
                return Over(SlotState.NOT_STARTED, tried.why)
            with self._resting_place():
                await self.bench.in_flight.change()

    # ---- one try -----------------------------------------------------------------------------------------------------

    async def _try(self, call: Call) -> Next | Refused | None:
        """Permit, reserve, execute, settle: at most one request leaves."""
        bench = self.bench
        attempt = self._attempt(call)
        try:
            async with self._permit(attempt) as permit:
                if permit is None:
                    why = f"{attempt.model} at {bench.provider.name}: {bench.breaker(attempt.model).given_up}"
                    return Over(SlotState.NOT_STARTED, why, Stop(StopKind.UNAVAILABLE, why))
                if bench.stops:
                    return Over(SlotState.NOT_STARTED, STOPPED)
                if refused := await bench.offload(bench.ledger.reserve, attempt, bench.caps()):
                    return refused
                bench.in_flight.enter()
                try:
                    return await self._send(call, attempt, permit)
                finally:
                    bench.in_flight.leave()
        except Closed:
            return Over(SlotState.NOT_STARTED, STOPPED)
        except StorageError as error:
            return Over(SlotState.NOT_STARTED, str(error), Stop(StopKind.STORAGE, str(error)))

    @asynccontextmanager
    async def _permit(self, attempt: Attempt) -> AsyncIterator[Permit | None]:
        """Leave of the breaker, a slot and a start in the pace; None when the breaker gave the model up."""
        limiter, breaker = self.bench.limiter, self.bench.breaker(attempt.model)
        tokens = attempt.quote.input_tokens + attempt.quote.output_tokens
        while ticket := await breaker.allow():
            try:
                async with limiter.slot():
                    start = await limiter.pace(attempt.n, len(attempt.job.request.images), tokens)
                    if breaker.admits(ticket):
                        yield Permit(ticket, start)
                        return
            finally:
                breaker.release(ticket)
        yield None

    async def _send(self, call: Call, attempt: Attempt, permit: Permit) -> Next | None:
        """Make the call that is reserved, learn from it, and settle it."""
        limiter = self.bench.limiter
        limiter.sent(permit.start)
        receipt = await self._execute(attempt)
        self.bench.breaker(attempt.model).record(permit.ticket, receipt.verdict.remedy)
        limiter.observe(receipt.headers)
        if receipt.verdict.remedy is Remedy.WAIT:
            limiter.throttled(receipt.verdict.retry_after, permit.start)
        return await self._settle(call, attempt, receipt)

    def _attempt(self, call: Call) -> Attempt:
        bench = self.bench
        purpose = Purpose.RETRY if call.tally.tries and call.purpose is Purpose.FIRST else call.purpose
        return Attempt(
            id=bench.new_id(),
            run_id=bench.run_id,
            job=call.job,
            model=bench.tariff.model_of(call.job.request),
            provider=bench.provider.name,
            slots=call.slots,
            quote=bench.tariff.quote(call.job.request, len(call.slots)),
            purpose=purpose,
            deadline=bench.settings.retry.deadline_seconds,
            replaces=call.replaces,
        )

    async def _execute(self, attempt: Attempt) -> Receipt:
        facts = {"attempt": attempt.id, "job": attempt.job.id, "slots": attempt.slots, "purpose": attempt.purpose.value}
        self.bench.note("dispatched", **facts, reserved_micro_usd=attempt.quote.high)
        try:
            return await self.bench.executor.execute(attempt)
        except Lost as error:
            verdict = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "lost", str(error))
            return Receipt(attempt.id, Phase.HANDED_OVER, verdict)

    async def _settle(self, call: Call, attempt: Attempt, receipt: Receipt) -> Next | None:
        bench, verdict, state = self.bench, receipt.verdict, state_of(receipt)
        paid = state in {AttemptState.SETTLED, AttemptState.CHARGED_NO_RESULT}
        settlement = bench.tariff.settle(attempt, receipt.usage, receipt.echo) if paid else None
        await bench.offload(bench.ledger.settle, receipt, state, settlement)
        await bench.tidy(attempt.id)
        self._charged = self._charged or state not in {AttemptState.NOT_SENT, AttemptState.NOT_CHARGED}
        bench.note(
            "settled",
            attempt=attempt.id,
            job=attempt.job.id,
            state=state.value,
            code=verdict.code,
            message=verdict.message,
            status=receipt.status,
            pictures=len(receipt.pictures),
            **told(attempt.job.key, (attempt.model, attempt.provider), receipt.pictures),
            cost_micro_usd=settlement.cost if settlement else 0,
            seconds=round(receipt.seconds, 3),
        )
        if settlement:
            call.spent = MicroUSD(call.spent + settlement.cost)
            self._watch_price(attempt, settlement, receipt)
        if receipt.pictures or receipt.remote:
            call.stored += len(receipt.pictures)
            call.short = receipt.missing
            call.remote, call.attempt_id = receipt.remote, attempt.id
            return None
        if call.purpose is Purpose.TOP_UP and verdict.charge is Charge.YES:
            # It counts as one of the top-ups; what it asked for is as open as before.
            why = dict(receipt.missing)
            call.short = tuple((slot, why.get(slot, verdict.code)) for slot in call.slots)
            return None
        return await self._decide(call, verdict)

    def _watch_price(self, attempt: Attempt, settlement: Settlement, receipt: Receipt) -> None:
        """A call that cost more than its upper bound: the price table is wrong, and so is every reservation.

        Unless it is dear because something else came than was asked: another model, size or quality, or more pictures.
        """
        other = any(flag.endswith("_mismatch") for flag in settlement.flags)
        more = receipt.quarantine is not None and not receipt.missing
        if "price_too_low" in settlement.flags and not other and not more:
            row = attempt.quote.price.source or attempt.model
            why = (
                f"the price row {row!r} is too low: a call reserved at {exact(attempt.quote.high)} cost "
                f"{exact(settlement.cost)}; correct it under prices: in the manifest"
            )
            self.bench.stops.add(Stop(StopKind.LIMIT, why))

    async def _decide(self, call: Call, verdict: Verdict) -> Next:
        bench = self.bench
        may_risk = True
        if verdict.charge is not Charge.NO:
            risked = await bench.offload(bench.ledger.exposure, bench.run_id)
            may_risk = risked.at_risk < max(MICRO, (bench.settings.limits.max_cost or 0) // 20)
        policy = Policy(bench.settings.retry, bench.settings.on_uncertain, may_risk)
        before = call.tally
        if call.purpose is Purpose.TOP_UP:  # a top-up that brings nothing counts as the one more try
            before = replace(before, empty=max(before.empty, 1), moderated=max(before.moderated, 1))
        then = decide(verdict, before, policy)
        call.tally = call.tally.after(verdict)
        told = isinstance(then, Again) and then.wait is Wait.AS_TOLD
        call.wait = verdict.retry_after if told else None
        return then

    async def _book(self, write: Callable[..., None], *facts: object) -> None:
        try:
            await self.bench.offload(write, *facts)
        except StorageError as error:
            self.bench.stops.add(Stop(StopKind.STORAGE, str(error)))


def _kind(stored: int, wanted: int, ends: Sequence[SlotState]) -> OutcomeKind:
    """How a job ended, from how many of the wanted slots are stored and how the others ended."""
    if stored >= wanted:
        return OutcomeKind.DONE
    if SlotState.UNCERTAIN in ends:
        return OutcomeKind.HELD
    if SlotState.NOT_STARTED in ends or not ends:
        return OutcomeKind.NOT_STARTED
    if stored:
        return OutcomeKind.PARTIAL
    return OutcomeKind.MODERATED if set(ends) == {SlotState.MODERATED} else OutcomeKind.FAILED
