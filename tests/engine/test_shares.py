"""Calls at once are divided among the providers of a run."""

import pytest

from batchgen.engine.lane import shares


@pytest.mark.parametrize(
    ("total", "sizes", "bounds", "each"),
    [
        (9, [16], (), [9]),
        (9, [16, 16], (), [4, 5]),
        (1, [16, 16], (), [1, 1]),
        (50, [2, 16], [2, None], [2, 48]),
        (50, [16, 2], [None, 2], [48, 2]),
        (50, [2, 4], [2, 4], [2, 4]),
        (3, [2, 16], [2, None], [1, 2]),
    ],
)
def test_each_has_its_share_and_never_more_than_its_bound(
    total: int, sizes: list[int], bounds: list[int | None], each: list[int]
) -> None:
    """What one may not use, the others do; nobody is left without a call."""
    assert shares(total, sizes, bounds) == each
