"""Tokens of drawn and reference images, and of words, against published tables."""

import random
import re
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import catalog, pricing
from batchgen.catalog.models import token_table
from batchgen.catalog.sizes import extremes
from batchgen.model import FlexibleSizes, Model
from batchgen.pricing.tokens import (
    DEAREST_INPUT,
    approximate_tokens,
    dearest_input_tokens,
    drawn_tokens,
    fewest_drawn_tokens,
)
from tests.catalog.factory import output_tokens

# Quality -> size -> tokens, from the vendor's calculator.
SECOND = {
    "low": {
        "1024x1024": 196,
        "1536x1024": 158,
        "1024x1536": 158,
        "1024x768": 134,
        "768x1024": 134,
        "1792x1024": 139,
        "1024x1792": 139,
        "1536x864": 120,
        "864x1536": 120,
        "1920x1088": 148,
        "1088x1920": 148,
        "2048x1152": 157,
        "1152x2048": 157,
        "2048x2048": 397,
        "2560x1440": 205,
        "1440x2560": 205,
        "3840x2160": 371,
        "2160x3840": 371,
        "1440x480": 54,
        "976x704": 129,
    },
    "medium": {
        "1024x1024": 1756,
        "1536x1024": 1372,
        "1024x1536": 1372,
        "1024x768": 1204,
        "768x1024": 1204,
        "1792x1024": 1243,
        "1024x1792": 1243,
        "1536x864": 1078,
        "864x1536": 1078,
        "1920x1088": 1325,
        "1088x1920": 1325,
        "2048x1152": 1413,
        "1152x2048": 1413,
        "2048x2048": 3568,
        "2560x1440": 1843,
        "1440x2560": 1843,
        "3840x2160": 3336,
        "2160x3840": 3336,
        "1440x480": 517,
        "976x704": 1129,
    },
    "high": {
        "1024x1024": 7024,
        "1536x1024": 5488,
        "1024x1536": 5488,
        "1024x768": 4815,
        "768x1024": 4815,
        "1792x1024": 5063,
        "1024x1792": 5063,
        "1536x864": 4312,
        "864x1536": 4312,
        "1920x1088": 5300,
        "1088x1920": 5300,
        "2048x1152": 5650,
        "1152x2048": 5650,
        "2048x2048": 14272,
        "2560x1440": 7370,
        "1440x2560": 7370,
        "3840x2160": 13342,
        "2160x3840": 13342,
        "1440x480": 2067,
        "976x704": 4450,
    },
}
LATER = {
    "low": {
        "1024x1024": 196,
        "1536x1024": 158,
        "1024x1536": 158,
        "1024x768": 134,
        "768x1024": 134,
        "1792x1024": 139,
        "1024x1792": 139,
        "1536x864": 120,
        "864x1536": 120,
        "1920x1088": 148,
        "1088x1920": 148,
        "2048x1152": 157,
        "1152x2048": 157,
        "2048x2048": 397,
        "2560x1440": 205,
        "1440x2560": 205,
        "3840x2160": 371,
        "2160x3840": 371,
        "1440x480": 54,
        "976x704": 129,
    },
    "medium": {
        "1024x1024": 439,
        "1536x1024": 343,
        "1024x1536": 343,
        "1024x768": 301,
        "768x1024": 301,
        "1792x1024": 323,
        "1024x1792": 323,
        "1536x864": 280,
        "864x1536": 280,
        "1920x1088": 344,
        "1088x1920": 344,
        "2048x1152": 367,
        "1152x2048": 367,
        "2048x2048": 892,
        "2560x1440": 478,
        "1440x2560": 478,
        "3840x2160": 865,
        "2160x3840": 865,
        "1440x480": 130,
        "976x704": 275,
    },
    "high": {
        "1024x1024": 1756,
        "1536x1024": 1372,
        "1024x1536": 1372,
        "1024x768": 1204,
        "768x1024": 1204,
        "1792x1024": 1243,
        "1024x1792": 1243,
        "1536x864": 1078,
        "864x1536": 1078,
        "1920x1088": 1325,
        "1088x1920": 1325,
        "2048x1152": 1413,
        "1152x2048": 1413,
        "2048x2048": 3568,
        "2560x1440": 1843,
        "1440x2560": 1843,
        "3840x2160": 3336,
        "2160x3840": 3336,
        "1440x480": 517,
        "976x704": 1129,
    },
    "xhigh": {
        "1024x1024": 3122,
        "1536x1024": 2459,
        "1024x1536": 2459,
        "1024x768": 2140,
        "768x1024": 2140,
        "1792x1024": 2271,
        "1024x1792": 2271,
        "1536x864": 1917,
        "864x1536": 1917,
        "1920x1088": 2356,
        "1088x1920": 2356,
        "2048x1152": 2511,
        "1152x2048": 2511,
        "2048x2048": 6343,
        "2560x1440": 3276,
        "1440x2560": 3276,
        "3840x2160": 5930,
        "2160x3840": 5930,
        "1440x480": 905,
        "976x704": 1978,
    },
    "max": {
        "1024x1024": 7024,
        "1536x1024": 5488,
        "1024x1536": 5488,
        "1024x768": 4815,
        "768x1024": 4815,
        "1792x1024": 5063,
        "1024x1792": 5063,
        "1536x864": 4312,
        "864x1536": 4312,
        "1920x1088": 5300,
        "1088x1920": 5300,
        "2048x1152": 5650,
        "1152x2048": 5650,
        "2048x2048": 14272,
        "2560x1440": 7370,
        "1440x2560": 7370,
        "3840x2160": 13342,
        "2160x3840": 13342,
        "1440x480": 2067,
        "976x704": 4450,
    },
}


