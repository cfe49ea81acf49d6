"""How much of the configured speed a lane uses: cut by rate-limit answers, recovering with time."""

from batchgen.runtime.clock import Clock

# A cut shows its effect only after the calls already under way are answered: until then no other cut, and no recovery.
COOL_DOWN = 15.0

# Recovery per second, as a part of the configured speed: all of it in five minutes.
GROWTH = 1 / 300

LEAST = 0.01
DEEPEST_CUT = 0.5
SHALLOWEST_CUT = 0.9


class RateShare:
    """A number in (0, 1], additive up and multiplicative down.

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
