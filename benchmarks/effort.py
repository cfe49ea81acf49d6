"""How much time a benchmark may take."""

from enum import IntEnum


class Effort(IntEnum):
    """Seconds, a few minutes, or half an hour for everything."""

    QUICK = 0
    NORMAL = 1
    LONG = 2

    def pick(self, quick: int, normal: int, long: int | None = None) -> int:
        """Choose a count."""
        return (quick, normal, normal if long is None else long)[self]