def model(name: str) -> Model:
    """Check that a model that the catalogue has."""
    found = catalog.find_model(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("table", "quality", "size", "tokens"),
    [
        (table, quality, size, tokens)
        for table, rows in (("gpt-image-2", SECOND), ("gpt-image-2.5", LATER))
        for quality, cells in rows.items()
        for size, tokens in cells.items()
    ],
)
def test_the_formula_gives_the_published_tables(table: str, quality: str, size: str, tokens: int) -> None:
    """Every cell of the calculator's tables comes out exactly."""
    assert drawn_tokens(table, size, quality) == tokens


def test_the_first_family_has_its_printed_table() -> None:
    """The nine figures of the image guide, in its order."""
    first = model("gpt-image-1")
    sizes, qualities = ("1024x1024", "1024x1536", "1536x1024"), ("low", "medium", "high")
    figures = [[output_tokens(first, size, quality) for size in sizes] for quality in qualities]
    assert figures == [[272, 408, 400], [1056, 1584, 1568], [4160, 6240, 6208]]


@pytest.mark.parametrize(
    ("quality", "least", "planned"),
    [("low", 196, 980), ("medium", 439, 2195), ("high", 1756, 1756), ("xhigh", 3122, 3122), ("max", 7024, 7024)],
)
def test_the_latest_family_is_planned_at_five_times_for_low_and_medium(quality: str, least: int, planned: int) -> None:
    """2.6 has no table: low and medium are planned at five times 2.5, and may be as little as 2.5."""
    assert drawn_tokens("gpt-image-2.6", "1024x1024", quality) == planned
    assert fewest_drawn_tokens("gpt-image-2.6", "1024x1024", quality) == least


@pytest.mark.parametrize(
    ("name", "size", "quality"),
    [
        ("gpt-image-1", "2048x2048", "high"),
        ("gpt-image-1", "1024x1024", "max"),
        ("gpt-image-2", "512x512", "low"),
        ("gpt-image-2", "1024x1024", "auto"),
        ("gpt-image-2", "auto", "low"),
        ("gpt-image-2", "1024x1024", "xhigh"),
    ],
)
def test_what_a_model_does_not_draw_has_no_token_count(name: str, size: str, quality: str) -> None:
    """An illegal size, a foreign quality and `auto` are refused with a ValueError that names them."""
    with pytest.raises(ValueError, match=f"{name} has no token count for {size} at quality {quality}"):
        output_tokens(model(name), size, quality)


def test_the_stand_in_for_an_unknown_model_is_the_dearest_of_all() -> None:
    """A model that nobody knows is taken to draw with at least as many tokens as any other."""
    for known in catalog.models():
        if known.output_tokens != "unknown" and known.price:
            for size in ("1024x1024", "1024x1536", "1536x1024"):
                for quality in token_table(known.output_tokens).qualities:
                    tokens = drawn_tokens(known.output_tokens, size, quality)
                    words = token_table("unknown").qualities  # a word of another vendor's means any of them
                    alike = (quality,) if quality in words else words
                    stand_in = max(drawn_tokens("unknown", size, word) or 0 for word in alike)
                    assert tokens is not None
                    assert tokens <= stand_in, (known.name, size, quality)


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_the_extremes_of_flexible_sizes_are_found_without_a_search(quality: str) -> None:
    """No legal size takes fewer or more tokens than the sizes named as extremes."""
    rules, second = FlexibleSizes(), model("gpt-image-2")
    named = [drawn_tokens("gpt-image-2", size, quality) or 0 for size in extremes(rules)]
    edges = range(rules.multiple, rules.max_edge + 1, rules.multiple)
    sizes = [f"{width}x{height}" for width in edges for height in edges if height <= width <= 3 * height]
    legal = [size for size in sizes if not catalog.legal_size(second, size)]
    some = [*random.Random(7).sample(legal, 2000), *(size for size in legal if size.endswith(("x480", "x2880")))]
    every = [drawn_tokens("gpt-image-2", size, quality) or 0 for size in some]
    assert min(named) == min(every)
    assert max(named) == max(every)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (1024, 1024, 1024),
        (1536, 1024, 1536),
        (512, 512, 1024),
        (341, 512, 704),
        (1179, 2556, 1482),
        (2048, 2048, 1521),
        (1, 1, 1),
        (256, 256, 256),
        (1000, 200, 352),
        (3000, 500, 1536),
        (1, 100_000, 1536),
    ],
)
def test_patches_of_reference_images(width: int, height: int, tokens: int) -> None:
    """32-pixel patches, a small image enlarged, more than 1536 of them shrunk as the vision guide does."""
    assert pricing.input_tokens(model("gpt-image-2.5-flare"), width, height) == tokens
    assert pricing.input_tokens(model("gpt-image-2.5-flare"), height, width) == tokens


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (1024, 1024, 194),
        (512, 512, 194),
        (100, 100, 194),
        (1536, 1024, 323),
        (1024, 2048, 323),
        (4096, 4096, 194),
        (1179, 2556, 452),
        (300, 600, 323),
        (100, 10_000, 581),
    ],
)
def test_tiles_of_reference_images(width: int, height: int, tokens: int) -> None:
    """65 and 129 for each 512-pixel tile of the fitted image."""
    assert pricing.input_tokens(model("gpt-image-1"), width, height) == tokens
    assert pricing.input_tokens(model("gpt-image-1"), height, width, "low") == tokens


