"""Permits of one lane (one provider and key): how many calls at once, and how fast one after the other."""

import math
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from batchgen.limits.rate_share import COOL_DOWN, RateShare
from batchgen.limits.sliding_window import SlidingWindow, Start
from batchgen.limits.slots import Slots
from batchgen.limits.start_queue import StartQueue
from batchgen.limits.stop_gate import StopGate
from batchgen.model import Limits
from batchgen.runtime.clock import Clock

# A provider may ask for any wait; nobody waits longer than this before looking again.
LONGEST_PAUSE = 300.0
LONGEST_BACK_OFF = 60.0

# A refusal this soon after a pause says that the pause was too short.
SOON = 5.0

_COUNT = re.compile(r"[1-9]\d{0,11}", re.ASCII)
_LIMIT_HEADER = re.compile(r"x-ratelimit-limit-(requests|images|input-images|tokens)")


class Limiter:
    """Slots for calls side by side, and a pace for their starts; both first come, first served.

    With rates configured, rate-limit answers slow the pace down; without any, they lower the number of parallel calls.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._gate = StopGate()
        self._concurrency = limits.concurrency
        self._slots = Slots(limits.concurrency)
        self._share = RateShare(clock)
        self._pacer = StartQueue(clock)
        self._back_off = 0.0
        rates = {
            "requests": limits.requests_per_minute,
            "images": limits.images_per_minute,
            "input-images": limits.input_images_per_minute,
            "tokens": limits.tokens_per_minute,
        }
        self._meters = {kind: SlidingWindow(rate, self._share, clock) for kind, rate in rates.items() if rate}

    @property
    def share(self) -> float:
        """The part of the configured speed in force, 1 when nothing slows the lane down."""
        return self._share.now

    @property
    def concurrency(self) -> int:
        """Calls allowed at once now."""
        return self._slots.size

    @property
    def in_flight(self) -> int:
        """Slots taken now."""
        return self._slots.taken

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the places for parallel calls; raises Closed when the run stops first."""
        async with self._gate.waiting():
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()
            self._adapt()

    async def pace(self, n: int = 1, input_images: int = 0, tokens: int = 0) -> Start:
        """Wait until a call of this weight may start, and count it; raises Closed when the run stops first.

        The answer names this start to `sent` and `throttled`.
        """
        weighs = {"requests": 1, "images": n, "input-images": input_images, "tokens": tokens}
        weights = tuple((meter, weighs[kind]) for kind, meter in self._meters.items() if weighs[kind])
        async with self._gate.waiting():
            return await self._pacer.start(weights)

    def sent(self, start: Start) -> None:
        """Say that a call leaves only now, so that what was done in between does not blur its window."""
        start.at = self._clock.monotonic()

    def throttled(self, retry_after: float | None = None, start: Start | None = None, hold: float = COOL_DOWN) -> None:
        """Learn from a rate-limit 429: pause the lane, and slow it down once per generation of calls.

        `retry_after` is what the provider asked for, in seconds; nonsense counts as nothing. Without `start`, a refusal
        during a pause counts as one more of the calls that caused the pause. `hold` is how long the new speed is kept
        before it grows again, in seconds.
        """
        now = self._clock.monotonic()
        paused = now < self._pacer.resumes_at
        started = start.at if start else float("-inf") if paused else now
        if start:
            start.refused = True
        self._share.cut(started, max((m.accepted() for m in self._meters.values()), default=None), hold)
        self._pacer.pause(self._pause(retry_after, started))
        self._adapt()

    def observe(self, headers: Iterable[tuple[str, str]]) -> None:
        """Learn from the `x-ratelimit-limit-*` headers of an answer: a limit below the configured one lowers the pace.

        What remains, and when it is reset, is of no use: a lane that uses all it may always finds nothing left.
        """
        for name, value in headers:
            kind = _LIMIT_HEADER.fullmatch(name.strip().lower())
            if kind and (meter := self._meters.get(kind[1])) and _COUNT.fullmatch(value.strip()):
                meter.lower(int(value))

    def resize(self, concurrency: int) -> None:
        """Allow so many calls at once from now on."""
        self._concurrency = concurrency
        self._slots.resize(concurrency)
        self._adapt()

    def close(self) -> None:
        """Let everyone who waits for a permit give up at once, and nobody wait from now on: the run stops."""
        self._gate.close()

    def _pause(self, asked: float | None, started: float) -> float:
        """Seconds to let nothing start: as asked; doubling while the first calls after a pause are refused again."""
        resumed_at = self._pacer.resumes_at
        fresh = started >= resumed_at
        if fresh:
            too_soon = started < resumed_at + SOON
            self._back_off = min(LONGEST_BACK_OFF, max(1.0, 2 * self._back_off)) if too_soon else 0.0
        if asked is not None and math.isfinite(asked) and asked > 0:
            return max(min(asked, LONGEST_PAUSE), self._back_off)
        return max(1.0, self._back_off) if fresh else 0.0

    def _adapt(self) -> None:
        """Without rates there is only the number of parallel calls to slow down with."""
        if not self._meters:
            self._slots.resize(max(1, int(self._concurrency * self._share.now)))
