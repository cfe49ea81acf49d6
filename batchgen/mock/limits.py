"""Limits per minute as a strict sliding window: in no stretch of a minute is more let through than the limit."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from batchgen.mock.reply import Refused, duration, rate_limited


@dataclass(slots=True)
class Window:
    """What passed within the last `seconds`, the most that ever did, and how much was turned away."""

    seconds: float
    limit: int | None
    peak: int = 0
    passed: int = 0
    refused: int = 0
    _used: int = 0
    _past: deque[tuple[float, int]] = field(default_factory=deque)

    def used(self, now: float) -> int:
        """Sum up the weight within the window that ends now."""
        while self._past and self._past[0][0] <= now - self.seconds:
            self._used -= self._past.popleft()[1]
        return self._used

    def wait(self, now: float, weight: int) -> float:
        """Return the seconds until so much fits; 0 when it fits now, the whole window when it never will."""
        used = self.used(now)
        if self.limit is None or used + weight <= self.limit:
            return 0.0
        for at, passed in self._past:
            used -= passed
            if used + weight <= self.limit:
                return max(0.001, at + self.seconds - now)
        return self.seconds

    def add(self, now: float, weight: int) -> None:
        """Let it through."""
        self._past.append((now, weight))
        self._used += weight
        self.passed += weight
        self.peak = max(self.peak, self._used)

    def account(self) -> dict[str, int | None]:
        """Report limit, most within one window, passed and refused."""
        return {"limit": self.limit, "peak": self.peak, "passed": self.passed, "refused": self.refused}


class Gate:
    """All limits of one server; a call passes every window or none."""

    def __init__(self, limits: Mapping[str, int | None], seconds: float, now: Callable[[], float]) -> None:
        self.windows = {kind: Window(seconds, limit) for kind, limit in limits.items()}
        self._now = now

    def admit(self, weights: Mapping[str, int], model: str) -> None:
        """Count a call in, or raise Refused with how long to wait for the tightest limit."""
        now = self._now()
        waits = {kind: self.windows[kind].wait(now, weight) for kind, weight in weights.items() if weight}
        kind, wait = max(waits.items(), key=lambda item: item[1])
        if wait > 0:
            window = self.windows[kind]
            window.refused += weights[kind]
            raise Refused(rate_limited(kind, window.limit or 0, window.used(now), weights[kind], wait, model))
        for kind in waits:
            self.windows[kind].add(now, weights[kind])

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Build `x-ratelimit-…` of every limited kind."""
        now = self._now()
        found: list[tuple[str, str]] = []
        for kind, window in self.windows.items():
            if window.limit is not None:
                left = max(0, window.limit - window.used(now))
                reset = window.wait(now, window.limit)
                found += [
                    (f"x-ratelimit-limit-{kind}", str(window.limit)),
                    (f"x-ratelimit-remaining-{kind}", str(left)),
                    (f"x-ratelimit-reset-{kind}", duration(reset)),
                ]
        return tuple(found)

    def account(self) -> dict[str, dict[str, int | None]]:
        """Report limit, most within one window, passed and refused, by kind."""
        return {kind: window.account() for kind, window in self.windows.items()}
