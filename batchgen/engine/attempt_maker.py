"""Makes one attempt: permit, reserve, execute, settle; and says what follows from it."""

from contextlib import suppress
from dataclasses import dataclass, replace

from batchgen.engine import limit_words
from batchgen.engine.admission import Admission
from batchgen.engine.budget_hint import NOTHING, Amount, Ask, BudgetHint, amount
from batchgen.engine.call_state import CallState, Permit, Submitted
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext, told
from batchgen.engine.decide import (
    FREE,
    PAID,
    Again,
    Next,
    Over,
    Policy,
    cautious,
    decide,
    for_breaker,
    halt,
    may_be_false_alarm,
    may_move,
    mismatch,
    state_of,
    too_dear,
    unproven,
)
from batchgen.engine.lane import Lane
from batchgen.engine.lane_choice import LaneChoice
from batchgen.engine.open_items import not_taken, park
from batchgen.engine.stop_reasons import stop_for
from batchgen.errors import InputError, Occupied, StorageError
from batchgen.ledger import CapKind, Refused
from batchgen.limits import Breaker, Closed, Ticket
from batchgen.model import (
    AT_STORE,
    Attempt,
    AttemptState,
    Cause,
    Charge,
    Lost,
    Pending,
    Phase,
    Purpose,
    Reason,
    ReasonCode,
    Receipt,
    Remedy,
    Settlement,
    SlotState,
    Stop,
    StopKind,
    Verdict,
)
from batchgen.money import MICRO, MicroUSD

STOPPED = Reason(ReasonCode.STOPPED)
LATER = Reason(ReasonCode.SUBMITTED)
UNSENT = Verdict(Charge.NO, Remedy.RESEND, "stopped", "the run stopped before the request left")


@dataclass(frozen=True)
class AttemptMaker:
    """Makes the attempts of a whole run, one at a time for each call."""

    context: RunContext
    places: Admission
    collector: Collector
    room: BudgetHint
    choice: LaneChoice

    async def make(self, call: CallState, attempt: Attempt, ask: Ask) -> Next | Refused | None:
        """Permit, reserve, execute, settle: at most one request leaves."""
        try:
            try:
                tried = await self._leave(call, attempt, ask)
            finally:
                self.choice.news()
            return await self._wait_for(call, attempt, tried, ask) if isinstance(tried, Submitted) else tried
        except Closed:
            return Over(SlotState.NOT_STARTED, STOPPED) if self.context.stops else _at_once(call)
        except InputError as error:
            return Over(SlotState.NOT_STARTED, Reason(ReasonCode.INPUT, detail=str(error.problems[0].message)))
        except Occupied as error:  # this job's place alone is taken: the others go on
            await park(self.context, Pending(attempt.id, AT_STORE, why=str(error)))
            self.context.note("occupied", attempt=attempt.id, job=attempt.job_id, why=str(error))
            return Over(SlotState.NOT_STARTED, Reason(ReasonCode.STORAGE, detail=str(error)))
        except StorageError as error:
            reason = Reason(ReasonCode.STORAGE, detail=str(error))
            return Over(SlotState.NOT_STARTED, reason, stop_for(error, StopKind.STORAGE))

    async def _leave(self, call: CallState, attempt: Attempt, ask: Ask) -> Next | Refused | Submitted | None:
        """Make one attempt with leave of the breaker, a slot and a start in the pace.

        The slot comes second, so that a model whose breaker is open keeps none from the others; and the breaker is
        asked again after each wait.
        """
        lane = call.asked
        limiter, breaker = lane.limiter, lane.breaker(attempt.model)
        lane.given += attempt.n
        tokens = attempt.quote.input_tokens + attempt.quote.output_tokens
        while ticket := _kept_ticket(call, breaker) or await breaker.allow():
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
        ask.claimed = self.room.claimed(call.job.priority)
        reserve = context.ledger.reservations.reserve
        if refused := await context.offload(reserve, attempt, lane.caps(), ask.claimed):
            return _approved(refused) if refused.kind is CapKind.APPROVED else refused
        call.touched = True
        ask.reserved()
        if context.stops or lane.out(call.job) or not permit.breaker.admits(permit.ticket):
            return await self._hold_back(call, attempt, lane, ask)
        if lane.limiter.is_late(permit.start):
            with suppress(StorageError):  # it only refines the pace of others, and this call is booked to leave
                await lane.limiter.put_off(permit.start)
        self._tell_leaving(attempt, permit)
        (came,) = await context.executor.execute((attempt,))
        if isinstance(came, Pending):
            return await self._submitted(attempt, came, permit)
        receipt = _receipt(came)
        lane.served = lane.served or receipt.came
        if not lane.served and receipt.verdict.cause is Cause.WEB_PAGE:
            receipt = await self._proven(lane, receipt)
        return await self._close(call, attempt, self._answered(call, attempt, permit, receipt), ask)

    async def _hold_back(self, call: CallState, attempt: Attempt, lane: Lane, ask: Ask) -> Next:
        """Close an attempt that was reserved and does not leave: something ended meanwhile."""
        unsent = Receipt(attempt.id, Phase.NOT_CONNECTED, UNSENT)
        await self.context.offload(self.context.ledger.attempts.settle, unsent, AttemptState.NOT_SENT)
        ask.settled(NOTHING)
        return _at_once(call) if lane.out(call.job) else Again()

    def _tell_leaving(self, attempt: Attempt, permit: Permit) -> None:
        """Tell limiter and log that an attempt leaves now."""
        permit.lane.limiter.sent(permit.start)
        self.context.note(
            "dispatched",
            attempt=attempt.id,
            job=attempt.job_id,
            slots=attempt.slots,
            purpose=attempt.purpose,
            reserved_micro_usd=attempt.quote.high,
        )

    async def _submitted(self, attempt: Attempt, came: Pending, permit: Permit) -> Submitted:
        """Write down that an attempt was accepted and comes later."""
        permit.lane.limiter.answered(permit.start)
        permit.breaker.keep(permit.ticket)
        await park(self.context, came)
        self.context.note("pending", attempt=attempt.id, job=attempt.job_id, handle=came.handle)
        return Submitted(came, permit)

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

    async def _proven(self, lane: Lane, receipt: Receipt) -> Receipt:
        """Judge a web page by whether the provider ever brought an image: until then its address may be wrong."""
        lane.served = await self.context.offload(self.context.ledger.accounts.served, lane.name)
        return receipt if lane.served else replace(receipt, verdict=unproven(receipt.verdict))

    def _answered(self, call: CallState, attempt: Attempt, permit: Permit, receipt: Receipt) -> Receipt:
        """Learn from an attempt that ended at once; returns what is believed of it."""
        lane, limiter = permit.lane, permit.lane.limiter
        receipt = _believed(lane, attempt, receipt)
        if receipt.came:
            lane.brought.add((attempt.request.operation, attempt.model))
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

    async def _close(self, call: CallState, attempt: Attempt, receipt: Receipt, ask: Ask) -> Next | None:
        """Settle an attempt with what it brought and cost, and see what follows."""
        context, lane, state = self.context, call.asked, state_of(receipt)
        settlement = lane.price_list.settle(attempt, receipt) if state in PAID else None
        for stop in (halt(receipt.verdict), settlement and too_dear(attempt, settlement, receipt)):
            if stop:
                self.choice.take_out(call, stop)
        lane.charged = lane.charged or state not in FREE
        _take(call, attempt, receipt)
        await context.offload(context.ledger.attempts.settle, receipt, state, settlement, not_taken(context, receipt))
        call.spent = MicroUSD(call.spent + (settlement.cost if settlement else 0))
        self._tell_settled(attempt, receipt, state, settlement)
        await context.forget(attempt.id)
        ask.settled(_used(attempt, state, settlement))
        return None if call.stored or call.odd or call.remote or call.short else await self._decide(call, receipt)

    def _tell_settled(
        self, attempt: Attempt, receipt: Receipt, state: AttemptState, settlement: Settlement | None
    ) -> None:
        """Say in the log what an attempt brought and cost."""
        verdict = receipt.verdict
        self.context.note(
            "settled",
            attempt=attempt.id,
            job=attempt.job_id,
            state=state,
            code=verdict.code,
            message=verdict.message,
            status=receipt.status,
            pictures=len(receipt.images),
            **told(attempt.job_key, attempt.request, (attempt.model, attempt.provider), receipt.images),
            cost_micro_usd=settlement.cost if settlement else 0,
            seconds=round(receipt.seconds, 3),
            **({"cause": verdict.cause} if verdict.cause else {}),
        )

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
        call.wait = verdict.retry_after if isinstance(then, Again) and then.as_told else None
        if verdict.remedy is Remedy.WAIT and self.choice.has_others(call):
            call.wait = 0.0  # who has room meanwhile is found at once
        return then


