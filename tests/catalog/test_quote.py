"""What a call may cost before it is made."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import catalog, pricing
from batchgen.catalog import prices
from batchgen.catalog.sizes import extremes
from batchgen.ledger import Counted, History
from batchgen.model import (
    Echo,
    FileImage,
    FixedSizes,
    ImageRequest,
    InputImage,
    JobImage,
    Model,
    Price,
    Provider,
    Settings,
    UrlImage,
    Usage,
)
from batchgen.money import MicroUSD
from batchgen.pricing import PriceList
from tests.catalog.factory import PROMPT, ask, image, output_tokens, quoted, row

PRICED = [
    (provider, model)
    for provider in catalog.providers()
    for name in provider.models
    if (model := catalog.find_model(name)) and catalog.price_of(name, provider)
]
INPUTS = st.one_of(
    st.builds(image, st.integers(1, 5000), st.integers(1, 5000)),
    st.just(UrlImage("https://example.com/chair.png")),
    st.just(JobImage("cat", 0)),
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[Provider, Model, ImageRequest, int, tuple[str, str]]:
    """Return a call at a provider, and a size and quality that its answer may have."""
    provider, model = draw(st.sampled_from(PRICED))
    own = (
        model.sizes.sizes if isinstance(model.sizes, FixedSizes) else (*extremes(model.sizes), "1536x1024", "1024x1024")
    )
    size = draw(st.sampled_from(["auto", None, *own]))
    qualities = [quality for quality in model.qualities if quality != "auto"]
    quality = draw(st.sampled_from(["auto", None, *qualities]))
    params: dict[str, Any] = {k: v for k, v in (("size", size), ("quality", quality)) if v}
    fidelity = draw(st.sampled_from(["", *model.input_fidelity]))
    if fidelity:
        params["input_fidelity"] = fidelity
    images: list[InputImage] = draw(st.lists(INPUTS, max_size=4))
    request = ask(model.name, *images, prompt=draw(st.text(min_size=1, max_size=200)), **params)
    drawn_size = draw(st.sampled_from(own)) if size in {"auto", None} else str(size)
    assumed = dict(provider.defaults).get("quality", "auto") if quality is None else quality
    free = assumed == "auto" and bool(qualities)
    drawn_quality = draw(st.sampled_from(qualities)) if free else str(assumed)
    return provider, model, request, draw(st.integers(1, 10)), (drawn_size, drawn_quality)


@given(calls())
def test_low_is_at_most_expected_and_expected_at_most_high(
    call: tuple[Provider, Model, ImageRequest, int, tuple[str, str]],
) -> None:
    """The three figures of a quote stand in order and are never nothing."""
    provider, model, request, n, _ = call
    quote = pricing.quote(request, n, provider, model, row(request, provider.name))
    assert 0 < quote.low <= quote.expected <= quote.high


@given(calls(), st.data())
def test_no_answer_that_was_asked_for_costs_more_than_high(
    call: tuple[Provider, Model, ImageRequest, int, tuple[str, str]], data: st.DataObject
) -> None:
    """Whatever legal size and quality come back, told or untold, counted or not, `high` bounds what is settled."""
    provider, model, request, n, (size, quality) = call
    price = row(request, provider.name)
    quote = pricing.quote(request, n, provider, model, price)
    try:
        each = output_tokens(model, size, quality)
    except ValueError:
        each = 1
    images = data.draw(st.integers(1, n))
    words = data.draw(st.integers(1, pricing.text_tokens_bound(request.prompt)))
    fidelity = request.param("input_fidelity")
    seen = sum(
        pricing.input_tokens(model, i.width, i.height, fidelity) if isinstance(i, FileImage) else 194
        for i in request.images
    )
    usage = data.draw(st.sampled_from([None, Usage(words * n, seen * n, each * images, None, None)]))
    echo = data.draw(st.sampled_from([Echo(), Echo(size=size, quality=quality)]))
    settlement = pricing.settle(request, n, provider, model, price, usage, echo, quote)
    assert 0 < settlement.cost <= quote.high
    assert "price_too_low" not in settlement.flags


def test_a_plain_request_leaves_only_its_words_open() -> None:
    """With size and quality given, low and expected are one figure, and high adds the bytes of the prompt."""
    quote = quoted(ask("gpt-image-2", size="1024x1024", quality="high"))
    words = pricing.text_tokens(PROMPT)
    assert quote.low == quote.expected == words * 5 + 7024 * 30
    assert quote.high == pricing.text_tokens_bound(PROMPT) * 5 + 7024 * 30
    assert (quote.input_tokens, quote.output_tokens) == (words, 7024)


def test_n_images_cost_n_times_with_their_input() -> None:
    """Input counts once for every image of a call."""
    request = ask("gpt-image-2", image(), size="1024x1024", quality="low")
    one, four = quoted(request), quoted(request, 4)
    assert four.expected == 4 * one.expected
    assert four.input_tokens == 4 * one.input_tokens


def test_auto_spans_from_the_cheapest_to_the_dearest_image() -> None:
    """Without size and quality: 1440x480 at low, a square at medium, 2880x2880 at max."""
    quote, words = quoted(ask("gpt-image-2.5-flare")), pricing.text_tokens(PROMPT)
    assert quote.low == words * 5 + 54 * 30
    assert quote.expected == words * 5 + 439 * 30
    assert quote.high == pricing.text_tokens_bound(PROMPT) * 5 + 23719 * 30


def test_a_provider_that_draws_high_by_default_is_quoted_at_high() -> None:
    """YEScale assumes high where nothing is asked; the others leave it to the model."""
    assert quoted(ask("gpt-image-1", size="1024x1024"), provider="yescale").low >= 4160 * 40
    assert quoted(ask("gpt-image-1", size="1024x1024"), provider="aihubmix").low < 4160 * 40


def test_words_of_the_first_generation_are_understood() -> None:
    """`standard` is priced as medium and `hd` as high."""
    for word, quality in (("standard", "medium"), ("hd", "high")):
        theirs = quoted(ask("gpt-image-1", size="1024x1024", quality=word), provider="laozhang")
        ours = quoted(ask("gpt-image-1", size="1024x1024", quality=quality), provider="laozhang")
        assert theirs == ours


def test_a_reference_image_of_known_pixels_is_counted_exactly() -> None:
    """A file's pixels decide its tokens by the model's rule."""
    with_it = quoted(ask("gpt-image-2", image(1179, 2556), size="1024x1024", quality="low"))
    without = quoted(ask("gpt-image-2", size="1024x1024", quality="low"))
    assert with_it.expected - without.expected == 1482 * 8
    assert with_it.high - without.high == 1482 * 8


@pytest.mark.parametrize(
    ("image", "most"),
    [(UrlImage("https://example.com/a.png"), 1536), (JobImage("cat", 0), 1536), (JobImage("cat"), 16 * 1536)],
)
def test_a_reference_image_of_unknown_pixels_is_bound_by_the_dearest(image: InputImage, most: int) -> None:
    """An address or another job's image is expected as 1024x1024 and reserved as the dearest there is."""
    with_it = quoted(ask("gpt-image-2", image, size="1024x1024", quality="low"))
    without = quoted(ask("gpt-image-2", size="1024x1024", quality="low"))
    assert with_it.expected - without.expected == 1024 * 8
    assert with_it.high - without.high == most * 8


