"""What many jobs of a manifest have in common is worked out once."""

from collections.abc import Callable
from typing import TypeVar

MOST = 4096
"""Values kept in one memory; a full one begins anew."""

T = TypeVar("T")


def kept(known: dict[object, T], kind: object, make: Callable[[], T]) -> T:
    """Return a value that was worked out before, or is now."""
    try:
        return known[kind]
    except KeyError:
        pass
    if len(known) >= MOST:
        known.clear()
    made = known[kind] = make()
    return made
