"""Permits of one lane (one provider and key): how many calls at once, and how fast one after the other."""

import asyncio
import math
import re
from collections.abc import Callable, Iterable, Mapping

from batchgen.limits.learned_rate import LearnedRate
from batchgen.limits.refusals import LATEST, Refusals
from batchgen.limits.sliding_window import COOL_DOWN, RateShare, SlidingWindow, Start
from batchgen.limits.slots import CallWindow, Slots
from batchgen.limits.start_queue import LATE, SharedPace, StartQueue, Weights
from batchgen.limits.stop_gate import StopGate
from batchgen.model import Limits
from batchgen.runtime.clock import Clock

# A provider may ask for any wait; nobody waits longer than this before looking again.
LONGEST_PAUSE = 300.0

# Without a word of the provider: the first pause, and the longest one while it takes nothing at all.
FIRST_PAUSE = 1.0
LONGEST_BACK_OFF = 60.0
BACK_OFF = 1.8

# A wait of this many seconds speaks of a limit by the minute; a shorter one may be of a limit by the second.
LONG_WAIT = 5.0

# So many calls in a row that were alone after a pause, and refused, show a limit.
PROBES = 2

_COUNT = re.compile(r"[1-9]\d{0,11}", re.ASCII)
_LIMIT_HEADER = re.compile(r"x-ratelimit-limit-(requests|images|input-images|tokens)")


def untold(_model: str, _limit: int) -> None:
    """Tell nobody of a learned limit."""


class _Place:
    """One of the places for parallel calls, held while inside; it remembers nothing, so that one serves all calls."""

    __slots__ = ("_gate", "_queue", "_slots")

    def __init__(self, gate: StopGate, slots: Slots, queue: StartQueue) -> None:
        self._gate, self._slots, self._queue = gate, slots, queue

    async def __aenter__(self) -> None:
        self._gate.check()
        if not self._slots.acquire_now():
            with self._gate.waiting():
                await self._slots.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()
        self._queue.look_again()


