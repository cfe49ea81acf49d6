"""Which sizes a model draws, and which one is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import catalog
from batchgen.model import Model


def known(name: str) -> Model:
    """Check that a model that the catalogue has."""
    found = catalog.find_model(name)
    assert found is not None
    return found


FLEXIBLE, FIXED = known("gpt-image-2.5-flare"), known("gpt-image-1")


@pytest.mark.parametrize("size", ["auto", "1024x1024", "1792x1024", "1024x1792", "1440x480", "3840x2160", "2880x2880"])
def test_legal_sizes_of_a_flexible_model(size: str) -> None:
    """Any edges in steps of 16, up to 3:1, 3840 pixels long and between 655,360 and 8,294,400 pixels."""
    assert catalog.legal_size(FLEXIBLE, size) is None
    assert catalog.nearest_size(FLEXIBLE, size) in {size, "1024x1024"}


@pytest.mark.parametrize(
    ("size", "complaint", "nearest"),
    [
        ("1920x1080", "multiples of 16", "1920x1088"),
        ("512x512", "fewer than 655,360", "816x816"),
        ("1000x1000", "multiples of 16", "1008x1008"),
        ("4096x2048", "no edge may be longer than 3840", "3840x1920"),
        ("3840x3840", "more than 8,294,400", "2880x2880"),
        ("3840x1024", "at most 3 times", "3840x1280"),
        ("16:9", "is not a size", "1360x768"),
        ("1024X1024", "is not a size", "1024x1024"),
        ("01024x1024", "is not a size", "1024x1024"),
        ("large", "is not a size", "1024x1024"),
        ("-5x20", "is not a size", "1024x1024"),
        ("", "is not a size", "1024x1024"),
    ],
)
def test_illegal_sizes_of_a_flexible_model(size: str, complaint: str, nearest: str) -> None:
    """The complaint says which rule is broken, and the nearest legal size keeps the shape."""
    said = catalog.legal_size(FLEXIBLE, size)
    assert said is not None
    assert complaint in said
    assert catalog.nearest_size(FLEXIBLE, size) == nearest


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ("1024x1792", "1024x1536"),
        ("1792x1024", "1536x1024"),
        ("2048x2048", "1024x1024"),
        ("512x512", "1024x1024"),
        ("1920x1080", "1536x1024"),
        ("9:16", "1024x1536"),
        ("nonsense", "1024x1024"),
    ],
)
def test_sizes_of_a_model_with_three(size: str, nearest: str) -> None:
    """The complaint lists the three sizes, and the nearest one has the closest shape."""
    assert catalog.legal_size(FIXED, size) == "gpt-image-1 draws only 1024x1024, 1536x1024, 1024x1536 and auto"
    assert catalog.nearest_size(FIXED, size) == nearest
    assert catalog.legal_size(FIXED, nearest) is None


@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_the_nearest_size_is_legal(width: int, height: int) -> None:
    """Whatever is asked for, the suggestion can be drawn, and a legal size is its own suggestion."""
    for model in (FLEXIBLE, FIXED):
        size = f"{width}x{height}"
        nearest = catalog.nearest_size(model, size)
        assert catalog.legal_size(model, nearest) is None
        assert catalog.nearest_size(model, nearest) == nearest
        if catalog.legal_size(model, size) is None:
            assert nearest == size


@given(st.text(max_size=20))
def test_any_words_for_a_size_have_an_answer(size: str) -> None:
    """Nonsense is refused with a suggestion and never crashes."""
    assert catalog.legal_size(FLEXIBLE, catalog.nearest_size(FLEXIBLE, size)) is None
    assert catalog.legal_size(FIXED, catalog.nearest_size(FIXED, size)) is None


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ("1024x1536", (1024, 1536)),
        (" 8 X 9 ", (8, 9)),
        ("2\u00d73", (2, 3)),
        ("auto", None),
        (None, None),
        ("0x4", None),
    ],
)
def test_sizes_are_read_in_any_spelling(size: str | None, pixels: tuple[int, int] | None) -> None:
    """Width and height, or nothing."""
    assert catalog.parse_size(size) == pixels