def test_high_fidelity_is_reserved_unless_low_is_asked() -> None:
    """The first family's inputs may be read at high fidelity; asking for low rules that out."""
    open_one = quoted(ask("gpt-image-1", image(), size="1024x1024", quality="low"))
    low_one = quoted(ask("gpt-image-1", image(), size="1024x1024", quality="low", input_fidelity="low"))
    high_one = quoted(ask("gpt-image-1", image(), size="1024x1024", quality="low", input_fidelity="high"))
    assert open_one.expected == low_one.expected == high_one.expected - 4160 * 10
    assert open_one.high == high_one.high == low_one.high + 4160 * 10


def test_a_mask_is_reserved_and_not_expected() -> None:
    """Nobody says that a mask is billed, so it counts only in the upper bound."""
    bare = quoted(ask("gpt-image-2", image(), size="1024x1024", quality="low"))
    masked = quoted(ask("gpt-image-2", image(), mask=image(), size="1024x1024", quality="low"))
    assert masked.expected == bare.expected
    assert masked.high == bare.high + 1024 * 8


def test_history_moves_the_expected_cost() -> None:
    """The median of earlier images is what is expected of the next, below the table's price too, never above high."""
    request = ask("gpt-image-2.6-flare", size="1024x1024", quality="low")
    plain = quoted(request, 2)
    assert quoted(request, 2, history=12_000).expected == 24_000
    cheap = quoted(request, 2, history=1)
    assert (cheap.low, cheap.expected, cheap.high) == (2, 2, plain.high)
    assert quoted(request, 2, history=10**9).expected == plain.high
    assert (quoted(request, 2, history=12_000).low, quoted(request, 2, history=12_000).high) == (plain.low, plain.high)


