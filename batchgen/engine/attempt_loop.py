"""Makes one call: attempts at one provider or another, again as often as the policy and the limits allow."""

from random import uniform

from batchgen.engine import limit_words
from batchgen.engine.admission import Admission
from batchgen.engine.attempt_maker import STOPPED, AttemptMaker
from batchgen.engine.budget_hint import Ask, BudgetHint
from batchgen.engine.call_state import CallState
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext
from batchgen.engine.decide import Again, Next, Over
from batchgen.engine.lane import Lane
from batchgen.engine.lane_choice import LaneChoice
from batchgen.ledger import Refused
from batchgen.model import Attempt, Outcome, OutcomeKind, Purpose, Reason, ReasonCode, SlotState, Stop, StopKind


class AttemptLoop:
    """Makes the calls of a whole run."""

    def __init__(self, context: RunContext, places: Admission, collector: Collector) -> None:
        self.context = context
        self.places = places
        self.room = BudgetHint(context.clock)
        self.choice = LaneChoice(context, places)
        self._maker = AttemptMaker(context, places, collector, self.room, self.choice)
        self._refused: set[str] = set()

    async def make(self, call: CallState) -> Over | None:
        """Make one call to its end; None when it brought something, else what becomes of its slots."""
        number = 0
        try:
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
        finally:
            call.let_go()
        return None

    def _stop(self, call: CallState, stop: Stop) -> None:
        """Ask a provider no more, or stop the run for what is not a provider's."""
        if stop.kind is StopKind.STORAGE:
            self.context.stops.add(stop)
        else:
            self.choice.take_out(call, stop)

    def _moves(self, call: CallState, over: Over) -> bool:
        """Whether a call that is over for one provider, for nothing, is made at another one."""
        if not over.elsewhere or call.lane is None or self.context.stops or not self.choice.has_others(call):
            return False
        self._tell(call, over)
        self.context.note("moved", job=call.job.id, provider=call.lane.name, why=over.reason.words)
        call.move()
        return True

    def _tell(self, call: CallState, over: Over) -> None:
        """Let what a provider refused count against it, although another one draws the job."""
        lane, outcome = call.asked, Outcome(call.job, OutcomeKind.FAILED, reason=over.reason)
        if over.slots is SlotState.FAILED:
            stop = lane.refusals.watch(call.job, (), call.refusal) or lane.alike.watch(outcome, charged=lane.charged)
            if stop:
                self.choice.take_out(call, stop)
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
            lane = _again_at(call) or await self.choice.next(call)
            if lane is None:
                return self._unserved(call)
            call.lane = lane
            attempt = self._attempt(call, lane)
            if refused := self.room.never(attempt):
                return self._refuse(call, refused)
            claimed = self.room.claimed(call.job.priority)
            if self.room.fits(attempt, claimed) or not (self.room.busy or claimed.any):
                with Ask(self.room, attempt, call.claim) as ask:
                    tried = await self._maker.make(call, attempt, ask)
                if not isinstance(tried, Refused):
                    return tried
                self.room.learn(tried, attempt, ask.claimed)
                if not tried.ever or not (self.room.busy or ask.claimed.any):
                    return self._refuse(call, tried)
                if ask.claimed != self.room.claimed(call.job.priority):
                    continue
            call.let_go()  # whoever it waits for may wait for that permit
            with self.places.resting():
                await self.room.change()
        return Over(SlotState.NOT_STARTED, STOPPED)

    def _refuse(self, call: CallState, refused: Refused) -> Over:
        """Give a call up for this run; the first of a kind is noted, as there may be a million."""
        reason = Reason(ReasonCode.LIMIT, detail=limit_words.words(refused))
        if self.choice.has_others(call):
            return Over(SlotState.NOT_STARTED, reason, elsewhere=True)
        if refused.kind not in self._refused and not call.last:
            self._refused.add(refused.kind)
            self.context.note("refused", job=call.job.id, kind=refused.kind, why=reason.detail)
        return Over(SlotState.NOT_STARTED, reason)

    def _unserved(self, call: CallState) -> Over:
        """Say how a call ends for which no provider was found: none can draw it, or those that can are out."""
        if self.context.stops or self.context.able(call.job):
            return Over(SlotState.NOT_STARTED, STOPPED, elsewhere=True)
        return Over(SlotState.FAILED, Reason(ReasonCode.REFUSED, detail="no provider of this run can draw it"))

    def _attempt(self, call: CallState, lane: Lane) -> Attempt:
        again = call.tally.tries and call.purpose is Purpose.FIRST
        purpose = Purpose.RETRY if again else call.purpose
        return self.context.attempt(lane, call.job, call.slots, purpose=purpose, replaces=call.replaces)


def _again_at(call: CallState) -> Lane | None:
    """Return the provider that moderated a call for money: its second try is made there, if it still can be."""
    lane = call.held and call.held.lane
    return lane if lane and lane.out(call.job) is None and lane.name not in call.avoided else None
