"""What is settled is thrown away behind the run's back, many at once: nobody waits for it but the end of the run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from batchgen.engine import StopReasons
from batchgen.errors import StorageError
from batchgen.model import Stop, StopKind


class Cleanup:
    """Throws away what is kept of attempts, in the order in which they were settled; a disk that refuses stops the run.

    `remove` does it for several. What a killed process leaves is removed by the next run.
    """

    def __init__(self, remove: Callable[[Sequence[str]], Awaitable[None]], stops: StopReasons) -> None:
        self._remove = remove
        self._stops = stops
        self._settled: list[str] = []
        self._work: asyncio.Task[None] | None = None

    async def forget(self, attempt_id: str) -> None:
        """Let an attempt be forgotten soon; returns at once."""
        self._settled.append(attempt_id)
        if self._work is None or self._work.done():
            if self._work is not None:
                self._work.result()
            self._work = asyncio.create_task(self._forget(), name="cleanup")

    async def end(self) -> None:
        """Wait for what is left."""
        if self._work is not None:
            await self._work

    async def _forget(self) -> None:
        while self._settled:
            settled, self._settled = self._settled, []
            try:
                await self._remove(settled)
            except StorageError as error:
                self._stops.add(Stop(StopKind.STORAGE, str(error)))
