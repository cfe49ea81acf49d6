"""What came of nights: the figures that are printed, and that stand in the README."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Self

MICRO = 1_000_000


@dataclass
class Figures:
    """Counts of one month, or of several."""

    nights: int = 0
    runs: int = 0
    kills: int = 0
    real_kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    charged_calls: int = 0
    elsewhere: int = 0
    images: int = 0
    derivatives: int = 0
    lost: int = 0
    bought_twice: int = 0
    billed: int = 0
    ledger: int = 0
    confirmed: int = 0
    cleared: int = 0
    still_at_risk: int = 0
    unexplained: int = 0
    differences: Counter[str] = field(default_factory=Counter)
    planted: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """Say it, a line for each."""
        yield f"nights {self.nights:,}, runs {self.runs:,}, kills {self.kills:,} ({self.real_kills:,} by SIGKILL)"
        yield "incidents: " + listed(self.incidents)
        yield "faults by kind: " + listed(self.faults)
        yield f"calls {self.calls:,}, charged {self.charged_calls:,}; at the second provider {self.elsewhere:,}"
        yield f"images stored {self.images:,}, derivatives {self.derivatives:,}"
        yield f"lost {self.lost:,}, bought twice {self.bought_twice:,}"
        yield f"billed ${self.billed / MICRO:,.6f}, ledger ${self.ledger / MICRO:,.6f}"
        yield (
            f"at risk: confirmed ${self.confirmed / MICRO:,.6f}, cleared ${self.cleared / MICRO:,.6f}, "
            f"left ${self.still_at_risk / MICRO:,.6f}"
        )
        yield "differences: " + (listed(self.differences) or "none")
        yield "planted, and named as what they are: " + (listed(self.planted) or "none")
        yield f"unexplained ${self.unexplained / MICRO:,.6f}"

    @classmethod
    def summed(cls, several: Iterable[Self]) -> Self:
        """Add several months up."""
        total = cls()
        for one in several:
            for name in (entry.name for entry in fields(cls)):
                setattr(total, name, getattr(total, name) + getattr(one, name))
        return total


def listed(counts: Mapping[str, int]) -> str:
    """Say counts by name."""
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
