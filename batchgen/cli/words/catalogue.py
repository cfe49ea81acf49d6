"""The catalogue for people: models and providers with prices and dates."""

from collections.abc import Sequence
from decimal import Decimal

from batchgen.cli.words.table import number, table, text
from batchgen.model.provider import FixedSizes, FlexibleSizes, Model, Price, Provider

_MODEL = (
    text("model"),
    text("status", 48),
    text("sizes"),
    text("qualities"),
    number("text in"),
    number("image in"),
    number("image out"),
    number("batch out"),
    text("prices of"),
)
_PROVIDER = (
    text("provider"),
    text("address"),
    text("key variable"),
    text("default model"),
    text("does"),
    number("most n"),
    text("prices"),
    text("prices of"),
)


def models(known: Sequence[Model]) -> str:
    """Known models; token prices are dollars per million tokens."""
    return (
        table(_MODEL, (_model(model) for model in known)) + "\nPrices in USD per million tokens, as of their dates.\n"
    )


def _model(model: Model) -> tuple[str, ...]:
    tokens = model.price.tokens if model.price else None
    prices = (tokens.text_in, tokens.image_in, tokens.image_out) if tokens else (None, None, None)
    return (
        model.name,
        life(model),
        _sizes(model.sizes),
        " ".join(model.qualities),
        *(_usd(price) for price in prices),
        _usd(model.batch.image_out if model.batch else None),
        _dated(model.price),
    )


def life(model: Model) -> str:
    """Life span in a few words: `live since 2026-09-08`, `shut down 2026-12-01, use gpt-image-2`."""
    if model.shutdown:
        instead = f", use {model.successor}" if model.successor else ""
        return f"{model.status}, shut down {model.shutdown}{instead}"
    return f"{model.status} since {model.released}" if model.released else model.status


def _sizes(sizes: FixedSizes | FlexibleSizes) -> str:
    return " ".join(sizes.sizes) if isinstance(sizes, FixedSizes) else f"any, edges a multiple of {sizes.multiple}"


def _usd(price: Decimal | None) -> str:
    return "-" if price is None else f"${price.normalize():f}"


def _dated(price: Price | None) -> str:
    if price is None or price.as_of is None:
        return "-"
    return f"{price.as_of} (assumed)" if price.assumed else str(price.as_of)


def providers(known: Sequence[Provider]) -> str:
    """Known providers; whose prices they bill and when those were read."""
    return table(_PROVIDER, (_provider(provider) for provider in known))


def _provider(provider: Provider) -> tuple[str, ...]:
    return (
        provider.name,
        "embedded" if provider.embedded else provider.base_url or "-",
        provider.key_variable or "-",
        provider.default_model,
        " ".join(sorted(provider.operations)),
        str(provider.max_n),
        "its own" if provider.prices else "official list, assumed",
        str(provider.as_of or "-"),
    )
