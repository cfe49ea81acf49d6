"""derivatives.csv: one derivative a line, with what of its recipe could not be reached; only where there are any."""

from collections.abc import Sequence
from operator import attrgetter

from batchgen.reporter.tables import Column, counts, texts
from batchgen.storage.derived import Derivatives, Derived

DERIVATIVES: Sequence[Column[Derived]] = (
    Column("image", attrgetter("source")),
    *texts("name", "path"),
    *counts("bytes", "bytes"),
    *counts("pixels", "width", "height"),
    *texts("format"),
    Column("flags", lambda derived: " ".join(derived.flags)),
)


def listed(derivatives: Derivatives) -> Sequence[Derived]:
    """Give every derivative, by the paths of the images."""
    last = ({one.source: one for one in derivatives.read(name)} for name in derivatives.names())
    there = (derived for by_source in last for derived in by_source.values())
    return sorted(there, key=lambda derived: (derived.source, derived.name))
