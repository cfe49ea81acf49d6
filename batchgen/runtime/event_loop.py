"""An event loop that reads so many connections in one turn as bring a few MiB, however many have something to say."""

import asyncio
from collections import deque
from selectors import DefaultSelector, SelectorKey

FEW, MANY = 4, 64
"""Events of one turn, at least and at most. What they bring is worked off before more is read."""
MUCH = 4 * 1024 * 1024
"""Bytes that one turn may bring: memory stays small, and no turn is long."""


class FewAtOnce(DefaultSelector):
    """Hands out so many of the events that are ready; the others are for the next turns."""

    def __init__(self) -> None:
        super().__init__()
        self._left: list[tuple[SelectorKey, int]] = []
        self._few = FEW
        self._sizes = deque[int](maxlen=MANY)

    def expect(self, size: int) -> None:
        """Learn how many bytes an answer has; the next ones are taken for as large as the largest of the latest."""
        self._sizes.append(size)
        self._few = min(max(FEW, MUCH // max(1, *self._sizes)), MANY)

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for events only when none are left; what was unregistered meanwhile is left out."""
        ready = self._left or super().select(timeout)
        self._left = ready[self._few :]
        registered = self.get_map()
        return [(key, events) for key, events in ready[: self._few] if registered.get(key.fileobj) is key]


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
