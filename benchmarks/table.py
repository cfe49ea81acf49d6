"""Results as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One benchmark's result: a heading, columns, rows of text, and what to know about them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"### {self.title}\n\n{table}\n" + (f"\n{self.note}\n" if self.note else "")


def bar(value: float, most: float, reach: float | None = None) -> str:
    """Say whether a value keeps below its bar."""
    return "reached" if reach is not None and value <= reach else "passed" if value <= most else "MISSED"


def floor(value: float, least: float, reach: float | None = None) -> str:
    """Say whether a value keeps above its bar."""
    return "reached" if reach is not None and value >= reach else "passed" if value >= least else "MISSED"


def times(value: float) -> str:
    """Write a ratio."""
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"
