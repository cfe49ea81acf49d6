"""What becomes of something that a job asks for, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a parameter."""

    SEND = "send"
    LEAVE_OUT = "leave_out"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of one thing and why; a sent one with words has a warning."""

    fate: Fate
    why: str = ""


SEND = Ruling(Fate.SEND)


def refused(why: str) -> Ruling:
    """Refuse, with the reason and the fix."""
    return Ruling(Fate.REFUSE, why)


def doubted(why: str) -> Ruling:
    """Send all the same, with a warning."""
    return Ruling(Fate.SEND, why)
