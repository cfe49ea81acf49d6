"""Why a run pulls no more jobs: said once by whoever finds out, read by everyone who would start something."""

import asyncio
from collections.abc import Callable

from batchgen.model import Stop, StopKind


class StopReasons:
    """The reasons to stop, in the order in which they were found; empty while the run may go on."""

    def __init__(self) -> None:
        self._reasons: list[Stop] = []
        self._event = asyncio.Event()
        self._listeners: list[Callable[[Stop], None]] = []

    def __bool__(self) -> bool:
        return bool(self._reasons)

    @property
    def reasons(self) -> tuple[Stop, ...]:
        """Every reason, the first found first, each kind once."""
        return tuple(self._reasons)

    def has(self, kind: StopKind) -> bool:
        """Whether this kind of reason is among them."""
        return any(reason.kind is kind for reason in self._reasons)

    def listen(self, listener: Callable[[Stop], None]) -> None:
        """Call `listener` at each new reason."""
        self._listeners.append(listener)

    def mute(self) -> None:
        """Call nobody any more: what listened has ended."""
        self._listeners.clear()

    def add(self, stop: Stop) -> None:
        """Stop the run for this reason; what is under way finishes and is recorded."""
        if self.has(stop.kind):
            return
        self._reasons.append(stop)
        self._event.set()
        for listener in self._listeners:
            listener(stop)

    async def wait(self) -> None:
        """Return when there is a first reason."""
        await self._event.wait()
