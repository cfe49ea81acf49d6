"""One queue in front of all meters of a lane: whoever came first starts first, however heavy it is."""

import asyncio

from batchgen.limits.sliding_window import SlidingWindow, Start
from batchgen.runtime.clock import Clock

# aiolimiter keeps its own waiters in a heap ordered by weight, where a call for ten images waits for ever behind
# calls for one. Here only the head of the queue ever waits at a meter.


class StartQueue:
    """Lets calls start in order of arrival, each when the pause is over and all its meters have room."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._resumes_at = float("-inf")

    @property
    def resumes_at(self) -> float:
        """When the last pause ends or ended, on the monotonic clock."""
        return self._resumes_at

    async def start(self, weights: tuple[tuple[SlidingWindow, int], ...]) -> Start:
        """Wait for the turn, the pause and the meters; the call counts as started when this returns."""
        async with self._turn:
            for meter, weight in weights:
                await meter.clear(weight)
            while (wait := self._resumes_at - self._clock.monotonic()) > 0:
                await self._clock.sleep(wait)
            start = Start(self._clock.monotonic())
            for meter, weight in weights:
                await meter.take(start, weight)
            return start

    def pause(self, seconds: float) -> None:
        """Let nothing start for so long from now; a longer pause already in force stays."""
        self._resumes_at = max(self._resumes_at, self._clock.monotonic() + seconds)
