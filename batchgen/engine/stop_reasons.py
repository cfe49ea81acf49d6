"""Why a run pulls no more jobs: said once by whoever finds out, read by everyone who would start something."""

import asyncio
from collections.abc import Callable

from batchgen.errors import BatchgenError, Exit, StoreError
from batchgen.model import Stop, StopKind

_KINDS = {Exit.STORAGE: StopKind.STORAGE, Exit.INPUT: StopKind.CONFIG, Exit.ACCOUNT: StopKind.ACCOUNT}


def stop_for(error: BatchgenError, otherwise: StopKind) -> Stop:
    """Say as what an error that no job can answer for stops a run."""
    return Stop(_KINDS.get(error.exit, otherwise), str(error), of_store=isinstance(error, StoreError))


class StopReasons:
    """The reasons to stop, in the order in which they were found; empty while the run may go on."""

    def __init__(self) -> None:
        self._reasons: list[Stop] = []
        self._partial: list[Stop] = []
        self._event = asyncio.Event()
        self._listeners: list[Callable[[Stop], None]] = []

    def __bool__(self) -> bool:
        return bool(self._reasons)

    @property
    def reasons(self) -> tuple[Stop, ...]:
        """Every reason, the first found first, each kind once; then those that stopped only a part of the run."""
        kinds = {reason.kind for reason in self._reasons}
        return (*self._reasons, *(reason for reason in self._partial if reason.kind not in kinds))

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

    def leave_undone(self, stop: Stop) -> None:
        """Take why some jobs could not be drawn, while the others go on."""
        if all((reason.kind, reason.why) != (stop.kind, stop.why) for reason in self._partial):
            self._partial.append(stop)

    async def wait(self) -> None:
        """Return when there is a first reason."""
        await self._event.wait()
