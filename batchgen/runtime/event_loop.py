"""An event loop that reads a few connections in one turn, however many have something to say."""

import asyncio
from selectors import DefaultSelector, SelectorKey

FEW = 4
"""Events of one turn. What they bring is worked off before more is read: memory stays small, and no turn is long."""


class FewAtOnce(DefaultSelector):
    """Hands out at most `FEW` of the events that are ready; the others are for the next turns."""

    def __init__(self) -> None:
        super().__init__()
        self._left: list[tuple[SelectorKey, int]] = []

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for events only when none are left; what was unregistered meanwhile is left out."""
        ready = self._left or super().select(timeout)
        self._left = ready[FEW:]
        registered = self.get_map()
        return [(key, events) for key, events in ready[:FEW] if registered.get(key.fileobj) is key]


def loop() -> asyncio.AbstractEventLoop:
    """Make such an event loop."""
    return asyncio.SelectorEventLoop(FewAtOnce())
