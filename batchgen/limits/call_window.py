"""How many calls a lane may have under way, as refusals and answers show it."""


class CallWindow:
    """A number of calls: additive increase with answers, multiplicative decrease with refusals.

    A window's worth of calls is a generation. The part of it that was refused cuts the window once, by half of its
    square: a provider that refuses everything halves it, and a steady tenth of chance refusals costs less than the
    answers between win back. Cutting by the refused part is the rule of DCTCP (RFC 8257, section 3.3).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(most)
        self._began = float("-inf")
        self._before = self._size
        self._calls = 0
        self._refused = 0

    @property
    def size(self) -> int:
        """Calls that may be under way now, at least one."""
        return max(1, round(self._size))

    def resize(self, most: int) -> None:
        """Allow at most so many from now on."""
        self._size = float(most if self._size >= self._most else min(self._size, most))
        self._most = most

    def started(self, now: float) -> None:
        """Count a call that was let go."""
        if self._calls >= self._before:
            self._began, self._before, self._calls, self._refused = now, self._size, 0, 0
        self._calls += 1

    def answered(self) -> None:
        """Count an answer that was no refusal: one more call for a whole window of them."""
        self._size = min(self._most, self._size + 1 / self._size)

    def refused(self, started: float) -> None:
        """Count the refusal of a call that `started` then; calls of older generations change nothing."""
        if started < self._began:
            return
        self._refused += 1
        part = min(1.0, self._refused / max(1.0, min(self._before, self._calls)))
        self._size = max(1.0, min(self._size, self._before * (1 - part * part / 2)))
