"""The pace of a key that other processes use at the same time: starts are booked where all of them look."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from batchgen.limits.sliding_window import GUARD, WINDOW
from batchgen.model import Load

LATE = 0.25
"""Seconds that a call may leave after its booked time; one that leaves later than that says so."""
BOOKED_WINDOW = WINDOW + GUARD + LATE


@dataclass(frozen=True)
class SharedPace:
    """Where starts are booked.

    `book` returns the time at which a call may start, given the window in which limits are kept; `move` says that the
    one that was booked for a time leaves only now.
    """

    book: Callable[[Sequence[Load], float], Awaitable[float]]
    move: Callable[[float], Awaitable[None]]
