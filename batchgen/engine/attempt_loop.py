"""Makes one call: permit, reserve, execute, settle, and again as often as the policy allows."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import uniform

from batchgen.engine import limit_words
from batchgen.engine.admission import Admission
from batchgen.engine.budget_hint import Amount, Ask, BudgetHint, Claim, amount
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext, told
from batchgen.engine.decide import (
    FREE,
    PAID,
    Again,
    Next,
    Over,
    Policy,
    Tally,
    Wait,
    cautious,
    decide,
    for_breaker,
    halt,
    may_be_false_alarm,
    may_move,
    mismatch,
    state_of,
    unproven,
)
from batchgen.engine.lane import Lane
from batchgen.engine.lane_choice import LaneChoice
from batchgen.engine.open_items import not_taken, park
from batchgen.errors import InputError, Occupied, StorageError
from batchgen.ledger import CapKind, Refused
from batchgen.limits import Breaker, Closed, Start, Ticket
from batchgen.model import (
    AT_STORE,
    Attempt,
    AttemptState,
    Cause,
    Charge,
    CostFlag,
    Job,
    Lost,
    Outcome,
    OutcomeKind,
    Pending,
    Phase,
    Purpose,
    Reason,
    ReasonCode,
    Receipt,
    Remedy,
    RemoteImage,
    Settlement,
    SlotState,
    Stop,
    StopKind,
    Verdict,
)
from batchgen.money import MICRO, ZERO, MicroUSD, exact

STOPPED = Reason(ReasonCode.STOPPED)
LATER = Reason(ReasonCode.SUBMITTED)
UNSENT = Verdict(Charge.NO, Remedy.RESEND, "stopped", "the run stopped before the request left")

_OTHER_THAN_ASKED = frozenset({CostFlag.MODEL_MISMATCH, CostFlag.SIZE_MISMATCH, CostFlag.QUALITY_MISMATCH})


@dataclass(slots=True)
class CallState:
    """One call under way: what it asks, what it has been through, what came of it.

    `last`: it is not repeated once it may have been charged. `touched`: the ledger knows of it. `odd` are slots whose
    image is not as asked, with what is wrong. `unjudged` is the permit of a call whose images wait at addresses,
    `held` that of a call whose prompt was moderated for money, under which it is made once more, `refusal` the verdict
    that failed it for nothing. `claim` is what its job may still take.
    `lane` is the provider that was asked last, `avoided` names those that are not asked for this call any more.
    """

    job: Job
    slots: tuple[int, ...]
    purpose: Purpose
    replaces: str | None = None
    tally: Tally = field(default_factory=Tally)
    last: bool = False
    touched: bool = False
    stored: int = 0
    odd: tuple[tuple[int, Reason], ...] = ()
    short: tuple[tuple[int, str], ...] = ()
    remote: tuple[RemoteImage, ...] = ()
    unjudged: "Permit | None" = None
    held: "Permit | None" = None
    refusal: Verdict | None = None
    attempt_id: str = ""
    wait: float | None = None
    spent: MicroUSD = ZERO
    lane: Lane | None = None
    avoided: frozenset[str] = frozenset()
    claim: Claim | None = None

    @property
    def asked(self) -> Lane:
        """The provider that was asked last."""
        assert self.lane is not None, "a call is made somewhere"
        return self.lane

    def move(self) -> None:
        """Ask the provider no more that was asked last; another one has tries of its own for what is free."""
        self.avoided |= {self.asked.name}
        self.tally = replace(self.tally, tries=0, resends=0, last_code="")


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call at a provider now."""

    lane: Lane
    ticket: Ticket
    start: Start
    breaker: Breaker

    def judge(self, *, usable: bool) -> None:
        """Tell the breaker whether the addresses that the call brought gave an image."""
        self.breaker.record(self.ticket, Remedy.NONE if usable else Remedy.EMPTY)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An attempt that was accepted and comes later, and the permit under which it was made."""

    pending: Pending
    permit: Permit


class AttemptLoop:
    """Makes the calls of a whole run."""

    def __init__(self, context: RunContext, places: Admission, collector: Collector) -> None:
        self.context = context
        self.places = places
        self.collector = collector
        self.room = BudgetHint(context.clock)
        self.choice = LaneChoice(context, places)
        self._refused: set[str] = set()

    async def make(self, call: CallState) -> Over | None:
        """Make one call to its end; None when it brought something, else what becomes of its slots."""
        try:
            return await self._make(call)
        finally:
            _let_go(call)

    async def _make(self, call: CallState) -> Over | None:
        number = 0
        while (tried := await self._admit(call)) is not None:
            if isinstance(tried, Again):
                await self._rest(self._back_off(number) if call.wait is None else call.wait)
                number += 1
                continue
            if tried.stop:
                self._stop(call, tried.stop)
            if not self._moves(call, tried):
                return self._given_up(call, tried)
            number = 0
        return None

    def _stop(self, call: CallState, stop: Stop) -> None:
        """Ask a provider no more, or stop the run for what is not a provider's."""
        if stop.kind is StopKind.STORAGE:
            self.context.stops.add(stop)
        else:
            self._take_out(call.job, call.asked, stop)

    def _take_out(self, job: Job, lane: Lane, stop: Stop) -> None:
        """Ask a provider no more, or no more for what it has no endpoint or no such model for."""
        if not self.context.close_part(lane, lane.part(job), stop):
            self.context.take_out(lane, stop)
        self.choice.news()

    def _moves(self, call: CallState, over: Over) -> bool:
        """Whether a call that is over for one provider, for nothing, is made at another one."""
        if not over.elsewhere or call.lane is None or self.context.stops or not self._others(call):
            return False
        self._tell(call, over)
        self.context.note("moved", job=call.job.id, provider=call.lane.name, why=over.reason.words)
        call.move()
        return True

    def _others(self, call: CallState) -> bool:
        """Whether another provider than the one that was asked last may be asked."""
        return bool(self.choice.left(call.job, call.avoided | {call.asked.name}))

    def _tell(self, call: CallState, over: Over) -> None:
        """Let what a provider refused count against it, although another one draws the job."""
        lane, outcome = call.asked, Outcome(call.job, OutcomeKind.FAILED, reason=over.reason)
        if over.slots is SlotState.FAILED:
            stop = lane.refusals.watch(call.job, (), call.refusal) or lane.alike.watch(outcome, charged=lane.charged)
            if stop:
                self._take_out(call.job, lane, stop)
        call.refusal = None

    def _given_up(self, call: CallState, over: Over) -> Over:
        """Say how a call ends that nobody is left for: who is not asked any more may draw it in a later run."""
        gone = [stop for lane in self.context.able(call.job) if (stop := lane.out(call.job))]
        if not over.elsewhere or not gone or self.context.stops:
            return over
        self.context.stops.leave_undone(gone[-1])
        return Over(SlotState.NOT_STARTED, Reason(ReasonCode.UNAVAILABLE, detail=gone[-1].words))

    def _back_off(self, number: int) -> float:
        """Seconds between two tries: by chance, up to a bound that doubles, so that calls do not come back together."""
        retry = self.context.settings.retry
        most = min(retry.cap_seconds, retry.base_seconds * 2 ** min(number, 64))
        return uniform(0.0, most)  # noqa: S311 - jitter, no secret

    async def _rest(self, seconds: float) -> None:
        with self.places.resting():
            await self.context.pause(seconds)

    async def _admit(self, call: CallState) -> Next | None:
        """One try; when the limits leave no room, wait for others to give some back as long as that can help.

        What jobs of a larger priority may still ask for is left to them, also while they wait.
        """
        while not self.context.stops:
            lane = _again_at(call) or await self.choice.next(call.job, len(call.slots), call.avoided)
            if lane is None:
                return self._unserved(call)
            call.lane = lane
            attempt = self._attempt(call, lane)
            if refused := self.room.never(attempt):
                return self._refuse(call, refused)
            claimed = self.room.claimed(call.job.priority)
            if self.room.fits(attempt, claimed) or not (self.room.busy or claimed):
                with self.room.asking(attempt, call.claim) as ask:
                    tried = await self._try(call, attempt, ask)
                if not isinstance(tried, Refused):
                    return tried
                self.room.learn(tried, attempt, ask.claimed)
                if not tried.ever or not (self.room.busy or ask.claimed):
                    return self._refuse(call, tried)
                if ask.claimed != self.room.claimed(call.job.priority):
                    continue
            _let_go(call)  # whoever it waits for may wait for that permit
            with self.places.resting():
                await self.room.change()
        return Over(SlotState.NOT_STARTED, STOPPED)

    def claiming(self, job: Job, most: Amount) -> Claim:
        """While inside, jobs of a smaller priority leave so much to this one."""
        return self.room.claiming(job.priority, most)

    def _refuse(self, call: CallState, refused: Refused) -> Over:
        """Give a call up for this run; the first of a kind is noted, as there may be a million."""
        reason = Reason(ReasonCode.LIMIT, detail=limit_words.words(refused))
        if self._others(call):
            return Over(SlotState.NOT_STARTED, reason, elsewhere=True)
        if refused.kind not in self._refused and not call.last:
            self._refused.add(refused.kind)
            self.context.note("refused", job=call.job.id, kind=refused.kind, why=reason.detail)
        return Over(SlotState.NOT_STARTED, reason)

    # ---- one try -----------------------------------------------------------------------------------------------------

    async def _try(self, call: CallState, attempt: Attempt, ask: Ask) -> Next | Refused | None:
        """Permit, reserve, execute, settle: at most one request leaves."""
        try:
            try:
                tried = await self._leave(call, attempt, ask)
            finally:
                self.choice.news()
            return await self._wait_for(call, attempt, tried, ask) if isinstance(tried, Submitted) else tried
        except Closed:
            return Over(SlotState.NOT_STARTED, STOPPED) if self.context.stops else self._at_once(call)
        except InputError as error:
            return Over(SlotState.NOT_STARTED, Reason(ReasonCode.INPUT, detail=str(error.problems[0].message)))
        except Occupied as error:  # this job's place alone is taken: the others go on
            await park(self.context, Pending(attempt.id, AT_STORE, why=str(error)))
            self.context.note("occupied", attempt=attempt.id, job=attempt.job_id, why=str(error))
            return Over(SlotState.NOT_STARTED, Reason(ReasonCode.STORAGE, detail=str(error)))
        except StorageError as error:
            why = str(error)
            return Over(SlotState.NOT_STARTED, Reason(ReasonCode.STORAGE, detail=why), Stop(StopKind.STORAGE, why))

    def _unserved(self, call: CallState) -> Over:
        """Say how a call ends for which no provider was found: none can draw it, or those that can are out."""
        if self.context.stops or self.context.able(call.job):
            return Over(SlotState.NOT_STARTED, STOPPED, elsewhere=True)
        return Over(SlotState.FAILED, Reason(ReasonCode.REFUSED, detail="no provider of this run can draw it"))

    def _at_once(self, call: CallState) -> Again:
        """Make the call again without a wait: nothing of it left."""
        call.wait = 0.0
        return Again()

    async def _leave(self, call: CallState, attempt: Attempt, ask: Ask) -> Next | Refused | Submitted | None:
        """Make one attempt with leave of the breaker, a slot and a start in the pace.

        The slot comes second, so that a model whose breaker is open keeps none from the others; and the breaker is
        asked again after each wait.
        """
        lane = call.asked
        limiter, breaker = lane.limiter, lane.breaker(attempt.model)
        lane.given += attempt.n
        tokens = attempt.quote.input_tokens + attempt.quote.output_tokens
        while ticket := await _ticket(call, breaker):
            try:
                async with limiter.slot():
                    if not breaker.admits(ticket):
                        continue
                    start = await limiter.pace(attempt.n, len(attempt.request.images), tokens, model=attempt.model)
                    if breaker.admits(ticket):
                        return await self._go(call, attempt, Permit(lane, ticket, start, breaker), ask)
            finally:
                breaker.release(ticket)
        why = f"{attempt.model} at {lane.name}: {breaker.given_up}"
        reason = Reason(ReasonCode.UNAVAILABLE, detail=why)
        return Over(SlotState.NOT_STARTED, reason, Stop(StopKind.UNAVAILABLE, why), elsewhere=True)

    async def _go(
        self, call: CallState, attempt: Attempt, permit: Permit, ask: Ask
    ) -> Next | Refused | Submitted | None:
        """Reserve and make one attempt under its permit, and settle it, unless its result comes later."""
        context, lane = self.context, permit.lane
        context.check_output()
        ask.claimed = others = self.room.claimed(call.job.priority)
        reserve = context.ledger.reservations.reserve
        if refused := await context.offload(reserve, attempt, lane.caps(), (others.money, others.images)):
            return _approved(refused) if refused.kind is CapKind.APPROVED else refused
        call.touched = True
        ask.reserved()
        if context.stops or lane.out(call.job) or not permit.breaker.admits(permit.ticket):
            unsent = Receipt(attempt.id, Phase.NOT_CONNECTED, UNSENT)
            await context.offload(context.ledger.attempts.settle, unsent, AttemptState.NOT_SENT)
            ask.settled(Amount())
            return self._at_once(call) if lane.out(call.job) else Again()
        came = await self._send(call, attempt, permit)
        if isinstance(came, Pending):
            return Submitted(came, permit)
        return await self._close(call, attempt, came, ask)

    async def _wait_for(self, call: CallState, attempt: Attempt, submitted: Submitted, ask: Ask) -> Next | None:
        """Wait for what comes later; it keeps its reservation, and no slot, also when it does not come in this run."""
        permit = submitted.permit
        with self.places.resting():
            came = await self.collector.receive(submitted.pending, attempt)
        if came is None:
            if not self.context.stops:  # it takes longer than any call may
                permit.breaker.record(permit.ticket, Remedy.UNCERTAIN)
            return Over(SlotState.NOT_STARTED, LATER)
        receipt = _receipt(came)
        self._learn(call, permit, receipt)
        return await self._close(call, attempt, receipt, ask)

    async def _send(self, call: CallState, attempt: Attempt, permit: Permit) -> Receipt | Pending:
        """Make the attempt that is reserved, and learn from it at once."""
        limiter = permit.lane.limiter
        if limiter.is_late(permit.start):
            with suppress(StorageError):  # it only refines the pace of others, and this call is booked to leave
                await limiter.put_off(permit.start)
        limiter.sent(permit.start)
        facts = {"attempt": attempt.id, "job": attempt.job_id, "slots": attempt.slots, "purpose": attempt.purpose.value}
        self.context.note("dispatched", **facts, reserved_micro_usd=attempt.quote.high)
        (came,) = await self.context.executor.execute((attempt,))
        if isinstance(came, Pending):
            limiter.answered(permit.start)
            permit.breaker.keep(permit.ticket)
            await park(self.context, came)
            self.context.note("pending", attempt=attempt.id, job=attempt.job_id, handle=came.handle)
            return came
        receipt = _believed(permit.lane, attempt, await self._proven(permit.lane, _receipt(came)))
        if receipt.came:
            permit.lane.brought.add((attempt.request.operation, attempt.model))
        self._learn(call, permit, receipt)
        if receipt.verdict.remedy is Remedy.WAIT:
            limiter.throttled(receipt.verdict.retry_after, permit.start)
        elif receipt.status is not None:
            limiter.answered(permit.start)
        return receipt

    def _learn(self, call: CallState, permit: Permit, receipt: Receipt) -> None:
        """Tell breaker and limiter how a call ended, at once or later; an address is judged when it was fetched."""
        if receipt.remote and not receipt.images:
            permit.breaker.keep(permit.ticket)
            call.unjudged, call.held = permit, None
        elif may_be_false_alarm(receipt.verdict, call.tally) and not permit.ticket.probe:
            permit.breaker.keep(permit.ticket)
            call.held = permit
        else:
            permit.breaker.record(permit.ticket, for_breaker(receipt.verdict))
            call.held = None
        permit.lane.limiter.observe(receipt.headers)

    async def _proven(self, lane: Lane, receipt: Receipt) -> Receipt:
        """Judge an answer by whether the provider ever brought an image: until then its address may be wrong."""
        lane.served = lane.served or receipt.came
        if lane.served or receipt.verdict.cause is not Cause.WEB_PAGE:
            return receipt
        context = self.context
        lane.served = await context.offload(context.ledger.accounts.served, lane.name)
        return receipt if lane.served else replace(receipt, verdict=unproven(receipt.verdict))

    async def _close(self, call: CallState, attempt: Attempt, receipt: Receipt, ask: Ask) -> Next | None:
        """Settle an attempt with what it brought, and see what follows."""
        lane, state = call.asked, state_of(receipt)
        settlement = lane.price_list.settle(attempt, receipt) if state in PAID else None
        for stop in (halt(receipt.verdict), settlement and too_dear(attempt, settlement, receipt)):
            if stop:
                self._take_out(call.job, lane, stop)
        lane.charged = lane.charged or state not in FREE
        await self._settle(call, attempt, receipt, settlement)
        ask.settled(_used(attempt, state, settlement))
        return None if call.stored or call.odd or call.remote or call.short else await self._decide(call, receipt)

    def _attempt(self, call: CallState, lane: Lane) -> Attempt:
        context = self.context
        purpose = Purpose.RETRY if call.tally.tries and call.purpose is Purpose.FIRST else call.purpose
        return Attempt(
            id=context.new_id(),
            run_id=context.run_id,
            job_key=call.job.key,
            job_id=call.job.id,
            request=call.job.request,
            stems=call.job.stems,
            model=lane.price_list.model_of(call.job.request),
            provider=lane.name,
            slots=call.slots,
            quote=lane.price_list.quote(call.job.request, len(call.slots)),
            purpose=purpose,
            deadline=context.settings.retry.deadline_seconds,
            replaces=call.replaces,
            inherited=call.job.inherited,
            stream=lane.price_list.streams(call.job.request),
        )

    async def _settle(self, call: CallState, attempt: Attempt, receipt: Receipt, settlement: Settlement | None) -> None:
        """Write down what came, and what it cost."""
        context, state = self.context, state_of(receipt)
        self._take(call, attempt, receipt)
        await context.offload(context.ledger.attempts.settle, receipt, state, settlement, not_taken(context, receipt))
        call.spent = MicroUSD(call.spent + (settlement.cost if settlement else 0))
        context.note(
            "settled",
            attempt=attempt.id,
            job=attempt.job_id,
            state=state.value,
            code=receipt.verdict.code,
            message=receipt.verdict.message,
            status=receipt.status,
            pictures=len(receipt.images),
            **told(attempt.job_key, attempt.request, (attempt.model, attempt.provider), receipt.images),
            cost_micro_usd=settlement.cost if settlement else 0,
            seconds=round(receipt.seconds, 3),
            **({"cause": receipt.verdict.cause.value} if receipt.verdict.cause else {}),
        )
        await context.forget(attempt.id)

    def _take(self, call: CallState, attempt: Attempt, receipt: Receipt) -> None:
        """Say what a call brought; a top-up that was charged and brought nothing counts as one all the same."""
        call.attempt_id, call.remote = attempt.id, receipt.remote
        call.odd = tuple((one.slot, why) for one in receipt.images if (why := mismatch(one)))
        call.stored = len(receipt.images)
        if receipt.came:
            call.short = receipt.missing
        elif call.purpose is Purpose.TOP_UP and receipt.verdict.charge is Charge.YES:
            reasons = dict(receipt.missing)
            call.short = tuple((slot, reasons.get(slot, receipt.verdict.code)) for slot in call.slots)

    async def _decide(self, call: CallState, receipt: Receipt) -> Next:
        context, verdict = self.context, receipt.verdict
        may_risk = not call.last
        if may_risk and verdict.charge is not Charge.NO:
            risked = await context.offload(context.ledger.reservations.exposure, context.run_id)
            may_risk = risked.at_risk < max(MICRO, (call.asked.caps().max_cost or 0) // 20)
        policy = Policy(context.settings.retry, context.settings.on_uncertain, may_risk)
        before = call.tally
        if call.purpose is Purpose.TOP_UP:  # moderation has had its second chance
            before = replace(before, moderated=max(before.moderated, 1))
        then = decide(verdict, before, policy)
        if isinstance(then, Over) and receipt.withheld and before.empty:
            then = replace(then, slots=SlotState.MODERATED)
        if isinstance(then, Over):
            then = replace(then, elsewhere=may_move(verdict))
        call.tally = call.tally.after(verdict)
        call.refusal = verdict if verdict.remedy is Remedy.FAIL_JOB and verdict.charge is Charge.NO else None
        as_told = isinstance(then, Again) and then.wait is Wait.AS_TOLD
        call.wait = verdict.retry_after if as_told else None
        if verdict.remedy is Remedy.WAIT and self._others(call):  # who has room meanwhile is found at once
            call.wait = 0.0
        return then


def _approved(refused: Refused) -> Over:
    """Leave an image alone that was approved after its job was planned: there is nothing to draw any more."""
    return Over(SlotState.NOT_STARTED, Reason(ReasonCode.PLANNED, detail=limit_words.words(refused)))


def _receipt(came: Receipt | Lost) -> Receipt:
    """Say what follows from a result: nobody knows whether what is lost was charged."""
    if isinstance(came, Lost):
        return Receipt(came.attempt_id, Phase.HANDED_OVER, Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "lost", came.why))
    verdict = cautious(came.verdict)
    return came if verdict is came.verdict else replace(came, verdict=verdict)


