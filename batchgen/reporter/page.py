"""report.html: one plain page, made of what it is given and of nothing else."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from batchgen.ledger import ImageCounts, ImageRow, JobCounts, JobRow, Money
from batchgen.money import ZERO, MicroUSD, exact
from batchgen.reporter.accounts import Summary, wasted_words
from batchgen.reporter.tables import names
from batchgen.text import counted, duration, safe

if TYPE_CHECKING:
    from jinja2 import Template

Row = TypeVar("Row")

# Formats that a browser only ever paints; an SVG, which it may run, is never linked or shown.
PAINTED = frozenset({"png", "jpeg", "jpg", "webp", "gif", "avif"})
LONGEST = 4000
TONES = {
    "stored": "good", "done": "good", "partial": "warn", "moderated": "warn", "failed": "bad", "uncertain": "accent",
    "held": "accent", "lost_paid": "bad", "not_started": "calm",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section(Generic[Row]):
    """Rows shown on the page, of `total` that there are; `where` names the file that has them all."""

    rows: tuple[Row, ...] = ()
    total: int = 0
    where: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored picture with the small copy of it, as an address relative to the page; None when it has none."""

    row: ImageRow
    thumb: str | None = None

    @property
    def href(self) -> str | None:
        """The way from the page to the picture itself."""
        return link(f"../{self.row.path}") if self.row.path and self.row.format in PAINTED else None


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
    """All that the page says. `expected` is what the charged calls were expected to cost."""

    summary: Summary
    expected: MicroUSD = ZERO
    groups: tuple[Group, ...] = ()
    moderated: Section[JobRow] = Section()
    open: Section[JobRow] = Section()
    flagged: Section[ImageRow] = Section()
    pictures: Section[Shown] = Section()


def link(relative: str) -> str:
    """Make a relative address, percent-encoded; it starts with a dot, so it can name no scheme."""
    return quote(relative if relative.startswith(".") else f"./{relative}", safe="/", errors="surrogateescape")


def shown(text: object) -> str:
    """Untrusted text for a page: lines stay lines, everything invisible is escaped, and it ends somewhere."""
    return "\n".join(safe(line, LONGEST) for line in str(text)[:LONGEST].splitlines())


def render(page: Page) -> str:
    """Render the page as HTML, with every value escaped."""
    whole = page.summary.whole
    return _template().render(
        title=page.summary.name or "batchgen",
        line=_line(page.summary),
        money=whole.totals.money,
        images=whole.totals.images,
        parts=_parts(whole.totals.images),
        jobs_line=_jobs(whole.totals.jobs),
        drift=_drift(page),
        plan=page.summary.this_run.estimate,
        now=_charged(page.summary.this_run.totals.money),
        waste=whole.waste,
        groups=[group for place, group in enumerate(page.groups) if group.total > 1 or not place],
        single=[group for group in page.groups[1:] if group.total == 1],
        moderated=page.moderated,
        open=page.open,
        flagged=page.flagged,
        pictures=page.pictures,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    here = files("batchgen.reporter")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "usd": lambda amount: exact(MicroUSD(amount)),
        "shown": shown,
        "words": _words,
        "names": names,
        "tone": lambda state: TONES.get(state, "calm"),
        "cause": wasted_words,
        "count": "{:,}".format,
    }
    environment.globals["css"] = Markup((here / "page.css").read_text("utf-8"))  # noqa: S704 - our own file
    return environment.from_string((here / "page.html").read_text("utf-8"))


def _words(name: str) -> str:
    return shown(name).replace("_", " ")


def _line(summary: Summary) -> str:
    whole = summary.whole
    parts = [f"run {summary.run_id}"] if summary.run_id else []
    if whole.seconds:
        parts.append(duration(whole.seconds))
    parts.append(counted(whole.totals.sent, "call"))
    if whole.totals.retried:
        parts.append(f"{whole.totals.retried:,} of them retries")
    if summary.exit_code is not None:
        parts.append(f"exit {summary.exit_code}")
    if summary.why:
        parts.append(summary.why)
    return " · ".join(parts)


def _parts(images: ImageCounts) -> list[dict[str, Any]]:
    return [
        {"name": _words(name), "count": count, "tone": TONES[name]}
        for name, count in asdict(images).items()
        if count and name in TONES
    ]


def _jobs(jobs: JobCounts) -> str:
    counts = asdict(jobs)
    total = counts.pop("total")
    named = [f"{number:,} {_words(name)}" for name, number in counts.items() if number]
    return f"{counted(total, 'job')}: {', '.join(named)}" if named else "no jobs"


def _charged(money: Money) -> MicroUSD:
    return MicroUSD(money.confirmed + money.estimated)


def _drift(page: Page) -> dict[str, Any] | None:
    """How long the bars of what the calls were expected to cost and did cost are, in percent, and words for it."""
    expected, paid = page.expected, _charged(page.summary.whole.totals.money)
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
    return {
        "bars": [
            {"name": "expected", "amount": expected, "percent": round(100 * expected / longest, 2), "tone": "calm"},
            {"name": "charged", "amount": paid, "percent": round(100 * paid / longest, 2), "tone": "good"},
        ],
        "words": words,
    }


def dearest(slices: Sequence[Slice], name: str, most: int = 50) -> Group:
    """Make a group of slices: the dearest first, at most so many."""
    ordered = sorted(slices, key=lambda s: (-_charged(s.money) - s.money.at_risk, -s.images, s.value))
    return Group(name, tuple(ordered[:most]), len(slices))
