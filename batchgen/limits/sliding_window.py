"""One kind of unit (requests, images, tokens, ...), its strict sliding minute, and how much of its speed is used."""

from collections import deque
from dataclasses import dataclass

from batchgen.model import Load
from batchgen.runtime.clock import Clock

WINDOW = 60.0

# Calls do not reach the provider in the order and at the distance at which they start. The provider's window is safe as
# long as the guard covers that spread; it costs GUARD / WINDOW of the rate.
GUARD = 0.25

# Seconds of the rate that may start at once after a pause of the loop or of the work.
BURST = 0.5

# A cut shows its effect only after the calls already under way are answered: until then no other cut, and no recovery.
COOL_DOWN = 15.0

# Recovery per second, as a part of the configured speed: all of it in five minutes.
GROWTH = 1 / 300

LEAST = 0.01
DEEPEST_CUT = 0.5
SHALLOWEST_CUT = 0.9


@dataclass(slots=True, eq=False)
class Start:
    """One call that was let go: when, on the monotonic clock, and whether it was refused as too many, or answered.

    `booked` is when it was to start by the pace that it shares with other processes.
    """

    at: float
    model: str = ""
    refused: bool = False
    answered: bool = False
    booked: float | None = None


class RateShare:
    """How much of the configured speed a lane uses: cut by rate-limit answers, recovering with time.

    It is a number in (0, 1], additive up and multiplicative down.

    Only calls that started after the last cut may cause another one: answers to older calls speak of the older speed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base = 1.0
        self._cut_at = float("-inf")
        self._grows_at = float("-inf")

    @property
    def now(self) -> float:
        """The part of the configured speed in force."""
        if self._base >= 1:
            return 1.0
        return min(1.0, self._base + GROWTH * max(0.0, self._clock.monotonic() - self._grows_at))

    def cut(self, started: float, accepted: float, hold: float = COOL_DOWN) -> None:
        """Slow down after the refusal of a call that `started` then; `hold` seconds pass before speed grows again.

        `accepted` is the part of the configured speed that the provider did take lately: the best guess of its true
        limit.
        """
        now = self._clock.monotonic()
        if started <= self._cut_at or now < self._cut_at + COOL_DOWN:
            return
        share = self.now
        self._base = max(LEAST, share * DEEPEST_CUT, min(share * SHALLOWEST_CUT, accepted))
        self._cut_at = now
        self._grows_at = now + hold


class SlidingWindow:
    """At most `limit` units in any `WINDOW` seconds, evenly.

    A leaky bucket spaces the starts: a call starts as soon as the bucket has room for a single unit, and its whole
    weight is then poured in, so that heavy calls delay their followers and not themselves. The log of actual starts
    makes the limit strict, whatever the bucket allowed. A call heavier than the limit starts by itself, with nothing
    else in its window.
    """

    def __init__(self, limit: float, share: RateShare, clock: Clock) -> None:
        self._limit = limit
        self._share = share
        self._ceiling = limit
        self._clock = clock
        self._slack = 0.0
        self._log: deque[tuple[Start, int]] = deque()
        self._used = 0
        self._empty_at = float("-inf")

    async def clear(self, weight: int) -> None:
        """Wait until a call of `weight` units may start."""
        self._loosen(weight)
        while (wait := self.wait(weight)) > 0:
            await self._clock.sleep(wait)

    def wait(self, weight: int) -> float:
        """Seconds until a call of `weight` units may start, if no other starts before."""
        level = (self._empty_at - self._clock.monotonic()) * self._limit / WINDOW
        return max((level - self._slack) * WINDOW / self._limit, self._until_room(weight), 0.0)

    def take(self, start: Start, weight: int) -> None:
        """Count a start, after `clear`.

        Whatever share and ceiling say, one call keeps the next waiting for a window at most, or for its own weight at
        the configured rate.
        """
        self._pour(self._paced(weight))
        self._log.append((start, weight))
        self._used += weight

    def load(self, kind: str, weight: int) -> Load:
        """Say what a call weighs here, for those who share the limit; after `clear`."""
        second = self._limit / WINDOW
        return Load(kind, weight, self._ceiling, self._paced(weight) / second, self._slack / second)

    def lower(self, ceiling: float) -> None:
        """Pace by a lower limit that the provider names; never above the configured one, which may be a fraction."""
        self._ceiling = min(self._limit, max(1, ceiling))

    @property
    def used(self) -> tuple[int, float]:
        """What was started within the last window, and the limit."""
        since = self._clock.monotonic() - WINDOW
        return sum(weight for start, weight in self._log if start.at > since), self._limit

    def accepted(self) -> float:
        """Return the part of the limit that the provider took within the last window."""
        since = self._clock.monotonic() - WINDOW
        return sum(weight for start, weight in self._log if start.at > since and not start.refused) / self._limit

    def _paced(self, weight: int) -> float:
        """Return what the bucket counts: more than the weight where the pace is below the configured one."""
        return min(weight / self._share.now * self._limit / self._ceiling, max(weight, self._limit))

    def _loosen(self, weight: int) -> None:
        """Let the bucket hold half a second of the rate and the heaviest call, to catch up what waits for the log cost.

        The new space begins full: a burst from a cold start would leave a hole of its size a minute later.
        """
        slack = max(self._slack, self._limit * BURST / WINDOW - 1, min(weight, self._limit) - 1)
        if slack > self._slack:
            self._pour(slack - self._slack)
            self._slack = slack

    def _pour(self, amount: float) -> None:
        """Fill the bucket, also beyond its rim."""
        self._empty_at = max(self._empty_at, self._clock.monotonic()) + amount * WINDOW / self._limit

    def _until_room(self, weight: int) -> float:
        """Seconds until the log may take the call, or the next look at it is due."""
        gone = self._clock.monotonic() - WINDOW - GUARD
        while self._log and self._log[0][0].at <= gone:
            self._used -= self._log.popleft()[1]
        if not self._log or self._used + weight <= self._limit:
            return 0.0
        return self._log[0][0].at - gone