def _again_at(call: CallState) -> Lane | None:
    """Return the provider that moderated a call for money: its second try is made there, if it still can be."""
    lane = call.held and call.held.lane
    return lane if lane and lane.out(call.job) is None and lane.name not in call.avoided else None


async def _ticket(call: CallState, breaker: Breaker) -> Ticket | None:
    """Leave of the breaker: that under which a call was moderated for money, while it holds, or a new one."""
    if call.held and call.held.breaker is breaker and breaker.admits(call.held.ticket):
        return call.held.ticket
    _let_go(call)
    return await breaker.allow()


def _let_go(call: CallState) -> None:
    """Count moderation for money that no second call follows: it brought nothing."""
    if call.held:
        call.held.breaker.record(call.held.ticket, Remedy.EMPTY)
        call.held = None


def _believed(lane: Lane, attempt: Attempt, receipt: Receipt) -> Receipt:
    """Ask again for a model that brought images in this run before it is believed to be gone."""
    verdict, part = receipt.verdict, (attempt.request.operation, attempt.model)
    sudden = verdict.cause is Cause.NO_MODEL and verdict.remedy is Remedy.STOP_CONFIG and part in lane.brought
    return replace(receipt, verdict=replace(verdict, remedy=Remedy.RETRY)) if sudden else receipt


def too_dear(attempt: Attempt, settlement: Settlement, receipt: Receipt) -> Stop | None:
    """Whether a call cost more than its upper bound: then the price table is wrong, and so is every reservation.

    Unless it is dear because something else came than was asked: another model, size or quality, or more images.
    """
    other = not _OTHER_THAN_ASKED.isdisjoint(settlement.flags)
    more = receipt.quarantine is not None and not receipt.missing
    if CostFlag.PRICE_TOO_LOW not in settlement.flags or other or more:
        return None
    row = attempt.quote.price.source or attempt.model
    why = (
        f"the price row {row!r} is too low: a call reserved at {exact(attempt.quote.high)} cost "
        f"{exact(settlement.cost)}; correct it under prices: in the manifest"
    )
    return Stop(StopKind.LIMIT, why)


def _used(attempt: Attempt, state: AttemptState, settlement: Settlement | None) -> Amount:
    """Say what a closed call leaves in the sums that limits bound."""
    if state in FREE:
        return Amount()
    return Amount(settlement.cost, attempt.n) if settlement else amount(attempt)
