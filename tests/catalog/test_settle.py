"""What an answered call did cost."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import catalog, pricing
from batchgen.model import (
    Attempt,
    Charge,
    Echo,
    ImageRequest,
    Phase,
    Receipt,
    Remedy,
    Settings,
    Stems,
    StoredImage,
    Usage,
    Verdict,
)
from batchgen.pricing import PriceList
from batchgen.providers.answer import usage_of
from tests.catalog.factory import PROMPT, ask, image, quoted, row, settled

SQUARE = ask("gpt-image-2", size="1024x1024", quality="medium")
WORDS = pricing.text_tokens(PROMPT)
TABLE = WORDS * 5 + 1756 * 30

GOOD: dict[str, Any] = {
    "input_tokens": 12,
    "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
    "output_tokens": 1756,
    "total_tokens": 1768,
}


def read(usage: object, request: ImageRequest = SQUARE) -> Usage | None:
    """Check that a usage as it is read from an answer."""
    return usage_of({"usage": usage}, takes_images=bool(request.images))


def without(*names: str) -> dict[str, Any]:
    """Return the good usage with keys missing."""
    return {name: value for name, value in GOOD.items() if name not in names}


BAD: list[Any] = [
    None,
    [],
    "1756 tokens",
    1756,
    True,
    {},
    {"usage": GOOD},
    [GOOD],
    without("output_tokens"),
    without("input_tokens", "input_tokens_details", "total_tokens"),
    GOOD | {"output_tokens": None},
    GOOD | {"output_tokens": 0},
    GOOD | {"output_tokens": -1756},
    GOOD | {"output_tokens": math.nan},
    GOOD | {"output_tokens": math.inf},
    GOOD | {"output_tokens": "1756"},
    GOOD | {"output_tokens": 1756.0},
    GOOD | {"output_tokens": 1756.5},
    GOOD | {"output_tokens": True},
    GOOD | {"output_tokens": [1756]},
    GOOD | {"output_tokens": {"image_tokens": 1756}},
    GOOD | {"output_tokens": 1},
    GOOD | {"output_tokens": 1755},
    GOOD | {"output_tokens": 10**12},
    GOOD | {"output_tokens": 10**300},
    {"input_tokens": 0, "output_tokens": 1756},
    {"input_tokens": -12, "output_tokens": 1756},
    {"input_tokens": "12", "output_tokens": 1756},
    {"input_tokens": math.nan, "output_tokens": 1756},
    {"input_tokens": False, "output_tokens": 1756},
    GOOD | {"input_tokens_details": {"text_tokens": 0, "image_tokens": 0}},
    GOOD | {"output_tokens_details": {"text_tokens": 1756, "image_tokens": 0}},
    {"prompt_tokens": 12, "completion_tokens": 1756},
    {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
]


@pytest.mark.parametrize("usage", BAD)
def test_a_usage_that_cannot_be_believed_settles_at_the_table(usage: object) -> None:
    """Missing, null, zero, negative, NaN, too few, boolean or textual: the table's figure, marked and never nothing."""
    settlement = settled(SQUARE, read(usage))
    assert settlement.cost == TABLE
    assert settlement.estimated
    assert settlement.flags in {("usage_missing",), ("usage_implausible",)}


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (GOOD, 12 * 5 + 1756 * 30),
        (GOOD | {"extra": {"deep": [1, 2]}, "generation_id": "x"}, 12 * 5 + 1756 * 30),
        (without("total_tokens"), 12 * 5 + 1756 * 30),
        (without("input_tokens_details"), 12 * 5 + 1756 * 30),
        (without("input_tokens", "input_tokens_details"), 12 * 8 + 1756 * 30),
        (GOOD | {"total_tokens": "many"}, 12 * 5 + 1756 * 30),
        (GOOD | {"total_tokens": -1}, 12 * 5 + 1756 * 30),
        (GOOD | {"output_tokens_details": {"image_tokens": 1756, "text_tokens": 0}}, 12 * 5 + 1756 * 30),
        (GOOD | {"output_tokens": 17_561}, 12 * 5 + 17_561 * 30),
        (GOOD | {"output_tokens": 10**9}, 12 * 5 + 10**9 * 30),
        ({"input_tokens": 12_000, "output_tokens": 1756}, 12_000 * 5 + 1756 * 30),
        (GOOD | {"input_tokens_details": {"text_tokens": 10**9, "image_tokens": 0}}, 10**9 * 5 + 1756 * 30),
    ],
)
def test_a_usage_that_can_be_believed_is_the_cost(usage: object, cost: int) -> None:
    """Complete and enough for what came: what the provider counted, however dear, whatever stands beside it."""
    settlement = settled(SQUARE, read(usage))
    assert settlement.cost == cost
    assert not settlement.estimated


