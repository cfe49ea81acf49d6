"""How many jobs may be under way: those that only wait take no place."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """Room for jobs; every job that rests (back-off, budget, download, other jobs) makes room for one more."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._resting = 0
        self._rested = asyncio.Event()

    def has_room(self, under_way: int) -> bool:
        """Whether another job could start now; even resting jobs are only so many, as each costs memory."""
        return under_way - self._resting < self._places and under_way < self._places * 8 + 64

    @property
    def next_rest(self) -> asyncio.Event:
        """Is set when the next job goes to rest. Take it before the event loop turns: it is another one afterwards."""
        return self._rested

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While inside, a job takes no place."""
        self._resting += 1
        self._rested.set()
        self._rested = asyncio.Event()
        try:
            yield
        finally:
            self._resting -= 1
