"""Tokens and money come out as the vendor and the gateways publish them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from batchgen.mock.bill import Used, charge, used
from batchgen.mock.form import Upload
from batchgen.mock.models import MODELS, RESOLD, patches, size_complaint, tiles
from batchgen.mock.resolved_request import InputImage, Kind, ResolvedRequest


def resolved(model: str, quality: str = "high", width: int = 1024, height: int = 1024, n: int = 1) -> ResolvedRequest:
    """Return a resolved request for images."""
    found = MODELS.get(model) or RESOLD[model]
    return ResolvedRequest(Kind.GENERATE, found, "A lamp", n, n, width, height, quality, "png", "png")


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-image-1", (1024, 1024), (272, 1056, 4160)),
        ("gpt-image-1-mini", (1024, 1536), (408, 1584, 6240)),
        ("gpt-image-1.5", (1536, 1024), (400, 1568, 6208)),
        ("gpt-image-2", (1024, 1024), (196, 1756, 7024)),
        ("gpt-image-2", (3840, 2160), (371, 3336, 13342)),
        ("gpt-image-2", (1440, 480), (54, 517, 2067)),
        ("gpt-image-2.5-flare", (1024, 1024), (196, 439, 1756, 3122, 7024)),
        ("gpt-image-2.5-sunburst", (1024, 1536), (158, 343, 1372, 2459, 5488)),
        ("gpt-image-2.5-flare", (2560, 1440), (205, 478, 1843, 3276, 7370)),
        ("gpt-image-2.6-flare", (1024, 1024), (980, 2195, 1756, 3122, 7024)),
    ],
)
def test_an_image_has_the_published_tokens(model: str, size: tuple[int, int], tokens: tuple[int, ...]) -> None:
    """Table for the first family, formula for the later ones, low to dearest."""
    known = MODELS[model]
    assert tuple(known.output_tokens(quality, *size) for quality in known.qualities) == tokens


def test_reference_images_have_the_recorded_tokens() -> None:
    """Patches of 32 pixels as in recorded usage; tiles of 512 as in the vendor's guide."""
    sizes = [(1024, 1024), (1536, 1024), (512, 512), (341, 512), (1179, 2556)]
    assert [patches(*size) for size in sizes] == [1024, 1536, 1024, 704, 1482]
    assert [patches(*size) for size in [(256, 256), (1000, 200), (3000, 500)]] == [256, 352, 1536]
    assert [tiles(*size) for size in [(1024, 1024), (1536, 1024), (4096, 4096), (300, 400)]] == [194, 323, 194, 194]
    assert MODELS["gpt-image-1"].input_tokens(1024, 1024, "high") == 194 + 4160
    assert MODELS["gpt-image-1"].input_tokens(1024, 1536, "high") == 323 + 6240


@pytest.mark.parametrize(
    ("dialect", "model", "quality", "size", "micro_usd"),
    [
        ("openai", "gpt-image-1", "high", (1024, 1024), 4160 * 40 + 10 * 5),
        ("openai", "gpt-image-1-mini", "low", (1024, 1024), 272 * 8 + 10 * 2),
        ("openai", "gpt-image-2", "medium", (1024, 1024), 1756 * 30 + 50),
        ("apiyi", "gpt-image-1", "low", (1024, 1024), 272 * 8 + 25),
        ("apiyi", "gpt-image-1", "high", (1024, 1024), 4160 * 8 + 25),
        ("apiyi", "gpt-image-1", "medium", (1024, 1024), 1056 * 8 + 25),
        ("apiyi", "gpt-image-2-all", "high", (1024, 1024), 30_000),
        ("apiyi", "gpt-image-2.6-all", "high", (1024, 1024), 25_000),
        ("apiyi", "sora_image", "medium", (1024, 1024), 10_000),
        ("laozhang", "gpt-image-2", "high", (1024, 1024), 30_000),
        ("laozhang", "gpt-image-2.6-flare-vip", "high", (1024, 1024), 30_000),
        ("laozhang", "gpt-image-1", "high", (1024, 1024), 4160 * 40 + 50),
        ("aihubmix", "gpt-image-1", "high", (1024, 1536), 250_000 + 50),
        ("aihubmix", "gpt-image-1", "low", (1024, 1024), 11_000 + 50),
        ("yescale", "gpt-image-1", "high", (1024, 1024), 4160 * 40 + 50),
    ],
)
def test_a_provider_charges_its_own_table(
    dialect: str, model: str, quality: str, size: tuple[int, int], micro_usd: int
) -> None:
    """Ten text tokens and one image, in micro-dollars."""
    asked = resolved(model, quality, *size)
    output = asked.model.output_tokens(quality, *size)
    assert charge(asked, Used(10, 0, output), dialect) == micro_usd


def test_apiyi_applies_the_cheaper_way_of_billing() -> None:
    """By the image when the prompt makes tokens dear, by token otherwise."""
    asked = resolved("gpt-image-1", "low")
    assert charge(asked, Used(10_000, 0, 272), "apiyi") == 5000
    assert charge(asked, Used(10, 0, 272), "apiyi") == 2201


def test_input_counts_for_every_image_asked_and_output_for_every_one_delivered() -> None:
    """Images of one call bill as n requests would; what moderation withheld has no output."""
    one = used(resolved("gpt-image-2"))
    four = used(replace(resolved("gpt-image-2", n=4), deliver=3))
    assert (four.text, four.output) == (4 * one.text, 3 * one.output)


def test_reference_images_count_for_every_image_asked() -> None:
    """Two images drawn from one reference image read it twice."""
    seen = (InputImage(Upload(b""), 1024, 1024),)
    assert used(replace(resolved("gpt-image-2", n=2), images=seen)).image == 2048


def test_a_price_factor_is_reported_and_charged() -> None:
    """Three times the tokens make three times the money."""
    asked = resolved("gpt-image-2")
    once, thrice = used(asked), used(asked, Decimal(3))
    assert thrice.output == 3 * once.output
    assert charge(asked, thrice, "openai", Decimal(3)) == 3 * charge(asked, once, "openai")
    assert charge(resolved("gpt-image-2-all"), once, "apiyi", Decimal(3)) == 90_000


@pytest.mark.parametrize("size", [(1024, 1024), (3840, 2160), (1440, 480), (976, 704)])
def test_a_legal_size_has_no_complaint(size: tuple[int, int]) -> None:
    """The edges of the rules are legal."""
    assert size_complaint(*size) is None