def test_without_a_usage_all_images_asked_are_counted() -> None:
    """The table's figure is for the n that was asked, not for what came."""
    assert settled(SQUARE, None, 4).cost == 4 * TABLE
    assert settled(SQUARE, Usage(WORDS * 4, 0, 1756 * 2), 4).cost == WORDS * 4 * 5 + 1756 * 2 * 30


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
COUNT = JSON | st.integers(-5, 20_000)
USAGES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": COUNT,
        "output_tokens": COUNT,
        "total_tokens": COUNT,
        "input_tokens_details": JSON
        | st.fixed_dictionaries({}, optional={"text_tokens": COUNT, "image_tokens": COUNT}),
        "output_tokens_details": JSON
        | st.fixed_dictionaries({}, optional={"text_tokens": COUNT, "image_tokens": COUNT}),
    },
)
ECHOES = st.builds(
    Echo,
    model=st.none() | st.sampled_from(["gpt-image-1", "gpt-image-2", "gpt-image-2-2026-04-21", "x/y"]) | st.text(),
    size=st.none() | st.sampled_from(["1024x1024", "3840x2160", "auto", "0x0"]) | st.text(),
    quality=st.none() | st.sampled_from(["low", "high", "max", "hd", "auto"]) | st.text(),
)
REQUESTS = [
    ("openai", SQUARE),
    ("openai", ask("gpt-image-2.6-flare")),
    ("openai", ask("gpt-image-1.5", image(), size="auto", quality="low")),
    ("apiyi", ask("gpt-image-1", size="1024x1536")),
    ("aihubmix", ask("gpt-image-1", image(), quality="high")),
    ("laozhang", ask("sora_image", size="2:3")),
]


@given(st.sampled_from(REQUESTS), USAGES, ECHOES, st.integers(1, 10))
def test_no_answer_settles_at_nothing_or_crashes(
    asked: tuple[str, ImageRequest], usage: object, echo: Echo, n: int
) -> None:
    """Whatever JSON a server sends as usage and echo, a charged call has a cost above zero."""
    provider, request = asked
    settlement = settled(request, read(usage, request), n, provider, echo)
    assert settlement.cost > 0
    assert settlement.estimated or usage


@given(st.builds(Usage, *[st.none() | st.integers(-3, 10**20) | st.just(math.nan) | st.text()] * 5), st.integers(1, 4))
def test_no_usage_value_settles_at_nothing_or_crashes(usage: Usage, n: int) -> None:
    """Even a usage that holds what it never should."""
    assert settled(ask("gpt-image-1.5", image(), size="1024x1024"), usage, n).cost > 0


HIGH, LOW, MEDIUM = 7024, 196, 1756


