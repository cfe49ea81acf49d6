"""What vendors and gateways print, against our arithmetic; the tolerance stands beside each row."""

from decimal import Decimal

import pytest

from batchgen import catalog, pricing
from batchgen.model import Model, Usage
from batchgen.pricing.tokens import drawn_tokens
from tests.catalog.factory import ask, output_tokens, quoted, row, settled

SIZES = ("1024x1024", "1024x1536", "1536x1024")
HALF_A_MIL = Decimal("0.0005")  # figures printed with three decimals
HALF_A_CENT = Decimal("0.005")  # figures printed with two

# model, quality, USD for square, portrait, landscape; the tolerance of the row
OFFICIAL = (
    ("gpt-image-1", "low", ("0.011", "0.016", "0.016"), HALF_A_MIL),
    ("gpt-image-1", "medium", ("0.042", "0.063", "0.063"), HALF_A_MIL),
    ("gpt-image-1", "high", ("0.167", "0.25", "0.25"), HALF_A_CENT),
    ("gpt-image-1.5", "low", ("0.009", "0.013", "0.013"), HALF_A_MIL),
    ("gpt-image-1.5", "medium", ("0.034", "0.05", "0.05"), Decimal("0.001")),
    ("gpt-image-1.5", "high", ("0.133", "0.2", "0.2"), HALF_A_CENT),
    ("gpt-image-2", "low", ("0.006", "0.005", "0.005"), HALF_A_MIL),
    ("gpt-image-2", "medium", ("0.053", "0.041", "0.041"), HALF_A_MIL),
    ("gpt-image-2", "high", ("0.211", "0.165", "0.165"), HALF_A_MIL),
)

# The mini model's printed prices do not follow from its rates; billing is by token, so our figure is the lower one.
MINI = (
    ("low", ("0.005", "0.006", "0.006")),
    ("medium", ("0.011", "0.015", "0.015")),
    ("high", ("0.036", "0.052", "0.052")),
)

# Prices of a reseller of gpt-image-2 at official rates: size, USD at low, medium, high; within a tenth of a cent.
RESOLD = (
    ("1024x768", ("0.005", "0.037", "0.145")),
    ("1024x1024", ("0.006", "0.053", "0.211")),
    ("1024x1536", ("0.005", "0.042", "0.165")),
    ("1920x1080", ("0.005", "0.04", "0.158")),
    ("2560x1440", ("0.007", "0.056", "0.222")),
    ("3840x2160", ("0.012", "0.101", "0.401")),
)

# Usages that were recorded: model, size, quality, output tokens; exact.
RECORDED = (
    ("gpt-image-1", "1024x1536", "high", 6240),
    ("gpt-image-1", "1024x1024", "high", 4160),
    ("gpt-image-1-mini", "1024x1024", "low", 272),
    ("gpt-image-2", "1024x1024", "low", 196),
    ("gpt-image-2", "1536x1024", "low", 158),
    ("gpt-image-2", "2560x1440", "low", 205),
    ("gpt-image-2", "1024x1024", "medium", 1756),
    ("gpt-image-2", "1024x1024", "high", 7024),
    ("gpt-image-2", "1024x1536", "high", 5488),
    ("gpt-image-2", "1792x1024", "high", 5063),
    ("gpt-image-2", "3584x2048", "high", 12329),
)


def dollars(model: str, size: str, quality: str) -> Decimal:
    """Say what the drawn tokens of one image cost."""
    found = catalog.find_model(model)
    assert found is not None
    assert found.price is not None
    assert found.price.tokens is not None
    return output_tokens(found, size, quality) * found.price.tokens.image_out / 1_000_000


@pytest.mark.parametrize(("model", "quality", "printed", "tolerance"), OFFICIAL)
def test_official_prices_per_image(model: str, quality: str, printed: tuple[str, ...], tolerance: Decimal) -> None:
    """Tokens times rate give the printed price of an image within the row's tolerance."""
    for size, price in zip(SIZES, printed, strict=True):
        assert abs(dollars(model, size, quality) - Decimal(price)) <= tolerance, size


@pytest.mark.parametrize(("quality", "printed"), MINI)
def test_the_mini_model_is_billed_by_token_and_not_by_its_printed_list(quality: str, printed: tuple[str, ...]) -> None:
    """The mini model's tokens cost less than its printed prices, by up to two thirds at low: a known mismatch."""
    for size, price in zip(SIZES, printed, strict=True):
        ratio = dollars("gpt-image-1-mini", size, quality) / Decimal(price)
        assert Decimal("0.4") < ratio < Decimal("0.97"), size


@pytest.mark.parametrize(("size", "printed"), RESOLD)
def test_resold_prices_of_flexible_sizes(size: str, printed: tuple[str, ...]) -> None:
    """The formula gives a reseller's eighteen prices within a tenth of a cent."""
    for quality, price in zip(("low", "medium", "high"), printed, strict=True):
        tokens = drawn_tokens("gpt-image-2", size, quality)
        assert tokens is not None
        assert abs(tokens * Decimal(30) / 1_000_000 - Decimal(price)) <= Decimal("0.001")


@pytest.mark.parametrize(("model", "size", "quality", "tokens"), RECORDED)
def test_recorded_usages(model: str, size: str, quality: str, tokens: int) -> None:
    """Every usage that somebody recorded comes out of the table or formula exactly."""
    found = catalog.find_model(model)
    assert found is not None
    assert output_tokens(found, size, quality) == tokens


