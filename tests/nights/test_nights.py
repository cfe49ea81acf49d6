"""Nights in a row: a living catalogue, bad days at the providers, crashes, and a bill that is explained at the end."""

from pathlib import Path

import pytest

from tests.nights.month import month, through


@pytest.mark.parametrize("seed", [14])
def test_five_nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """After each: sums hold, nothing beyond the budget, nothing bought twice; at the end the bill is explained."""
    with month(tmp_path, seed, 6, monkeypatch.setenv) as of:
        through(5, of)


PINNED = (
    (1, 5, 16),
    (1, 6, 10),
    (5, 6, 10),
    (7, 5, 16),
    (34, 6, 16),
    (37, 6, 16),
    (41, 6, 24),
    (44, 6, 24),
    (77, 6, 24),
)
"""Seeds that found something, with their nights and rows.

1: calls of a wrong clock were told from a stranger's only where they cost whole micro-dollars, and, with six
nights, the batch of an adopted image ended without it, under an older copy of the ledger; 5: a batch collected by a
wrong clock made a stranger's key ours, beside two that were; 7: lines of a batch's error file were charged; 34:
after a full disk two providers brought the same answers home at once; 37: a web page in the place of an answer was
charged; 41: what was cached hid days of a wrong clock; 44: a task of a gateway that was given up was waited for in
every run; 77: lines of a batch over midnight took from what a call at risk was confirmed with.
What nights of an older form found has tests of its own where it was mended.
"""


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "nights", "rows"), PINNED)
def test_nights_that_found_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, nights: int, rows: int
) -> None:
    """What was mended stays mended."""
    with month(tmp_path, seed, rows, monkeypatch.setenv) as of:
        through(nights, of)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 101))
def test_a_hundred_months_in_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The same with other chances, for six nights."""
    with month(tmp_path, seed, 24, monkeypatch.setenv) as of:
        through(6, of)
