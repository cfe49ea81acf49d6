"""How many calls may be under way at once: first come, first served, and the number may change meanwhile."""

import asyncio
from collections import deque


class Slots:
    """A semaphore in strict order whose size can change at any time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def size(self) -> int:
        """Slots there are now."""
        return self._size

    @property
    def taken(self) -> int:
        """Slots in use now; above the size for a while after it shrank."""
        return self._taken

    def acquire_now(self) -> bool:
        """Take a free slot, unless others wait for one; whether there is one."""
        free = not self._queue and self._taken < self._size
        self._taken += free
        return free

    async def acquire(self) -> None:
        """Take the next free slot, in order of arrival."""
        if self.acquire_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came in the same moment: pass it on
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back."""
        self._taken -= 1
        if self._queue:
            self._admit()

    def resize(self, size: int) -> None:
        """Allow so many from now on; calls under way keep their slots."""
        self._size = size
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._taken < self._size:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
