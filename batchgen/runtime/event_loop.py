"""An event loop that reads so many connections in one turn as bring a few MiB, however many have something to say."""

import asyncio
from collections import deque
from selectors import DefaultSelector, SelectorKey
from typing import Any

FEW, MANY = 4, 64
"""Events of one turn, at least and at most. What they bring is worked off before more is read."""
MUCH = 4 * 1024 * 1024
"""Bytes that one turn may bring: memory stays small, and no turn is long."""


class FewAtOnce(DefaultSelector):
    """Hands out so many of the events that are ready; the others are for the next turns."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[int, SelectorKey] = {}
        self._left: list[tuple[SelectorKey, int]] = []
        self._few = FEW
        self._sizes = deque[int](maxlen=MANY)

    def expect(self, size: int) -> None:
        """Learn how many bytes an answer has; the next ones are taken for as large as the largest of the latest."""
        self._sizes.append(size)
        self._few = min(max(FEW, MUCH // max(1, *self._sizes)), MANY)

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for events only when none are left; what was unregistered meanwhile is left out."""
        if not self._left:
            ready = super().select(timeout)
            self._left = ready[self._few :]
            return ready[: self._few]
        ready, self._left = self._left[: self._few], self._left[self._few :]
        return [(key, events) for key, events in ready if self._keys.get(key.fd) is key]

    def get_key(self, fileobj: Any) -> SelectorKey:
        """Find what is registered; the loop asks by number, several times for each connection."""
        return self._keys[fileobj] if isinstance(fileobj, int) else super().get_key(fileobj)

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Watch for events."""
        key = super().register(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Watch for other events."""
        key = super().modify(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> SelectorKey:
        """Watch no more."""
        key = super().unregister(fileobj)
        self._keys.pop(key.fd, None)
        return key


class EventLoop(asyncio.SelectorEventLoop):
    """The loop of a run."""

    def __init__(self) -> None:
        """Open it."""
        self._turns = FewAtOnce()
        self.expect = self._turns.expect
        super().__init__(self._turns)


def loop() -> asyncio.AbstractEventLoop:
    """Make such an event loop."""
    return EventLoop()


def expect(size: int) -> None:
    """Tell the running loop how many bytes an answer has."""
    running = asyncio.get_running_loop()
    if isinstance(running, EventLoop):
        running.expect(size)