def test_high_fidelity_adds_to_the_first_family_only() -> None:
    """input_fidelity high adds 4160 to a square image and 6240 to another, and nothing to later models."""
    assert pricing.input_tokens(model("gpt-image-1.5"), 1024, 1024, "high") == 194 + 4160
    assert pricing.input_tokens(model("gpt-image-1.5"), 1024, 1536, "high") == 323 + 6240
    assert pricing.input_tokens(model("gpt-image-1.5"), 1536, 1024, "high") == 323 + 6240
    assert pricing.input_tokens(model("gpt-image-2"), 1024, 1024, "high") == 1024


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_no_reference_image_takes_more_than_the_dearest(width: int, height: int) -> None:
    """The bound for an image of unknown pixels holds for every image."""
    for name in ("gpt-image-1", "gpt-image-2.5-flare"):
        known = model(name)
        assert 0 < pricing.input_tokens(known, width, height) <= DEAREST_INPUT[known.input_tokens]
        assert pricing.input_tokens(known, width, height, "high") <= dearest_input_tokens(
            known, None, high_fidelity=True
        )


def test_words_by_the_vocabulary() -> None:
    """With the o200k vocabulary a prompt counts its tokens and six: "a red dot" was recorded as nine."""
    if find_spec("bpe_openai") is None:
        pytest.skip("the extra `tokens` is not installed")
    assert pricing.text_tokens("a red dot") == 9


@given(st.text(max_size=150), st.text(max_size=150))
def test_no_token_reaches_over_the_end_of_a_sentence(before: str, behind: str) -> None:
    """Two texts, parted before the blank behind a full stop, have the tokens of both."""
    if find_spec("bpe_openai") is None:
        pytest.skip("the extra `tokens` is not installed")
    first, second = f"{before}.", f" {behind}"
    assert words(first + second) == words(first) + words(second)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_a_long_prompt_has_the_tokens_of_its_sentences(sentences: list[str]) -> None:
    """However long a prompt is, and whichever of its sentences others hold too."""
    if find_spec("bpe_openai") is None:
        pytest.skip("the extra `tokens` is not installed")
    prompt = ". ".join(sentences * 30) + "."
    parts = re.split(r"(?<=\.)(?= )", prompt)
    assert words(prompt) == sum(map(words, parts))


def words(text: str) -> int:
    """Count the tokens of a text alone."""
    return pricing.text_tokens(text) - 6


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [("", 6), ("a", 7), ("a red dot", 9), ("x" * 400, 106), ("木の椅子", 10), ("椅子 chair", 10), ("의자", 8)],
)
def test_words_by_the_approximation(prompt: str, tokens: int) -> None:
    """Without the vocabulary: a quarter of the characters, one for each CJK character, and six."""
    assert approximate_tokens(prompt) == tokens


@given(st.text(max_size=300))
def test_words_never_take_more_than_their_bytes(prompt: str) -> None:
    """The bound on a prompt's tokens holds for both ways of counting."""
    bound = pricing.text_tokens_bound(prompt)
    assert pricing.text_tokens(prompt) <= bound
    assert approximate_tokens(prompt) <= bound


@pytest.mark.parametrize("prompt", ["\ud800", "<|endoftext|>", "\x00\x1b[31m", "a b " * 100_000, "🪑" * 2000])
def test_odd_words_are_counted_all_the_same(prompt: str) -> None:
    """Half surrogates, control words of the vocabulary and endless prompts never fail."""
    assert 0 < pricing.text_tokens(prompt) <= pricing.text_tokens_bound(prompt)
