"""Which charts the page has, and what they say: from the sums and rows of a report."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from batchgen.ledger import CallRow
from batchgen.reporter import charts
from batchgen.reporter.job_blocks import Block, Blocks
from batchgen.reporter.page import Group, Slice, charged
from batchgen.reporter.words import shown
from batchgen.text import counted, duration

COST = "Half of the images cost {half} or less, 95 of 100 at most {most}; the dearest {top}."
LATENCY = "Half of the calls took {half} or less, 95 of 100 at most {most}; the slowest {top}."
CENT_OF_A_CENT = 100.0
CENTISECOND = 0.01


@dataclass(slots=True)
class Calls:
    """What the charts keep of calls: how long those took that brought images, and the course of one run.

    The course is that of the run wanted, or of the latest one where that made no call.
    """

    run_id: str | None
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    course: str | None = None
    begin: float = 0.0
    ends: "array[float]" = field(default_factory=lambda: array("d"))
    brought: "array[int]" = field(default_factory=lambda: array("q"))
    costs: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, rows: Sequence[CallRow]) -> None:
        """Look at calls, in the order of their ends."""
        for row in rows:
            if row.brought and row.seconds > 0:
                self.seconds.append(row.seconds)
            if row.run_id != self.course and (self.course is None or self.course != self.run_id):
                self._begin(row)
            if row.run_id == self.course:
                self.begin = min(self.begin, row.started)
                self.ends.append(row.ended)
                self.brought.append(row.brought)
                self.costs.append(row.cost_micro_usd)

    def _begin(self, row: CallRow) -> None:
        self.course, self.begin = row.run_id, row.started
        self.ends, self.brought, self.costs = array("d"), array("q"), array("q")

    def latency(self) -> charts.Distribution | None:
        """How long calls took."""
        return charts.distribution(self.seconds, span, LATENCY, "call", CENTISECOND)

    def progress(self) -> charts.Progress | None:
        """How the run went on."""
        return charts.progress(self.ends, self.brought, self.costs, self.begin)


def draw(groups: Sequence[Group], blocks: Blocks, costs: Sequence[float], calls: Calls) -> charts.Charts:
    """Draw all that there is; `costs` are of the stored images, in micro-dollars."""
    return charts.Charts(
        money=money(groups),
        outcomes=outcomes(tuple(blocks.blocks.values())),
        cost=charts.distribution(costs, charts.dollars, COST, "image", CENT_OF_A_CENT),
        latency=calls.latency(),
        progress=calls.progress(),
    )


def span(seconds: float) -> str:
    """Return a span for an axis: milliseconds below a second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else duration(seconds)


def money(groups: Sequence[Group]) -> tuple[charts.Bars, ...]:
    """Money by each dimension that has more than one value, tags first; by the first one when none has."""
    filled = [group for group in groups if group.rows and any(map(_spent, group.rows))]
    several = [group for group in filled if group.total > 1]
    tags_first = sorted(several, key=lambda group: group.name in {"model", "size", "quality", "provider"})
    whole = max((sum(map(_spent, group.rows)) for group in filled), default=0)
    return tuple(_money(group, whole) for group in tags_first or filled[:1])


def _spent(part: Slice) -> int:
    return charged(part.money) + part.money.at_risk


def _money(group: Group, whole: int) -> charts.Bars:
    most = group.rows[0]
    name = shown(most.value) or "(none)"
    share = f"{100 * _spent(most) / whole:.0f} % of {charts.dollars(whole)}"
    answer = (
        f"{name} took most: {charts.dollars(_spent(most))}, {share}."
        if group.total > 1
        else f"All {charts.dollars(whole)} for {name}."
    )
    rows = group.rows[: charts.MOST_BARS]
    return charts.Bars(group.name, answer, tuple(_slice(row, _spent(most)) for row in rows), group.total - len(rows))


def _slice(row: Slice, longest: int) -> charts.Bar:
    pieces = charts.of_money(row.money.confirmed, row.money.estimated, row.money.at_risk)
    return charts.bar(row.value, charts.dollars(_spent(row)), pieces, longest, counted(row.images, "image"))


def outcomes(blocks: Iterable[Block]) -> charts.Bars | None:
    """Say what became of each block's images: those with most missing first, then in the manifest's order."""
    ordered = sorted(blocks, key=lambda block: -_missing(block))
    if not ordered:
        return None
    missing, wanted = sum(map(_missing, ordered)), sum(sum(block.counts.values()) for block in ordered)
    if missing:
        most = f"most of {shown(ordered[0].name)}: {_missing(ordered[0]):,}"
        answer = f"{missing:,} of {counted(wanted, 'image')} are missing, {most}."
    else:
        answer = f"Every one of {counted(wanted, 'image')} is stored."
    return charts.Bars(
        "template", answer, tuple(map(_outcome, ordered[: charts.MOST_BARS])), max(0, len(ordered) - charts.MOST_BARS)
    )


def _missing(block: Block) -> int:
    return sum(block.counts.values()) - block.counts["stored"]


def _outcome(block: Block) -> charts.Bar:
    whole = sum(block.counts.values())
    pieces = [
        charts.Piece(charts.TONES[n], block.counts[n], f"{block.counts[n]:,} {n.replace('_', ' ')}")
        for n in charts.SLOTS
    ]
    hint = f"{counted(block.jobs, 'job')}, the first {block.example}"
    return charts.bar(block.name, f"{block.counts['stored']:,} of {whole:,}", pieces, whole, hint)
