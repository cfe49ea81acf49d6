"""How many jobs may be under way, as those that only wait take no place; and those that come beside the plan.

Somebody asks for these while a run is at work: they start before the others.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Admission:
    """Room for jobs; every job that rests (back-off, budget, download, other jobs) makes room for one more."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._resting = 0
        self.news = asyncio.Event()
        """Is set when there may be room for another job; who waits for it clears it."""

    def has_room(self, under_way: int) -> bool:
        """Whether another job could start now; even resting jobs are only so many, as each costs memory."""
        return under_way - self._resting < self._places and under_way < self._places * 8 + 64

    def resize(self, places: int) -> None:
        """Have so many places from now on; who has one keeps it."""
        self._places = places
        self.news.set()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While inside, a job takes no place."""
        self._resting += 1
        self.news.set()
        try:
            yield
        finally:
            self._resting -= 1


class Additions(Generic[T]):
    """What comes to a run beside its plan. It is told first that something will come, and goes on until it is there.

    `news` is set when tasks have come, for whoever waits to start some. Everything belongs to the event loop.
    """

    def __init__(self, news: asyncio.Event) -> None:
        self._news = news
        self._tasks = deque[T]()
        self._expected = 0
        self.is_open = True
        """Whether the run takes more; it ends when all is done that it was told to expect."""

    def expect(self) -> bool:
        """Keep the run from its end while tasks are prepared; False when it is too late for that."""
        self._expected += self.is_open
        return self.is_open

    def come(self, tasks: Iterable[T]) -> None:
        """Give what the run was told to expect, which may be nothing."""
        self._expected -= 1
        self._tasks.extend(tasks)
        self._news.set()

    def take(self) -> T | None:
        """Return the next task that may start; None where there is none now."""
        return self._tasks.popleft() if self._tasks else None

    async def more(self) -> bool:
        """Whether there are tasks left, once all that is expected has come; none are taken after that."""
        while self._expected and not self._tasks:
            await self._news.wait()
            self._news.clear()
        self.is_open = bool(self._tasks)
        return self.is_open
