"""What many jobs of a manifest have in common is worked out once."""

from collections.abc import Callable
from typing import TypeVar

MOST = 4096
"""Values kept in one memory; a full one begins anew."""

T = TypeVar("T")


def kept(known: dict[object, T], kind: object, make: Callable[[], T]) -> T:
    """Return a value that was worked out before, or is now."""
    if kind not in known:
        if len(known) >= MOST:
            known.clear()
        known[kind] = make()
    return known[kind]
