"""Nights in a row: a living catalogue, bad days at the provider, crashes, and a bill that is explained at the end."""

from pathlib import Path

import pytest

from tests.nights.month import month, through


@pytest.mark.parametrize("seed", [7])
def test_five_nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """After each: sums hold, nothing beyond the budget, nothing bought twice; at the end the bill is explained."""
    with month(tmp_path, seed, 16, monkeypatch.setenv) as of:
        through(5, of)


PINNED = {2: (8, 30), 10: (5, 24), 32: (8, 30)}
"""Seeds that found something, with their nights and rows.

2: a failed redraw in a batch took the image that was there; 10: a dead address was told every night;
32: the image beside a dead address was taken for a stranger's.
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", PINNED)
def test_nights_that_found_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """What was mended stays mended."""
    nights, rows = PINNED[seed]
    with month(tmp_path, seed, rows, monkeypatch.setenv) as of:
        through(nights, of)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 101))
def test_a_hundred_months_in_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The same with other chances, for twelve nights."""
    with month(tmp_path, seed, 40, monkeypatch.setenv) as of:
        through(12, of)
