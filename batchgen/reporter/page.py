"""report.html: one page that needs nothing else but the images beside it, made of what it is given."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from batchgen.ledger import ImageRow, JobCounts, JobRow, Money
from batchgen.money import ZERO, MicroUSD, exact
from batchgen.reporter import comparison, templates
from batchgen.reporter.accounts import Summary
from batchgen.reporter.beside import NOTHING, Beside
from batchgen.reporter.charts import NO_CHARTS, SLOTS, TONES, Bars, Charts, Piece, bar
from batchgen.reporter.gallery import data, pieces
from batchgen.reporter.templates import in_words, template
from batchgen.reporter.thumbs import NO_THUMBS, Thumbs
from batchgen.text import counted, duration

Row = TypeVar("Row")

_DATA = "<data of the images>"
"""Stands where the data comes; no value that is escaped can look like it."""


@dataclass(slots=True)
class Section(Generic[Row]):
    """The first rows of a kind, of `total` that there are; `where` names the file that has them all."""

    rows: list[Row] = field(default_factory=list)
    total: int = 0
    where: str = ""
    most: int = 100

    def see(self, row: Row) -> None:
        """Count a row, and keep it while there is room."""
        self.total += 1
        if len(self.rows) < self.most:
            self.rows.append(row)


@dataclass(frozen=True, slots=True)
class Slice:
    """One value of a dimension (a model, a size, a tag's value) with what it drew and cost."""

    value: str
    images: int
    attempts: int
    tokens_in: int
    tokens_out: int
    money: Money


@dataclass(frozen=True, slots=True)
class Group:
    """A table of slices, dearest first; `total` counts the values that there are."""

    name: str
    rows: tuple[Slice, ...]
    total: int
    where: str = "usage.csv"


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page says.

    `expected` is what the charged calls were expected to cost; `thumbs` are the small copies of images; `blocks`
    names the block of the manifest that made a job, by the job's key.
    """

    summary: Summary
    expected: MicroUSD = ZERO
    groups: tuple[Group, ...] = ()
    moderated: Section[JobRow] = field(default_factory=Section)
    open: Section[JobRow] = field(default_factory=Section)
    flagged: Section[ImageRow] = field(default_factory=Section)
    images: Section[ImageRow] = field(default_factory=Section)
    thumbs: Thumbs = NO_THUMBS
    charts: Charts = NO_CHARTS
    blocks: Mapping[str, str] | None = None
    compared: comparison.Comparison = field(default_factory=comparison.Comparison)
    beside: Beside = NOTHING


def render(page: Page, *, live: bool = False) -> str:
    """Render the page as HTML, with every value escaped."""
    return _html(page, live=True) if live else "".join(parts(page))


def parts(page: Page) -> Iterator[str]:
    """Render the static page, piece by piece: its data is the most of it."""
    before, mark, after = _html(page, live=False).partition(_DATA)
    yield before
    if mark:
        yield from _data(page)
    yield after


def _html(page: Page, *, live: bool) -> str:
    """Render the page without its data.

    The static page holds all that it needs but the images. The live one names `/page.css` and `/page.js`, and fetches
    its data from `/data.json`: nothing in it is run in place.
    """
    whole = page.summary.whole
    counts = asdict(whole.totals.images)
    pieces = [Piece(TONES[n], counts[n], f"{counts[n]:,} {in_words(n)}") for n in SLOTS if counts[n]]
    return template("page.html").render(
        live=live,
        **({} if live else _inline()),
        title=page.summary.name or "batchgen",
        line=_line(page.summary),
        money=whole.totals.money,
        images=whole.totals.images,
        pieces=pieces,
        stack=bar("", "", pieces, sum(piece.amount for piece in pieces)),
        legend=[(TONES[name], in_words(name)) for name in SLOTS if counts[name]],
        jobs_line=_jobs(whole.totals.jobs),
        facts=_facts(page.summary),
        drift=_drift(page),
        plan=page.summary.this_run.estimate,
        now=charged(page.summary.this_run.totals.money),
        waste=whole.waste,
        charts=page.charts,
        groups=[group for place, group in enumerate(page.groups) if group.total > 1 or not place],
        single=[group for group in page.groups[1:] if group.total == 1],
        moderated=page.moderated,
        open=page.open,
        flagged=page.flagged,
        gallery=page.images,
        left=page.thumbs.left,
        comparison=comparison.section(page.compared, page.thumbs.there),
    )


def _inline() -> dict[str, Any]:
    """Make what the static page holds and the live one fetches: style, script, and the policy that admits them."""
    from markupsafe import Markup

    css, js = templates.css(), templates.js()
    return {"policy": templates.policy(css, js), "css": Markup(css), "js": Markup(js), "data": Markup(_DATA)}  # noqa: S704 - our own files


def _data(page: Page) -> Iterator[str]:
    images, blocks = page.images, page.blocks or {}
    about, thumbs = page.summary.about(), page.thumbs.there
    return pieces(data(images.rows, total=images.total, thumbs=thumbs, blocks=blocks, about=about, beside=page.beside))


def _line(summary: Summary) -> str:
    parts = [f"run {summary.run_id}"] if summary.run_id else []
    if summary.exit_code is not None:
        parts.append(f"exit {summary.exit_code}")
    if summary.why:
        parts.append(summary.why)
    return " · ".join(parts)


def _facts(summary: Summary) -> list[tuple[str, str]]:
    totals = summary.whole.totals
    return [
        ("Time", duration(summary.whole.seconds) if summary.whole.seconds else "none yet"),
        ("Calls", f"{totals.sent:,}"),
        ("Retries", f"{totals.retried:,}"),
        ("Moderated", counted(totals.images.moderated, "image")),
    ]


def _jobs(jobs: JobCounts) -> str:
    counts = asdict(jobs)
    total = counts.pop("total")
    named = [f"{number:,} {in_words(name)}" for name, number in counts.items() if number]
    return f"{counted(total, 'job')}: {', '.join(named)}" if named else "no jobs"


def charged(money: Money) -> MicroUSD:
    """Say what was charged for certain, from usage or from the table."""
    return MicroUSD(money.confirmed + money.estimated)


def _drift(page: Page) -> Bars | None:
    """Say what the calls were expected to cost beside what they did cost."""
    expected, paid = page.expected, charged(page.summary.whole.totals.money)
    longest = max(expected, paid)
    if not longest:
        return None
    if not expected:
        words = "There was no expectation to compare with."
    elif expected == paid:
        words = "The calls cost what was expected of them."
    else:
        percent = 100 * abs(paid - expected) / expected
        words = f"The calls cost {percent:.1f} % {'more' if paid > expected else 'less'} than expected."
    both = (("expected", expected, "calm"), ("charged", paid, "good"))
    bars = (bar(name, exact(amount), [Piece(tone, amount, exact(amount))], longest) for name, amount, tone in both)
    return Bars("drift", words, tuple(bars))


def dearest(slices: Sequence[Slice], name: str, most: int = 50) -> Group:
    """Make a group of slices: the dearest first, at most so many."""
    ordered = sorted(slices, key=lambda s: (-charged(s.money) - s.money.at_risk, -s.images, s.value))
    return Group(name, tuple(ordered[:most]), len(slices))