def test_history_knows_nothing_of_images_sent_along() -> None:
    """What they cost is added to the median of images that were drawn from words alone."""
    words = ask("gpt-image-2", size="1024x1024", quality="low")
    edit = ask("gpt-image-2", image(), size="1024x1024", quality="low")
    more = quoted(edit, 2).expected - quoted(words, 2).expected
    assert more > 0
    assert quoted(edit, 2, history=6000).expected == pytest.approx(12_000 + more, abs=1)


@pytest.mark.parametrize("times", [1, 2, Decimal("0.25")])
def test_what_is_expected_of_earlier_calls_is_their_tokens_at_the_price_of_today(times: Decimal) -> None:
    """A price that changed changes it at once; images are as dear in tokens as they were."""
    request = ask("gpt-image-2", size="1024x1024", quality="low")
    price = row(request)
    assert price.tokens
    rates = price.tokens
    tokens = replace(
        rates, **{name: times * getattr(rates, name) for name in ("text_in", "image_in", "image_out", "text_out")}
    )
    settings = Settings("s", prices=(("gpt-image-2", replace(price, tokens=tokens)),))
    past = History(9, MicroUSD(7_777), MicroUSD(7_777), 1.0, 1.0, Counted(MicroUSD(1), 1, 20, 150, 0))
    found = PriceList(catalog.provider("openai"), settings, lambda *_kind: past).quote(request, 2)
    assert found.expected == 2 * math.ceil(times * (20 * rates.text_in + 150 * rates.image_out))


def test_a_model_nobody_knows_is_quoted_at_the_users_price() -> None:
    """With a price of the user's own an unknown model has a quote, at the dearest token counts."""
    provider, request = catalog.provider("openai"), ask("dream-9", size="1024x1024", quality="high")
    assert catalog.price_of("dream-9", provider) is None
    flat = Price(per_image=prices.flat(Decimal("0.04")))
    assert pricing.quote(request, 3, provider, None, flat).high == 120_000
    tokens = Price(tokens=row(ask("gpt-image-2")).tokens)
    assert pricing.quote(request, 1, provider, None, tokens).expected > 7024 * 30


@pytest.mark.parametrize("quality", ["ultra", "low; DROP TABLE", ""])
@pytest.mark.parametrize("size", ["0x0", "7x7", "99999x99999", "big", "16:9", "1024X1024"])
def test_nonsense_is_quoted_and_never_crashes(size: str, quality: str) -> None:
    """What `check` will refuse still has an ordered quote."""
    for provider, model in (("openai", "gpt-image-2"), ("openai", "gpt-image-1"), ("apiyi", "gpt-image-1")):
        quote = quoted(ask(model, size=size, quality=quality), provider=provider)
        assert 0 < quote.low <= quote.expected <= quote.high


def test_streamed_partials_are_reserved() -> None:
    """Every partial image of a stream adds a hundred output tokens."""
    plain = quoted(ask("gpt-image-2", size="1024x1024", quality="low"))
    partial = quoted(ask("gpt-image-2", size="1024x1024", quality="low", partial_images="3"))
    assert partial.high - plain.high == 300 * 30
