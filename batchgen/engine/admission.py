"""How many jobs may be under way: those that only wait take no place."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


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
