"""Tasks that come while a run is at work, because somebody asks for them: they start before the others."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


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
