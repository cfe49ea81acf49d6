"""accepted.csv: the share of images that people approved, and what an approved one cost, by model, template and tag."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from batchgen.ledger import AcceptedRow
from batchgen.reporter.tables import COUNTED, MICRO_DOLLARS, Column, counts, tags_of, texts

MOST_VALUES = 200
"""Values of one tag that are told apart; a tag with more says nothing of why images are accepted."""


@dataclass(slots=True)
class Accepted:
    """What people said of the images of one value of one kind, such as quality medium."""

    by: str
    value: str
    example: str
    images: int = 0
    approved: int = 0
    rejected: int = 0
    cost: int = 0

    def add(self, row: AcceptedRow) -> None:
        self.images += row.images
        self.approved += row.approved
        self.rejected += row.rejected
        self.cost += row.cost_micro_usd

    @property
    def rate(self) -> float | None:
        """The share of approved images among those that somebody decided about."""
        return accept_rate(self.approved, self.rejected)

    @property
    def each(self) -> int | None:
        """What each approved image cost, with all that was drawn for it; None without any."""
        return round(self.cost / self.approved) if self.approved else None


ACCEPTED: Sequence[Column[Accepted]] = (
    *texts("by", "value", "example"),
    *counts(COUNTED, "images", "approved", "rejected"),
    Column("accept_rate", lambda row: row.rate, float, "share"),
    Column("cost_micro_usd", lambda row: row.cost, int, MICRO_DOLLARS),
    Column("cost_per_accepted_micro_usd", lambda row: row.each, int, MICRO_DOLLARS),
)


def accept_rate(approved: int, rejected: int) -> float | None:
    """Return the share of approved images among those that were decided about; None where none was."""
    decided = approved + rejected
    return round(approved / decided, 4) if decided else None


def accepted(rows: Iterable[AcceptedRow]) -> list[Accepted]:
    """Sum up by model, quality, template and each tag."""
    found: dict[tuple[str, str], Accepted] = {}
    values, endless = defaultdict[str, set[str]](set), set[str]()
    for row in rows:
        for by, value in _kinds(row):
            values[by].add(value)
            if len(values[by]) > MOST_VALUES:
                endless.add(by)
            if by not in endless:
                found.setdefault((by, value), Accepted(by, value, row.example)).add(row)
    return [one for one in found.values() if one.by not in endless]


def _kinds(row: AcceptedRow) -> Iterator[tuple[str, str]]:
    yield from (("model", row.model), ("quality", row.quality))
    if row.template:
        yield "template", row.template
    yield from ((f"tag {tag}", value) for tag, value in tags_of(row.tags).items())
