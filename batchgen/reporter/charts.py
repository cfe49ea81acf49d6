"""The charts of the page: each answers one question, in a sentence and in shapes; all numbers are made here.

A shape's place and size are in thousandths of its drawing, so that a drawing can be stretched to any width.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import floor, log10

from batchgen.money import MicroUSD, exact, short
from batchgen.text import counted, duration

FULL = 1000
MOST_BARS = 10
MOST_BINS = 24
POINTS = 120
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


TONES = {
    "stored": "good", "done": "good", "partial": "warn", "moderated": "warn", "failed": "bad", "uncertain": "accent",
    "held": "accent", "lost_paid": "bad", "submitted": "calm", "not_started": "calm",
}  # fmt: skip
SLOTS = ("stored", "moderated", "failed", "lost_paid", "uncertain", "submitted", "not_started")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: where it begins, how long it is, and what it says."""

    tone: str
    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A named bar of pieces with its amount in words; `hint` tells more about the name."""

    name: str
    amount: str
    parts: tuple[Part, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars below each other; `more` counts those that did not fit."""

    name: str
    answer: str
    bars: tuple[Bar, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Bin:
    """One column of a distribution."""

    x: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often which value occurs; `ticks` are the words below its left end, middle and right end."""

    answer: str
    bins: tuple[Bin, ...]
    ticks: tuple[str, str, str]
    median: float


@dataclass(frozen=True, slots=True)
class Line:
    """A sum that grows: its points (x, y from above), and what it reached."""

    name: str
    points: tuple[tuple[float, float], ...]
    reached: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How a run went on: lines over the same time, and when calls ended without an image."""

    answer: str
    lines: tuple[Line, ...]
    failures: tuple[float, ...]
    ticks: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts of a page; None where there is nothing to draw."""

    money: tuple[Bars, ...] = ()
    outcomes: Bars | None = None
    cost: Distribution | None = None
    latency: Distribution | None = None
    progress: Progress | None = None


NO_CHARTS = Charts()


@dataclass(frozen=True, slots=True)
class Piece:
    """An amount that becomes a piece of a bar."""

    tone: str
    amount: int
    words: str


def bar(name: str, amount: str, pieces: Iterable[Piece], whole: int, hint: str = "") -> Bar:
    """Return a bar whose pieces are drawn to the scale of `whole`; pieces of nothing are left out."""
    drawn = [piece for piece in pieces if piece.amount]
    ends = accumulate(piece.amount for piece in drawn)
    whole = max(whole, 1)
    parts = (
        Part(piece.tone, _of(end - piece.amount, whole), _of(piece.amount, whole), piece.words)
        for piece, end in zip(drawn, ends, strict=True)
    )
    return Bar(name, amount, tuple(parts), hint)


def of_money(confirmed: MicroUSD, estimated: MicroUSD, at_risk: MicroUSD) -> list[Piece]:
    """Make the pieces of what calls cost: for certain, by the table, and perhaps."""
    kinds = (("good", confirmed, "confirmed"), ("accent", estimated, "estimated"), ("warn", at_risk, "at risk"))
    return [Piece(tone, amount, f"{exact(amount)} {kind}") for tone, amount, kind in kinds]


def dollars(amount: float) -> str:
    """Return an amount in micro-dollars, shortly."""
    return short(MicroUSD(round(amount)))


def distribution(
    values: Sequence[float], words: Callable[[float], str], answer: str, noun: str, step: float = 0.0
) -> Distribution | None:
    """Count values in columns of one round width, at least `step`; the last column holds the outermost hundredth.

    `answer` has places for `{half}`, `{most}` (95 of 100) and `{top}`; `noun` is what is counted. None without values.
    """
    if not values:
        return None
    ordered = sorted(values)
    low, high, top = ordered[0], rank(ordered, 0.99), ordered[-1]
    width = max(round_step((high - low) / MOST_BINS), step)
    first = floor(low / width)
    number = min(floor(high / width) - first + 1, MOST_BINS + 2)
    edges = [(first + index) * width for index in range(number + 1)]
    below = [0, *(bisect_right(ordered, edge - width * 1e-9) for edge in edges[1:-1]), len(ordered)]
    counts = [after - before for before, after in pairwise(below)]
    each = FULL / number
    half = rank(ordered, 0.5)
    return Distribution(
        answer.format(half=words(half), most=words(rank(ordered, 0.95)), top=words(top)),
        tuple(
            Bin(
                round(index * each, 1),
                round(each, 1),
                _of(count, max(counts)),
                _span(edges, index, top, words) + f": {counted(count, noun)}",
            )
            for index, count in enumerate(counts)
        ),
        (words(edges[0]), words((edges[0] + edges[-1]) / 2), words(edges[-1])),
        min(_of(half - edges[0], edges[-1] - edges[0]), FULL),
    )


def _span(edges: Sequence[float], index: int, top: float, words: Callable[[float], str]) -> str:
    last = index == len(edges) - 2
    return f"{words(edges[index])} to {words(max(edges[index + 1], top) if last else edges[index + 1])}"


def rank(ordered: Sequence[float], share: float) -> float:
    """Return the value that a share of ordered values does not exceed (nearest rank)."""
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * round(share * 100) // 100) - 1))]


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is not below; 1 for nothing."""
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))


def progress(ends: Sequence[float], images: Sequence[int], costs: Sequence[int], begin: float) -> Progress | None:
    """Draw how images and money grew over a run that began then; one entry per call, in the order of their ends.

    None without calls.
    """
    if not ends:
        return None
    span = max(ends[-1] - begin, 0.001)
    times = [(end - begin) / span for end in ends]
    drawn, paid = list(accumulate(images)), list(accumulate(costs))
    failures = sorted({_of(round(time * 200), 200) for time, brought in zip(times, images, strict=True) if not brought})
    minutes = span / 60
    rate = f", {drawn[-1] / minutes:,.0f} a minute" if minutes >= 1 else ""
    lost = sum(not brought for brought in images)
    answer = f"{counted(drawn[-1], 'image')} in {duration(span)}{rate}" + (
        f"; {counted(lost, 'call')} brought none." if lost else "; every call brought images."
    )
    return Progress(
        answer,
        (Line("images", _line(times, drawn), f"{drawn[-1]:,}"), Line("charged", _line(times, paid), dollars(paid[-1]))),
        tuple(failures),
        ("0", duration(span / 2), duration(span)),
    )


def _line(times: Sequence[float], sums: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Sample a growing sum at evenly spread moments."""
    top = max(sums[-1], 1)
    reached = ((index, bisect_right(times, index / POINTS + 1e-9)) for index in range(POINTS + 1))
    return tuple((_of(index, POINTS), FULL - _of(sums[many - 1] if many else 0, top)) for index, many in reached)


def _of(amount: float, whole: float) -> float:
    return round(FULL * amount / whole, 1) if whole else 0.0
