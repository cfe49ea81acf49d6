"""The dates of a month of nights: time runs fifty times as fast, and jumps from one night to the next."""

import asyncio
import time
from datetime import datetime, timedelta

PACE = 50.0


class Almanac:
    """The provider's clock, which is right."""

    def __init__(self, start: datetime) -> None:
        self._date, self._began = start, time.monotonic()
        self._passed = 0.0

    def turn_to(self, date: datetime) -> None:
        """Go on to another date; it never goes back."""
        now = self.now()
        self._passed += max((date - now).total_seconds(), 0.0)

    def now(self) -> datetime:
        return self._date + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._passed + (time.monotonic() - self._began) * PACE

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / PACE)


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
