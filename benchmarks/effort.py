"""How much time a benchmark may take."""

from enum import IntEnum


class Effort(IntEnum):
    """Seconds, a few minutes, or half an hour for everything."""

    SHORT = 0
    NORMAL = 1
    LONG = 2

    def pick(self, short: int, normal: int, long: int | None = None) -> int:
        """Choose a count."""
        return (short, normal, normal if long is None else long)[self]
