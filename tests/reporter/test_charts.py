"""Charts are made of numbers before any drawing: each as a table of what goes in and what must come out."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.ledger import CallRow, JobRow, Money
from batchgen.money import MicroUSD
from batchgen.reporter.chart_data import Calls, money, outcomes, span
from batchgen.reporter.charts import Piece, bar, distribution, progress, rank, round_step
from batchgen.reporter.job_blocks import Block, Blocks
from batchgen.reporter.page import Group, Slice

ANSWER = "{half} {most} {top}"


@pytest.mark.parametrize(
    ("least", "step"), [(0, 1), (1, 1), (1.2, 2), (2.1, 2.5), (3, 5), (6, 10), (0.07, 0.1), (1300, 2000), (10, 10)]
)
def test_columns_have_round_widths(least: float, step: float) -> None:
    """A column's width is 1, 2, 2.5 or 5 times a power of ten, and never below what is needed."""
    assert round_step(least) == pytest.approx(step)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1, 100), (0, 1)])
def test_ranks_are_values_that_occur(share: float, value: int) -> None:
    """Half of a hundred values do not exceed the fiftieth."""
    assert rank(range(1, 101), share) == value


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200))
def test_a_distribution_loses_no_value(values: list[int]) -> None:
    """Every value is in one column, columns fill the drawing, the highest is full, and the median lies inside."""
    chart = distribution(values, str, ANSWER, "call")
    assert chart is not None
    assert sum(int(each.words.rpartition(": ")[2].split()[0].replace(",", "")) for each in chart.bins) == len(values)
    assert max(each.height for each in chart.bins) == 1000
    assert chart.bins[-1].x + chart.bins[-1].width == pytest.approx(1000, abs=1)
    assert 0 <= chart.median <= 1000
    assert len(chart.bins) <= 26


def test_an_outlier_does_not_flatten_the_rest() -> None:
    """One call of an hour among a thousand quick ones is told in words, and shares the last column."""
    chart = distribution([1.0, 2.0] * 500 + [1.0, 3600.0], span, ANSWER, "call", 0.01)
    assert chart is not None
    assert chart.answer == "1.0 s 2.0 s 1 h"
    assert chart.bins[-1].words.startswith("2.0 s to 1 h: ")
    assert len(chart.bins) > 10


def test_without_values_there_is_nothing_to_draw() -> None:
    """No calls, no charts."""
    assert distribution([], str, ANSWER, "call") is None
    assert progress([], [], [], 0.0) is None
    assert outcomes([]) is None
    assert money([]) == ()


def test_pieces_of_a_bar_stand_side_by_side() -> None:
    """Pieces begin where the one before ends, to one scale; what is nothing has no piece."""
    drawn = bar("a", "$1", [Piece("good", 30, "x"), Piece("warn", 0, "y"), Piece("bad", 20, "z")], 100)
    assert [(part.tone, part.x, part.width) for part in drawn.parts] == [("good", 0, 300), ("bad", 300, 200)]


def test_progress_is_drawn_over_time() -> None:
    """Sums grow from nothing to all, calls without an image leave a mark, and the words say how many."""
    chart = progress([10.0, 50.0, 100.0], [1, 0, 3], [10, 0, 30], 0.0)
    assert chart is not None
    assert chart.answer == "4 images in 1 min 40 s, 2 a minute; 1 call brought none."
    (images, paid) = chart.lines
    assert (images.points[0], images.points[60], images.points[-1]) == ((0, 1000), (500, 750), (1000, 0))
    assert (images.reached, paid.reached) == ("4", "$0.00004")
    assert list(chart.failures) == [500]
    assert chart.ticks == ("0", "50 s", "1 min 40 s")


