"""How many calls a lane may have under way, as refusals and answers show it."""

LOSS = 4
"""A refusal by chance takes back the growth of so many answers: the window falls where over a fifth is refused."""


class CallWindow:
    """A number of calls: additive increase with answers, multiplicative decrease with refusals."""

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