def _approved(refused: Refused) -> Over:
    """Leave an image alone that was approved after its job was planned: there is nothing to draw any more."""
    return Over(SlotState.NOT_STARTED, Reason(ReasonCode.PLANNED, detail=limit_words.words(refused)))


def _at_once(call: CallState) -> Again:
    """Make the call again without a wait: nothing of it left."""
    call.wait = 0.0
    return Again()


def _receipt(came: Receipt | Lost) -> Receipt:
    """Say what follows from a result: nobody knows whether what is lost was charged."""
    if isinstance(came, Lost):
        return Receipt(came.attempt_id, Phase.HANDED_OVER, Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "lost", came.why))
    verdict = cautious(came.verdict)
    return came if verdict is came.verdict else replace(came, verdict=verdict)


def _kept_ticket(call: CallState, breaker: Breaker) -> Ticket | None:
    """Return the ticket under which a call was moderated for money, while it holds."""
    if call.held and call.held.breaker is breaker and breaker.admits(call.held.ticket):
        return call.held.ticket
    call.let_go()
    return None


def _believed(lane: Lane, attempt: Attempt, receipt: Receipt) -> Receipt:
    """Ask again for a model that brought images in this run before it is believed to be gone."""
    verdict = receipt.verdict
    if verdict.cause is not Cause.NO_MODEL or verdict.remedy is not Remedy.STOP_CONFIG:
        return receipt
    sudden = (attempt.request.operation, attempt.model) in lane.brought
    return replace(receipt, verdict=replace(verdict, remedy=Remedy.RETRY)) if sudden else receipt


def _take(call: CallState, attempt: Attempt, receipt: Receipt) -> None:
    """Say what a call brought; a top-up that was charged and brought nothing counts as one all the same."""
    call.attempt_id, call.remote = attempt.id, receipt.remote
    call.odd = tuple([(one.slot, why) for one in receipt.images if (why := mismatch(one))])
    call.stored = len(receipt.images)
    if receipt.came:
        call.short = receipt.missing
    elif call.purpose is Purpose.TOP_UP and receipt.verdict.charge is Charge.YES:
        reasons = dict(receipt.missing)
        call.short = tuple((slot, reasons.get(slot, receipt.verdict.code)) for slot in call.slots)


def _used(attempt: Attempt, state: AttemptState, settlement: Settlement | None) -> Amount:
    """Say what a closed call leaves in the sums that limits bound."""
    if state in FREE:
        return NOTHING
    return Amount(settlement.cost, attempt.n) if settlement else amount(attempt)
