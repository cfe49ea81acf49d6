"""Shards: every id is in exactly one of them, whoever asks, and whatever else there is."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.model import Shard


@given(st.text(), st.integers(1, 300))
def test_every_id_is_in_exactly_one_shard(name: str, count: int) -> None:
    """The shards are a partition of all ids, for any number of them."""
    assert sum(Shard(index, count).holds(name) for index in range(1, count + 1)) == 1


@given(st.text(max_size=20), st.integers(1, 50))
def test_a_shard_is_a_range_of_hashes(name: str, count: int) -> None:
    """The part of all hashes below that of an id says in which shard it is; half as wide shards are halves of it."""
    part = int(sha256(name.encode()).hexdigest(), 16) / 2**256
    assert Shard(min(int(part * count), count - 1) + 1, count).holds(name)
    halves = [index for index in range(1, 2 * count + 1) if Shard(index, 2 * count).holds(name)]
    assert Shard((halves[0] + 1) // 2, count).holds(name)


def test_shards_are_about_equal() -> None:
    """Ids that count up are spread evenly."""
    sizes = [sum(Shard(index, 8).holds(f"sku-{row:05}") for row in range(4000)) for index in range(1, 9)]
    assert sum(sizes) == 4000
    assert min(sizes) > 400
    assert max(sizes) < 600


def test_where_an_id_belongs_never_changes() -> None:
    """Golden places: whoever draws the same manifest next year finds each job where it was."""
    places = {
        name: next(str(Shard(index, 8)) for index in range(1, 9) if Shard(index, 8).holds(name))
        for name in ("sofa", "lamp", "chair-1", "Übergröße", "")
    }
    assert places == GOLDEN


GOLDEN = {"sofa": "7/8", "lamp": "7/8", "chair-1": "5/8", "Übergröße": "8/8", "": "8/8"}


@pytest.mark.parametrize(
    "text", ["0/8", "9/8", "x", "", "3", "3/", "/8", "3/0", "-1/8", "3/8/9", "1.5/8", " 3/8", "٣/8"]
)
def test_what_is_no_shard_is_told_what_one_looks_like(text: str) -> None:
    """Zero, beyond the last, and no numbers."""
    with pytest.raises(ValueError, match=r"such as 3/8; I counts from 1 to N"):
        Shard.read(text)


def test_a_shard_is_read_as_it_is_written() -> None:
    """There and back."""
    assert Shard.read("3/8") == Shard(3, 8)
    assert str(Shard(3, 8)) == "3/8"