@pytest.mark.parametrize(
    ("echo", "output", "cost", "flag"),
    [
        (Echo(quality="high"), HIGH, 12 * 5 + HIGH * 30, "quality_mismatch"),
        (Echo(quality="high"), None, WORDS * 5 + HIGH * 30, "quality_mismatch"),
        (Echo(quality="high"), MEDIUM, WORDS * 5 + MEDIUM * 30, "quality_mismatch"),
        (Echo(quality="low"), LOW, WORDS * 5 + MEDIUM * 30, "quality_mismatch"),
        (Echo(quality="low"), None, WORDS * 5 + MEDIUM * 30, "quality_mismatch"),
        (Echo(size="2048x2048"), 3568, 12 * 5 + 3568 * 30, "size_mismatch"),
        (Echo(size="1536x1024"), 1372, WORDS * 5 + MEDIUM * 30, "size_mismatch"),
        (Echo(model="gpt-image-1.5"), 1056, WORDS * 5 + MEDIUM * 30, "model_mismatch"),
        (Echo(model="gpt-image-1"), MEDIUM, 12 * 5 + MEDIUM * 40, "model_mismatch"),
        (Echo(model="gpt-image-1"), None, WORDS * 5 + MEDIUM * 30, "model_mismatch"),
        (Echo(model="somebody-elses"), MEDIUM, WORDS * 5 + MEDIUM * 30, "model_mismatch"),
    ],
)
def test_what_was_not_asked_for_settles_at_the_dearer(echo: Echo, output: int | None, cost: int, flag: str) -> None:
    """Another model, size or quality in the answer: the dearer of what was asked and what was drawn, and a flag."""
    settlement = settled(SQUARE, Usage(12, 0, output) if output else None, echo=echo)
    assert settlement.cost == cost
    assert flag in settlement.flags


@pytest.mark.parametrize(
    "echo",
    [
        Echo(),
        Echo("gpt-image-2", "1024x1024", "medium"),
        Echo("gpt-image-2-2026-04-21", "1024X1024", "standard"),
        Echo("openai/gpt-image-2", "auto", "auto"),
        Echo("GPT-Image-2", "", "?!"),
        Echo("", "99999x99999", "\x1b[31m"),
        Echo("gpt-image-2-20260421"),
    ],
)
def test_what_was_asked_for_has_no_flags(echo: Echo) -> None:
    """Snapshots, vendor prefixes, other spellings, nonsense and silence are no mismatch."""
    settlement = settled(SQUARE, Usage(12, 0, MEDIUM), echo=echo)
    assert (settlement.cost, settlement.flags) == (12 * 5 + MEDIUM * 30, ())


def test_a_free_choice_settles_at_what_the_answer_names() -> None:
    """With `auto` and no usage, or too small a one, the echo decides; without it the upper bound stands."""
    free = ask("gpt-image-2")
    told = settled(free, None, echo=Echo(size="1024x1024", quality="low"))
    assert (told.cost, told.flags) == (WORDS * 5 + LOW * 30, ("usage_missing",))
    short = settled(free, Usage(12, 0, LOW), echo=Echo(size="1024x1024", quality="medium"))
    assert (short.cost, short.flags) == (WORDS * 5 + MEDIUM * 30, ("usage_implausible",))
    untold = settled(free, None)
    assert (untold.cost, untold.flags) == (quoted(free).high, ("usage_missing",))


def test_threefold_cost_names_the_price_row() -> None:
    """A call that cost more than its upper bound is flagged, for the run to stop and name the row."""
    settlement = settled(SQUARE, Usage(WORDS * 3, 0, MEDIUM * 3))
    assert settlement.cost == 3 * TABLE
    assert settlement.flags == ("price_too_low",)
    assert row(SQUARE).source == "openai price table, gpt-image-2"


def test_unsplit_input_of_an_edit_is_billed_at_the_dearer_rate() -> None:
    """Where the answer does not split input into words and images, all of it may have been images."""
    edit = ask("gpt-image-2", image(), size="1024x1024", quality="medium")
    usage = read({"input_tokens": 1040, "output_tokens": 1756, "total_tokens": 2796}, edit)
    assert settled(edit, usage).cost == 1040 * 8 + 1756 * 30


def test_text_drawn_beside_a_image_has_its_own_rate() -> None:
    """gpt-image-1.5 bills text output at 10 dollars per million; a model without such a rate bills it as image."""
    first, second = ask("gpt-image-1.5", size="1024x1024", quality="medium"), SQUARE
    assert settled(first, Usage(12, 0, 1056, 100, 1168)).cost == 12 * 5 + 1056 * 32 + 100 * 10
    assert settled(second, Usage(12, 0, 1756, 100, 1868)).cost == 12 * 5 + 1756 * 30 + 100 * 30


