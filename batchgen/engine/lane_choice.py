"""Finds the provider for each call: the cheapest that can draw it and has room now; waits where none has."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Sequence

from batchgen.engine.admission import Admission
from batchgen.engine.call_state import CallState
from batchgen.engine.context import RunContext
from batchgen.engine.lane import Lane
from batchgen.model import Job, Stop
from batchgen.pricing import Bid, choose
from batchgen.runtime.change import Change, first_of

LONGEST_WAIT = 30.0
"""Seconds after which a call that waits for room looks again, whatever happened."""


class LaneChoice:
    """Sends the calls of a run to its providers; one instance serves a whole run.

    Calls that may go to the same providers are served in the order in which they came. With one provider there is
    nothing to choose, and its own queues decide.
    """

    def __init__(self, context: RunContext, places: Admission) -> None:
        self._context = context
        self._places = places
        self._turns = defaultdict[tuple[str, ...], asyncio.Lock](asyncio.Lock)
        self._changed = Change()
        self.news = self._changed.tell
        """Let those that wait look again: a call ended, or a provider is not asked any more."""
        context.stops.listen(lambda _stop: self.news())

    def take_out(self, call: CallState, stop: Stop) -> None:
        """Ask a provider no more, or no more for what it has no endpoint or no such model for."""
        lane = call.asked
        if not self._context.close_part(lane, lane.part(call.job), stop):
            self._context.take_out(lane, stop)
        self.news()

    def has_others(self, call: CallState) -> bool:
        """Whether another provider than the one that was asked last may be asked."""
        return bool(self._left(call.job, call.avoided | {call.asked.name}))

    def _left(self, job: Job, avoided: frozenset[str]) -> tuple[Lane, ...]:
        """Return the providers that a call may still be made at."""
        able = self._context.able(job)
        alone = len(self._context.lanes) == 1
        return tuple(
            [lane for lane in able if lane.name not in avoided and ((alone and lane.stop) or lane.out(job) is None)]
        )

    async def next(self, call: CallState) -> Lane | None:
        """Wait for a provider with room for a call; None when none is left to wait for, or the run stops."""
        left = self._left(call.job, call.avoided)
        if len(self._context.lanes) == 1 or not left:
            return left[0] if left else None
        ready, _ = self._look(left, call)
        turn = self._turns[tuple(lane.name for lane in left)]
        if ready and not turn.locked():
            return ready
        with self._places.resting():
            async with turn:
                return await self._when_ready(call)

    async def _when_ready(self, call: CallState) -> Lane | None:
        while not self._context.stops and (left := self._left(call.job, call.avoided)):
            ready, seconds = self._look(left, call)
            if ready:
                return ready
            await first_of(self._context.clock.sleep(min(seconds, LONGEST_WAIT)), self._changed.wait())
        return None

    def _look(self, lanes: Sequence[Lane], call: CallState) -> tuple[Lane | None, float]:
        """Return who is asked now, if anybody has room, or the seconds until somebody may have."""
        job, n = call.job, len(call.slots)
        waits = [self._ready_in(lane, job, n) for lane in lanes]
        bids = [
            Bid(lane.price_list.listed(job.request, n), lane.offer.weight, lane.given, wait <= 0)
            for lane, wait in zip(lanes, waits, strict=True)
        ]
        at = choose(bids)
        serious = [wait for lane, wait in zip(lanes, waits, strict=True) if lane.offer.weight] or waits
        return (None, min(serious)) if at is None else (lanes[at], 0.0)

    def _ready_in(self, lane: Lane, job: Job, n: int) -> float:
        model, request = lane.price_list.model_of(job.request), job.request
        wait = lane.breaker(model).ready_in
        if wait == math.inf:
            return wait
        quote = lane.price_list.quote(request, n)
        tokens = quote.input_tokens + quote.output_tokens
        return max(wait, lane.limiter.ready_in(n, len(request.images), tokens, model=model))
