"""Results as Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """What a figure must keep below, or above where it is the `least`; and what it may reach for."""

    limit: float
    reach: float | None = None
    least: bool = False

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.limit:g}"

    def share(self, value: float) -> float:
        """How much of the bar is used: 1 is just kept, more is missed."""
        return self.limit / value if self.least else value / self.limit

    def verdict(self, value: float) -> str:
        """Say whether a figure keeps its bar."""
        if self.reach is not None and (value >= self.reach if self.least else value <= self.reach):
            return "reached"
        return "passed" if self.share(value) <= 1 else "MISSED"


@dataclass(frozen=True)
class Figure:
    """One measured ratio: what of, both sides as they are shown, and its bar."""

    what: str
    theirs: str
    ours: str
    value: float
    bar: Bar | None = None

    @property
    def verdict(self) -> str:
        """Say whether it keeps its bar; nothing where it has none."""
        return self.bar.verdict(self.value) if self.bar else ""

    def cells(self) -> Sequence[str]:
        """Write it as a row."""
        return self.what, self.theirs, self.ours, times(self.value), str(self.bar or ""), self.verdict


@dataclass(frozen=True)
class Table:
    """One benchmark's result: a heading, columns, rows of text, what to know about them, and what was judged."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    figures: Sequence[Figure] = ()

    def __str__(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"### {self.title}\n\n{table}\n" + (f"\n{self.note}\n" if self.note else "")


def compared(title: str, figures: Iterable[Figure], note: str = "", *, against: str = "SDK script") -> Table:
    """Make a table of figures, both sides beside each other."""
    found = tuple(figures)
    return Table(title, ("", against, "batchgen", "ratio", "bar", ""), [one.cells() for one in found], note, found)


def worst(tables: Iterable[Table]) -> str:
    """Name the judged figure that is nearest to its bar, or furthest beyond it; empty where nothing was judged."""
    judged = [(one.bar.share(one.value), table, one) for table in tables for one in table.figures if one.bar]
    if not judged:
        return ""
    _, table, one = max(judged, key=lambda found: found[0])
    missed = sum(found.verdict == "MISSED" for _, _, found in judged)
    where = f"{table.title}: {one.what}, {times(one.value)} against {one.bar}, {one.verdict}"
    return f"{missed} of {len(judged)} bars missed. Worst case: {where}."


def bar(value: float, most: float, reach: float | None = None) -> str:
    """Say whether a value keeps below its bar."""
    return Bar(most, reach).verdict(value)


def floor(value: float, least: float, reach: float | None = None) -> str:
    """Say whether a value keeps above its bar."""
    return Bar(least, reach, least=True).verdict(value)


def times(value: float) -> str:
    """Write a ratio."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"
