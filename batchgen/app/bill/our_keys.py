"""Which keys on the provider's books are those with which this ledger's calls were made.

The ledger keeps no trace of a key, so they are told by what they did: a key on whose books every charged call of the
ledger finds an hour of its own. Two that would both do, or none, leave it open, and then nothing is settled.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from batchgen.app.bill.match import Span, match
from batchgen.ledger import BookedCall
from batchgen.providers.organization import HOUR, Usage

WRONG = 6
"""Hours by which a clock may have been wrong."""
MOST_KEYS = 6
"""Keys of which every selection is tried."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Our keys, None where nobody can tell; `sure` when their books may settle anything."""

    ours: frozenset[str] | None
    sure: bool


def our_keys(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, named: Sequence[str]) -> Keys:
    """Find our keys: those that somebody named, or else the fewest on whose books all our calls stand.

    Books on which no charged call of ours stands may be another organisation's: they settle nothing.
    """
    inside = [row for row in usage if span.first <= row.begins // HOUR < span.end]
    found = Keys(frozenset(named), sure=True) if named else _told_apart(calls, inside, span)
    shown = (
        found.ours is not None
        and match(calls, [row for row in inside if row.key_id in found.ours], span, settles=False).certain
    )
    return Keys(found.ours, sure=found.sure and bool(shown))


def _told_apart(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span) -> Keys:
    """Take the keys without which some of our calls would stand nowhere, when they are enough for all that stand."""
    keys = {row.key_id for row in usage}
    if len(keys) == 1:
        return Keys(frozenset(keys), sure=True)
    fewest = _missing(calls, usage, span, keys)
    needed = frozenset(key for key in keys if _missing(calls, usage, span, keys - {key}) > fewest)
    if not needed or _missing(calls, usage, span, needed) > fewest:
        return Keys(None, sure=False)
    return Keys(_enough(calls, usage, span, needed), sure=True)


def _enough(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, needed: frozenset[str]) -> frozenset[str]:
    """Leave out keys that only a wrong clock makes ours.

    Fewer keys, where no others as few would do, on whose books as many of our calls stand within some hours of their
    own as on those of all.
    """
    fewest = _missing(calls, usage, span, needed, WRONG)
    for size in range(1, len(needed) if len(needed) <= MOST_KEYS else 0):
        choices = combinations(sorted(needed), size)
        found = [some for some in choices if _missing(calls, usage, span, some, WRONG) <= fewest]
        if found:
            return frozenset(found[0]) if len(found) == 1 else needed
    return needed


def _missing(
    calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, keys: Collection[str], wrong: int = 0
) -> int:
    mine = [row for row in usage if row.key_id in keys]
    return len(match(calls, mine, span, settles=False, wrong=wrong).missing)