def test_the_course_of_one_run_is_kept() -> None:
    """The run wanted is drawn, or the latest that made calls; how long calls took is kept of all."""
    rows = [CallRow(run, float(n), n + 1.0, 1.0 + n, 1, 5) for n, run in enumerate(("a", "a", "b"))]
    for wanted, course, ends in (("a", "a", [1, 2]), ("b", "b", [3]), ("none", "b", [3]), (None, "b", [3])):
        calls = Calls(wanted)
        calls.add(rows)
        assert (calls.course, list(calls.ends), list(calls.seconds)) == (course, ends, [1, 2, 3])


def a_slice(value: str, confirmed: int, at_risk: int = 0) -> Slice:
    """Say what one value cost."""
    return Slice(value, 1, 1, 0, 0, Money(MicroUSD(confirmed), MicroUSD(0), MicroUSD(at_risk)))


def test_money_is_drawn_by_tags_first() -> None:
    """Dimensions that tell nothing are left out; at risk stands in the bar beside confirmed."""
    groups = [
        Group("model", (a_slice("m", 400_000, 100_000),), 1),
        Group("size", (a_slice("big", 300_000, 100_000), a_slice("small", 100_000)), 2),
        Group("category", (a_slice("hats", 250_000), a_slice("cats", 150_000, 100_000)), 2),
    ]
    charts = money(groups)
    assert [chart.name for chart in charts] == ["category", "size"]
    assert charts[0].answer == "hats took most: $0.25, 50 % of $0.50."
    assert [(p.tone, p.x, p.width) for p in charts[0].bars[1].parts] == [("good", 0, 600), ("warn", 600, 400)]
    assert money(groups[:1])[0].answer == "All $0.50 for m."


def test_outcomes_put_what_is_missing_first() -> None:
    """The block with most missing images is told and stands first."""
    good, bad = Block("a.csv", "x", 2), Block("b.csv", "y", 3)
    good.counts["stored"], bad.counts["stored"], bad.counts["moderated"] = 2, 1, 2
    chart = outcomes([good, bad])
    assert chart is not None
    assert chart.answer == "2 of 5 images are missing, most of b.csv: 2."
    assert [(each.name, each.amount) for each in chart.bars] == [("b.csv", "1 of 3"), ("a.csv", "2 of 2")]
    good_alone = outcomes([good])
    assert good_alone is not None
    assert good_alone.answer == "Every one of 2 images is stored."


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["p.csv:2:1", "p.csv:3:1", "p.csv:9:1"], ["p.csv"] * 3),
        (["p.csv:2:1", "p.csv:2:1", "p.csv:3:1", "p.csv:2:1"], ["p.csv", "p.csv", "p.csv", "p.csv (2)"]),
        (["a/p.csv:2:1", "m.yaml:7:5", "m.yaml:7:5", "m.yaml:19:5"], ["p.csv", "m.yaml:7", "m.yaml:7", "m.yaml:19"]),
        (["p.csv:2:1", "m.yaml:7:5", "p.csv:5:1"], ["p.csv", "m.yaml:7", "p.csv (2)"]),
        (["", "x"], ["unknown place", "x"]),
    ],
)
def test_blocks_are_told_by_their_places(places: list[str], names: list[str], job: Callable[..., JobRow]) -> None:
    """A block of the manifest has its own place; rows of a file begin anew where another block reads them."""
    blocks = Blocks("run", 100)
    blocks.add([job(job_key=str(n), place=place, last_run="run") for n, place in enumerate(places)])
    assert list(blocks.of.values()) == names


def test_jobs_of_other_runs_are_one_block(job: Callable[..., JobRow]) -> None:
    """What the run did not want keeps no order, and does not cut a block in two."""
    blocks = Blocks("run", 2)
    rows: list[Any] = [job(job_key=k, place=f"p.csv:{n}:1", last_run=r) for k, n, r in
                       (("a", 2, "run"), ("b", 1, "old"), ("c", 3, "run"))]  # fmt: skip
    blocks.add(rows)
    assert {name: block.jobs for name, block in blocks.blocks.items()} == {"p.csv": 2, "not in the latest run": 1}
    assert list(blocks.of) == ["a", "b"]
