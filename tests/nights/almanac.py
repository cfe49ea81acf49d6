"""The dates of a month of nights: time runs fifty times as fast, and jumps from one night to the next."""

import asyncio
import time
from datetime import datetime, timedelta

PACE = 50.0
LONG = 5.0
"""Seconds after which a sleeper is not waited for: the rest of its sleep is jumped over."""


class Almanac:
    """The provider's clock, which is right. Another process that is told all three facts has the same time."""

    def __init__(self, start: datetime, began: float | None = None, passed: float = 0.0) -> None:
        self.start, self.began = start, time.monotonic() if began is None else began
        self.passed = passed

    def turn_to(self, date: datetime) -> None:
        """Go on to another date; it never goes back."""
        self.passed += max((date - self.now()).total_seconds(), 0.0)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self.passed + (time.monotonic() - self.began) * PACE

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, LONG) / PACE)
        self.passed += max(seconds - LONG, 0.0)


class Machine:
    """The clock of the machine that draws: `wrong` is how far it is from the truth."""

    def __init__(self, almanac: Almanac) -> None:
        self._almanac = almanac
        self.wrong = timedelta()

    def now(self) -> datetime:
        return self._almanac.now() + self.wrong

    def monotonic(self) -> float:
        return self._almanac.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._almanac.sleep(seconds)
