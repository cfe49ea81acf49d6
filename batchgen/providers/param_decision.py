"""What becomes of something that a job asks for, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What becomes of a parameter."""

    SEND = "send"
    LEAVE_OUT = "leave_out"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ParamDecision:
    """What becomes of one thing and why; a sent one with words has a warning."""

    action: Action
    why: str = ""


SEND = ParamDecision(Action.SEND)


def refused(why: str) -> ParamDecision:
    """Refuse, with the reason and the fix."""
    return ParamDecision(Action.REFUSE, why)


def doubted(why: str) -> ParamDecision:
    """Send all the same, with a warning."""
    return ParamDecision(Action.SEND, why)