class Limiter:
    """Slots for calls side by side, and a pace for their starts; both first come, first served.

    With rates configured, rate-limit answers slow the pace down; without any, they lower the number of parallel calls.
    The place of a refused call rests for as long as the refusal says; where refusals are more than chance, the whole
    lane does. Where they go on after that and no rate is configured, a limit has shown itself: it is learned, for each
    model, and told to `tell` in calls a minute. `known` are limits that earlier runs learned. With a `shared` pace the
    configured rates are those of all processes that share it.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        known: Mapping[str, int] | None = None,
        tell: Callable[[str, int], None] = untold,
        shared: SharedPace | None = None,
    ) -> None:
        self._clock = clock
        self._gate = StopGate()
        self._shards = limits.shards
        self._most = limits.concurrency
        self._slots = Slots(limits.concurrency)
        self._window = CallWindow(limits.concurrency)
        self._share = RateShare(clock)
        self._shared = shared
        self._queue = StartQueue(clock, shared)
        self._place = _Place(self._gate, self._slots, self._queue)
        self._rests: list[float] = []
        self.waiting = 0
        """Calls that have a slot and wait for their start."""
        self._held = False
        self._opened = asyncio.Event()
        self._opened.set()
        self._probes = 0
        self._refused_at = float("-inf")
        self._tell = tell
        self._known = dict(known or {})
        self._learned: dict[str, LearnedRate] = {}
        self._back_off = 0.0
        rates = {
            "requests": limits.share(limits.requests_per_minute),
            "images": limits.share(limits.images_per_minute),
            "input-images": limits.share(limits.input_images_per_minute),
            "tokens": limits.share(limits.tokens_per_minute),
        }
        self._meters = {kind: SlidingWindow(rate, self._share, clock) for kind, rate in rates.items() if rate}
        self._refusals = Refusals(rated=bool(self._meters))
        self._adapt()

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

    @property
    def resumes_in(self) -> float:
        """Seconds until a pause that a refusal asked for is over; 0 without one."""
        return max(0.0, self._queue.resumes_at - self._clock.monotonic())

    @property
    def used(self) -> Mapping[str, tuple[int, float]]:
        """What of each configured rate was started within the last minute, and how much it is."""
        return {kind: meter.used for kind, meter in self._meters.items()}

    @property
    def learned(self) -> Mapping[str, int | None]:
        """What is sure of the models that were called: their limit in calls a minute, or None without one."""
        return {model: rate.limit for model, rate in self._learned.items() if rate.sure}

    def ready_in(self, n: int = 1, input_images: int = 0, tokens: int = 0, *, model: str = "") -> float:
        """Seconds until a call of this weight could start here; infinite until another one ends or starts."""
        if self.waiting or self._slots.taken >= self._slots.size:
            return math.inf
        meters = (meter.wait(weight) for _, meter, weight in self._weights(n, input_images, tokens))
        held = max(self._rate(model).wait(self._refusals.look), self._until_place())
        return max(self._queue.closed_for, held, *meters)

    def slot(self) -> "_Place":
        """Hold one of the places for parallel calls; raises Closed when the run stops first."""
        return self._place

    async def pace(self, n: int = 1, input_images: int = 0, tokens: int = 0, *, model: str = "") -> Start:
        """Wait until a call of this weight may start, and count it; raises Closed when the run stops first.

        The answer names this start to `sent`, `answered` and `throttled`.
        """
        weights, rate = self._weights(n, input_images, tokens), self._rate(model)
        if weights or self.waiting or self._queue.is_closed or self._closed_for(rate) > 0:
            start = await self._start(weights, model, rate)
        else:  # nothing limits the pace, and nobody is before it
            self._gate.check()
            start = Start(self._clock.monotonic(), model)
        rate.started(start)
        self._refusals.started(start)
        return start

    async def _start(self, weights: Weights, model: str, rate: LearnedRate) -> Start:
        """Wait for the turn of a call, and for what else holds it up."""
        self.waiting += 1
        try:
            with self._gate.waiting():
                return await self._queue.start(weights, model, lambda: self._closed_for(rate))
        finally:
            self.waiting -= 1

    def sent(self, start: Start) -> None:
        """Say that a call leaves only now, so that what was done in between does not blur its window."""
        start.at = self._clock.monotonic()

    def is_late(self, start: Start) -> bool:
        """Whether a call would leave so long after its booked time that others have to know: `put_off` tells them."""
        return start.booked is not None and self._clock.monotonic() > start.booked + LATE

    async def put_off(self, start: Start) -> None:
        """Let those who share the pace know that a late call leaves only now."""
        if self._shared and start.booked is not None:
            await self._shared.move(start.booked)

    def answered(self, start: Start) -> None:
        """Learn from an answer that was no rate limit: the provider took this call."""
        start.answered = True
        if start.at > self._refused_at:
            self._probes, self._back_off = 0, 0.0
        self._window.answered()
        self._queue.judged(start)
        self._adapt()

    def throttled(self, retry_after: float | None = None, start: Start | None = None, hold: float = COOL_DOWN) -> None:
        """Learn from a rate-limit 429: wait as long as it says, and slow down once per generation of calls.

        `retry_after` is what the provider asked for, in seconds; nonsense counts as nothing. Without `start`, a refusal
        during a pause counts as one more of the calls that caused the pause. `hold` is how long the new speed is kept
        before it grows again, in seconds.
        """
        now = self._clock.monotonic()
        paused = now < self._queue.resumes_at
        started = start.at if start else float("-inf") if paused else now
        told = retry_after if retry_after is not None and math.isfinite(retry_after) and retry_after > 0 else None
        if start:
            self._probes += start is self._queue.probe
            self._refused_at = max(self._refused_at, started)
            self._refusals.refused(start, now)
            self._queue.look = self._refusals.look
        chance = start is not None and self._refusals.by_chance(now)
        if start and not self._meters:
            shows = not chance and (self._probes >= PROBES or (told or 0.0) >= LONG_WAIT or self._refusals.is_most)
            self._rate(start.model).refused(start, told if told and told >= LONG_WAIT else 0.0, limit=shows)
        if chance:
            self._window.refused_by_chance()
            self._rests.append(now + min(told or FIRST_PAUSE, LONGEST_PAUSE))
            self._queue.judged(start)
        else:
            self._slow_down(started, now, hold)
            self._pause(told, fresh=started >= self._queue.resumes_at)
        self._adapt()

    def observe(self, headers: Iterable[tuple[str, str]]) -> None:
        """Learn from the `x-ratelimit-limit-*` headers of an answer: a limit below the configured one lowers the pace.

        What remains, and when it is reset, is of no use: a lane that uses all it may always finds nothing left.
        """
        for name, value in headers if self._meters else ():
            kind = _LIMIT_HEADER.fullmatch(name.strip().lower())
            if kind and (meter := self._meters.get(kind[1])) and _COUNT.fullmatch(value.strip()):
                meter.lower(int(value) / self._shards)

    def resize(self, concurrency: int) -> None:
        """Allow so many calls at once from now on."""
        self._window.resize(concurrency)
        self._most = concurrency
        self._adapt()

    def hold(self) -> None:
        """Let nothing start from now on; what is under way goes on."""
        self._held = True
        self._opened.clear()

    def go_on(self) -> None:
        """Let calls start again."""
        self._held = False
        self._opened.set()
        self._queue.look_again()

    async def opened(self) -> None:
        """Wait until calls may start, whatever the pace; raises Closed when the run stops first."""
        with self._gate.waiting():
            await self._opened.wait()

    def close(self) -> None:
        """Let everyone who waits for a permit give up at once, and nobody wait from now on: the run stops."""
        self._gate.close()

    def _weights(self, n: int, input_images: int, tokens: int) -> Weights:
        if not self._meters:
            return ()
        weighs = {"requests": 1, "images": n, "input-images": input_images, "tokens": tokens}
        return tuple((kind, meter, weighs[kind]) for kind, meter in self._meters.items() if weighs[kind])

    def _rate(self, model: str) -> LearnedRate:
        if model not in self._learned:
            self._learned[model] = LearnedRate(
                self._clock, lambda limit: self._tell(model, limit), self._known.get(model)
            )
        return self._learned[model]

    def _closed_for(self, rate: LearnedRate) -> float:
        """Seconds until the next look at whether a call of a model may start."""
        return LONGEST_PAUSE if self._held else max(rate.wait(self._refusals.look), self._until_place())

    def _until_place(self) -> float:
        """Seconds until one of the places rests no more that the next call needs."""
        if not self._rests:
            return 0.0
        now = self._clock.monotonic()
        self._rests = [end for end in self._rests if end > now]
        under_way = self._slots.taken - self.waiting
        return min(self._rests) - now if self._rests and under_way + len(self._rests) >= self._most else 0.0

    def _slow_down(self, started: float, now: float, hold: float) -> None:
        """Lower the pace, once per generation: to what was taken lately, or by more than is refused."""
        self._window.refused(started, now, self._refusals.part)
        if self._meters:
            taken = max(meter.accepted() for meter in self._meters.values())
            less = self._share.now * (1 - 1.5 * self._refusals.count / LATEST)
            self._share.cut(started, taken if self._refusals.wall(now) else less, hold)

    def _pause(self, told: float | None, *, fresh: bool) -> None:
        """Let nothing start: for as long as told, else a second; ever longer while nothing at all is taken."""
        if fresh and self._probes >= 2:
            self._back_off = min(LONGEST_BACK_OFF, BACK_OFF * max(self._back_off, FIRST_PAUSE / 2))
        if told is not None or fresh:
            self._queue.pause(max(min(told or FIRST_PAUSE, LONGEST_PAUSE), self._back_off))

    def _adapt(self) -> None:
        """Without rates there is the number of parallel calls to slow down with."""
        size = self._most if self._meters else self._window.size
        if size != self._slots.size:
            self._slots.resize(size)
