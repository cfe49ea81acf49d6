"""How many calls may be under way at once: first come, first served, and so many as refusals and answers show."""

import asyncio
from collections import deque

LOSS = 4
"""A refusal by chance takes back the growth of so many answers: the window falls where over a fifth is refused."""


class Slots:
    """A semaphore in strict order whose size can change at any time."""

    def __init__(self, size: int) -> None:
        self.size = size
        """Slots there are now."""
        self.taken = 0
        """Slots in use now; above the size for a while after it shrank."""
        self._queue: deque[asyncio.Future[None]] = deque()

    def acquire_now(self) -> bool:
        """Take a free slot, unless others wait for one; whether there is one."""
        free = not self._queue and self.taken < self.size
        self.taken += free
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
        self.taken -= 1
        if self._queue:
            self._admit()

    def resize(self, size: int) -> None:
        """Allow so many from now on; calls under way keep their slots."""
        self.size = size
        self._admit()

    def _admit(self) -> None:
        while self._queue and self.taken < self.size:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self.taken += 1


class CallWindow:
    """A number of calls under way: additive increase with answers, multiplicative decrease with refusals."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(most)
        self._cut_at = float("-inf")

    @property
    def size(self) -> int:
        """Calls that may be under way now, at least one."""
        return max(1, round(self._size))

    def resize(self, most: int) -> None:
        """Allow at most so many from now on."""
        self._size = float(most if self._size >= self._most else min(self._size, most))
        self._most = most

    def answered(self) -> None:
        """Count an answer that was no refusal: one more call for a whole window of them."""
        self._size = min(self._most, self._size + 1 / self._size)

    def refused_by_chance(self) -> None:
        """Count a refusal that says little."""
        self._size = max(1.0, self._size - LOSS / self._size)

    def refused(self, started: float, now: float, part: float) -> None:
        """Cut by half of the refused part, as DCTCP does (RFC 8257), unless the call `started` before the last cut."""
        if started > self._cut_at:
            self._size, self._cut_at = max(1.0, self._size * (1 - part / 2)), now
