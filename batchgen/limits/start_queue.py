"""One queue in front of all meters of a lane: whoever came first starts first, however heavy it is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from batchgen.limits.sliding_window import GUARD, WINDOW, SlidingWindow, Start
from batchgen.model import Load
from batchgen.runtime.change import Change, first_of
from batchgen.runtime.clock import Clock

Weights = tuple[tuple[str, SlidingWindow, int], ...]
LATE = 0.25
"""Seconds that a call may leave after its booked time; one that leaves later than that says so."""
BOOKED_WINDOW = WINDOW + GUARD + LATE


@dataclass(frozen=True)
class SharedPace:
    """Where starts are booked of a key that other processes use at the same time: all of them look there.

    `book` returns the time at which a call may start, given the window in which limits are kept; `move` says that the
    one that was booked for a time leaves only now.
    """

    book: Callable[[Sequence[Load], float], Awaitable[float]]
    move: Callable[[float], Awaitable[None]]


class StartQueue:
    """Lets calls start in order of arrival, each when the pause is over and all its meters have room.

    The first call after a pause is a probe: the others follow when it is answered, or after `look` seconds, in which a
    refusal would have come.

    With a `shared` pace, the head of the queue books its start there; processes take turns, as only heads wait.
    """

    def __init__(self, clock: Clock, shared: SharedPace | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._turn = asyncio.Lock()
        self.resumes_at = float("-inf")
        """When the last pause ends or ended, on the monotonic clock."""
        self._paused = False
        self._changed = Change()
        self.probe: Start | None = None
        self.look = 0.0

    async def start(self, weights: Weights, model: str, wait: Callable[[], float]) -> Start:
        """Wait for the turn, the pause and the meters; the call counts as started when this returns.

        `wait` tells, at any time, for how many seconds more a call may not start for other reasons.
        """
        async with self._turn:
            await self._until_open(wait)
            if weights:
                for _, meter, weight in weights:
                    await meter.clear(weight)
                await self._until_open(wait)
            booked = await self._book(self._shared, weights, wait) if self._shared and weights else None
            start = Start(self._clock.monotonic(), model, booked=booked)
            if self._paused:
                self._paused, self.probe = False, start
            for _, meter, weight in weights:
                meter.take(start, weight)
            return start

    async def _book(self, shared: SharedPace, weights: Weights, wait: Callable[[], float]) -> float:
        """Wait for a booked time; book again when a pause took longer."""
        loads = [meter.load(kind, weight) for kind, meter, weight in weights]
        while True:
            at = await shared.book(loads, BOOKED_WINDOW)
            while (early := at - self._clock.monotonic()) > 0:
                await self._clock.sleep(early)
            await self._until_open(wait)
            if self._clock.monotonic() <= at + LATE:
                return at

    def pause(self, seconds: float) -> None:
        """Let nothing start for so long from now; a longer pause already in force stays."""
        self.resumes_at = max(self.resumes_at, self._clock.monotonic() + seconds)
        self._paused = True
        self.judged(self.probe)

    def judged(self, start: Start | None) -> None:
        """Say that a call was answered: if it was the probe, the others need not wait for it any more."""
        if start is self.probe:
            self.probe = None
        self.look_again()

    def look_again(self) -> None:
        """Let whoever waits see whether it may start now."""
        self._changed.tell()

    @property
    def is_closed(self) -> bool:
        """Whether a pause, or a probe, may hold a call up."""
        return self._paused or self.probe is not None

    @property
    def closed_for(self) -> float:
        """Seconds until the end of the pause, or of the look at a probe; none when that is past."""
        return max(self._closed_for(), 0.0)

    async def _until_open(self, wait: Callable[[], float]) -> None:
        while (seconds := max(self._closed_for(), wait())) > 0:
            await first_of(self._clock.sleep(seconds), self._changed.wait())

    def _closed_for(self) -> float:
        """Seconds until the end of the pause, or of the look at a probe."""
        if not self.is_closed:
            return 0.0
        now = self._clock.monotonic()
        look = self.probe.at + self.look - now if self.probe else 0.0
        return max(self.resumes_at - now, look)
