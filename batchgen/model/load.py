"""What one call weighs against a limit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """The units of one kind that a call weighs, and how many of them may start in a minute.

    An even pace puts `space` seconds between its start and the next; a call may be `early` seconds ahead of it.
    """

    kind: str
    weight: int
    limit: float
    space: float = 0.0
    early: float = 0.0
