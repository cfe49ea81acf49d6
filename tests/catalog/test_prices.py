"""Whose price counts, and how old it is."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from batchgen import catalog
from batchgen.catalog import prices
from batchgen.model import Price, TokenPrices
from tests.catalog.factory import TODAY, ask, row

OWN = Price(tokens=TokenPrices(Decimal(1), Decimal(2), Decimal(3)), source="the user's own")


def test_the_users_own_price_wins() -> None:
    """A price in the manifest stands above the provider's row and the official list."""
    for provider in catalog.providers():
        assert catalog.price_of("gpt-image-2", provider, {"gpt-image-2": OWN}) is OWN
        assert catalog.price_of("gpt-image-2-2026-04-21", provider, [("gpt-image-2", OWN)]) is OWN
        assert catalog.price_of("no-such-model", provider, {"no-such-model": OWN}) is OWN


def test_the_providers_row_stands_above_the_official_list() -> None:
    """APIYI and AIHubMix bill gpt-image-1 by their own tables."""
    apiyi, hub = row(ask("gpt-image-1"), "apiyi"), row(ask("gpt-image-1"), "aihubmix")
    assert apiyi.cheaper_of
    assert not hub.cheaper_of
    assert not apiyi.assumed
    assert "apiyi price table, gpt-image-1" in apiyi.source


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("laozhang", "gpt-image-1"),
        ("yescale", "gpt-image-1"),
        ("aihubmix", "gpt-image-2.5-flare"),
        ("apiyi", "gpt-image-1-mini"),
    ],
)
def test_a_gateway_without_a_row_is_taken_to_charge_the_official_list(provider: str, model: str) -> None:
    """The list price is assumed, marked and named as such."""
    official, assumed = row(ask(model)), row(ask(model), provider)
    assert assumed.tokens == official.tokens
    assert (official.assumed, assumed.assumed) == (False, True)
    assert assumed.source == f"OpenAI list of 2026-11-20, {model}, assumed for {provider}"


@pytest.mark.parametrize("model", ["no-such-model", "dall-e-2", "dall-e-3", "gpt-image-2-all", "sora_image"])
def test_an_unpriced_model_has_no_price(model: str) -> None:
    """Nobody states what it costs at OpenAI, so nothing can be reserved."""
    assert catalog.price_of(model, catalog.provider("openai")) is None


def test_every_named_model_of_a_provider_has_a_price() -> None:
    """No provider sells under a name that could not be priced."""
    for provider in catalog.providers():
        for name in (*provider.models, provider.default_model):
            assert catalog.price_of(name, provider) is not None, (provider.name, name)


@pytest.mark.parametrize(("days", "old"), [(-1, False), (0, False), (60, False), (61, True), (500, True)])
def test_a_price_older_than_sixty_days_is_named_with_its_date(days: int, old: bool) -> None:
    """Sixty days are fine, sixty-one are told, with the row and its day."""
    price, today = row(ask("gpt-image-2")), TODAY + timedelta(days=days)
    assert prices.stale(price, today) is old
    said = catalog.stale_warning(price, today)
    assert (said is not None) is old
    if said:
        assert "openai price table, gpt-image-2" in said
        assert f"2026-11-20, {days} days ago" in said


def test_a_price_without_a_date_is_never_old() -> None:
    """The user's own price needs no date."""
    assert not prices.stale(OWN, TODAY)
    assert catalog.stale_warning(replace(OWN, as_of=None), TODAY) is None