@pytest.mark.parametrize(("output", "images"), [(4160, 1), (2 * 4160, 2), (4 * 4160, 4), (9 * 4160, 4)])
def test_a_table_price_counts_the_images_that_the_usage_shows(output: int, images: int) -> None:
    """A gateway that bills per image bills those drawn, at most the n asked; without usage all of them."""
    request = ask("gpt-image-1", size="1024x1024", quality="high")
    assert settled(request, Usage(48, 0, output), 4, "aihubmix").cost == images * 167_000 + 48 * 5
    assert settled(request, None, 4, "aihubmix").cost == 4 * (167_000 + WORDS * 5)


@pytest.mark.parametrize("tokens", [1, 200, 1756, 10**6])
def test_a_table_price_counts_no_fewer_images_than_came(tokens: int) -> None:
    """What a model that nobody knows counts as tokens says little; three images are paid as three."""
    assert settled(ask("grok-imagine-image"), Usage(10, 0, tokens), 3, "xai", came=3).cost == 3 * 20_000


def test_a_model_under_its_vendors_name_is_the_one_that_was_asked() -> None:
    """A router echoes the name that it was given, though the catalogue knows another model by its second half."""
    asked = ask("google/gemini-2.5-flash-image")
    own = catalog.price_of("grok-imagine-image", catalog.provider("xai"))
    assert own
    router, usage = catalog.provider("openrouter"), Usage(10, 0, 1290)
    quote = pricing.quote(asked, 1, router, None, own)
    told = pricing.settle(asked, 1, router, None, own, usage, Echo("google/gemini-2.5-flash-image"), quote)
    assert (told.cost, told.flags) == (20_000, ())


@given(
    st.sampled_from(["low", "medium", "high"]),
    st.integers(1, 4),
    st.integers(0, 4),
    st.integers(0, 10**8),
    st.integers(0, 10**6),
)
def test_no_lie_makes_an_image_cheaper_than_it_can_be(quality: str, n: int, came: int, output: int, given: int) -> None:
    """Booked is what the usage says, and never less than the images that came cost at their fewest tokens."""
    request = ask("gpt-image-2", size="1024x1024", quality=quality)
    usage = Usage(given, 0, output, total=given + output)
    settlement = settled(request, usage, n, came=min(came, n))
    fewest = {"low": LOW, "medium": MEDIUM, "high": HIGH}[quality]
    assert settlement.cost >= given * 5 + output * 30
    assert settlement.cost >= min(came, n) * fewest * 30
    assert settlement.estimated == ("usage_implausible" in settlement.flags)
    if not settlement.estimated:
        assert settlement.cost == given * 5 + output * 30


@pytest.mark.parametrize("counts", list(itertools.permutations([1, 2, 4])))
def test_what_a_call_cost_does_not_depend_on_what_was_settled_before_it(counts: tuple[int, ...]) -> None:
    """One list of prices, and the same usage for one, two and four images."""
    asked = ask("gpt-image-1", size="1024x1024", quality="low")
    mine = PriceList(catalog.provider("openai"), Settings("s"))
    attempt = Attempt(
        id="a",
        run_id="r",
        job_key="k",
        job_id="j",
        request=asked,
        stems=Stems(("a-*",)),
        model="gpt-image-1",
        provider="openai",
        slots=(0, 1, 2, 3),
        quote=mine.quote(asked, 4),
    )
    for count in counts:
        alone = PriceList(mine.provider, mine.settings)
        brought = _brought(count, Usage(10, 0, 272, None, 282))
        assert mine.settle(attempt, brought) == alone.settle(attempt, brought)


def _brought(count: int, usage: Usage) -> Receipt:
    images = tuple(StoredImage(slot, f"images/a-{slot}.png", "0" * 64, 9, 1024, 1024, "png") for slot in range(count))
    return Receipt("a", Phase.COMPLETE, Verdict(Charge.YES, Remedy.NONE, "ok", ""), 200, images=images, usage=usage)