def test_the_recorded_answer_of_a_guide_settles_at_its_tokens() -> None:
    """150 words' tokens in and 6240 out cost 0.25035 dollars at gpt-image-1's rates."""
    request = ask("gpt-image-1", size="1024x1536", quality="high", prompt="redesign poster of the movie, 2:3 portrait.")
    assert settled(request, Usage(150, 0, 6240, None, 6390)).cost == 250_350


def test_the_recorded_answer_of_a_reference_page_settles_at_its_tokens() -> None:
    """95 tokens in and 4160 out cost 0.166875 dollars at gpt-image-1's official rates."""
    request = ask("gpt-image-1", prompt="A diverse group of teenagers standing outdoors " * 9)
    assert settled(request, Usage(95, 0, 4160, None, 4255), provider="yescale").cost == 166_875


@pytest.mark.parametrize(
    ("quality", "square", "other"), [("low", 11_000, 16_000), ("medium", 42_000, 63_000), ("high", 167_000, 250_000)]
)
def test_aihubmix_bills_its_table_and_the_words_beside_it(quality: str, square: int, other: int) -> None:
    """An image costs what AIHubMix's table says, and its prompt 5 dollars per million tokens more."""
    for size, price in zip(SIZES, (square, other, other), strict=True):
        request = ask("gpt-image-1", size=size, quality=quality)
        words = pricing.text_tokens(request.prompt) * 5
        assert quoted(request, provider="aihubmix").expected == price + words
        assert quoted(request, 3, provider="aihubmix").expected == 3 * (price + words)


@pytest.mark.parametrize(
    ("quality", "square", "other"), [("low", 5_000, 6_000), ("medium", 11_000, 15_000), ("high", 36_000, 52_000)]
)
def test_apiyi_bills_the_cheaper_of_tokens_and_table(quality: str, square: int, other: int) -> None:
    """Short prompts are cheaper by token and very long ones by image: APIYI charges the lower of the two."""
    for size, price in zip(SIZES, (square, other, other), strict=True):
        short = quoted(ask("gpt-image-1", size=size, quality=quality), provider="apiyi")
        assert short.expected < price
        long = quoted(ask("gpt-image-1", size=size, quality=quality, prompt="word " * 6000), provider="apiyi")
        assert long.expected == price


def test_apiyi_by_token_is_as_printed() -> None:
    """At APIYI a high square of gpt-image-1 is 4160 tokens at 8 dollars, and its words at 2.50, per million."""
    request = ask("gpt-image-1", size="1024x1024", quality="high")
    words = pricing.text_tokens(request.prompt)
    assert quoted(request, provider="apiyi").expected == -(-(words * 25 + 4160 * 80) // 10)


@pytest.mark.parametrize(
    ("provider", "model", "n", "cost"),
    [
        ("apiyi", "sora_image", 1, 10_000),
        ("laozhang", "sora_image", 1, 10_000),
        ("apiyi", "gpt-image-2-all", 1, 30_000),
        ("apiyi", "gpt-image-2.6-all", 4, 100_000),
        ("laozhang", "gpt-image-2", 1, 30_000),
        ("laozhang", "gpt-image-2-vip", 1, 30_000),
        ("laozhang", "gpt-image-2.6-sunburst-vip", 1, 30_000),
        ("laozhang", "gpt-image-2.5-web", 1, 30_000),
    ],
)
def test_flat_prices_leave_no_choice(provider: str, model: str, n: int, cost: int) -> None:
    """A price per call or per image is low, expected and high at once, and what is settled without usage."""
    quote = quoted(ask(model), n, provider)
    assert (quote.low, quote.expected, quote.high) == (cost, cost, cost)
    assert settled(ask(model), None, n, provider).cost == cost


@pytest.mark.parametrize("model", [m for m in catalog.models() if m.batch], ids=lambda m: m.name)
def test_the_batch_api_costs_half(model: Model) -> None:
    """Every rate of the Batch API is half the list's."""
    assert model.batch is not None
    assert model.price is not None
    assert model.price.tokens is not None
    for kind in ("text_in", "image_in", "image_out", "text_out"):
        assert getattr(model.batch, kind) * 2 == getattr(model.price.tokens, kind)


def test_a_batch_quote_is_half_of_a_sync_quote() -> None:
    """The same request at the batch price costs half, and a gateway has no Batch API."""
    request = ask("gpt-image-2", size="1024x1024", quality="high")
    price = catalog.batch_price("gpt-image-2", catalog.provider("openai"))
    assert price is not None
    half = pricing.quote(request, 4, catalog.provider("openai"), catalog.find_model("gpt-image-2"), price)
    assert half.expected * 2 == pytest.approx(quoted(request, 4).expected, abs=2)
    assert catalog.batch_price("gpt-image-2", catalog.provider("apiyi")) is None
    assert catalog.batch_price("gpt-image-2.6-flare", catalog.provider("openai")) is None


def test_the_mock_charges_the_official_list() -> None:
    """A rehearsal against the mock costs what OpenAI would charge, for every model it has."""
    for name in catalog.provider("openai").models:
        ours, theirs = row(ask(name), "mock"), row(ask(name), "openai")
        assert (ours.tokens, ours.multiplier, ours.assumed) == (theirs.tokens, theirs.multiplier, False)
