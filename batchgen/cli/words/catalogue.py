"""The catalogue for people: models and providers with prices and dates."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from batchgen.cli.words.table import number, table, text
from batchgen.model.provider import FixedSizes, FlexibleSizes, ImageTable, Model, Price, Provider, TokenPrices

_MODEL = (text("model"), text("official price", 90), text("as of"), text("life", 70), text("sizes"), text("qualities"))
_PROVIDER = (
    text("provider"),
    text("address"),
    text("key variable"),
    text("default model"),
    text("does"),
    number("most n"),
    text("as of"),
)
_PRICE = (text("provider"), text("model"), text("price", 120), text("as of"))
_OVER = ("shut_down", "retired")


def models(known: Sequence[Model]) -> str:
    """Known models with the prices of their vendor."""
    return table(_MODEL, (_model(model) for model in known)) + "\nToken prices are USD per million tokens.\n"


def _model(model: Model) -> tuple[str, ...]:
    price = price_words(model.price) if model.price else "no list price; see batchgen providers"
    return model.name, price, _dated(model.price), life(model), _sizes(model.sizes), " ".join(model.qualities)


def life(model: Model) -> str:
    """Life span in a few words: `live since 2026-09-08`, `deprecated, shuts down 2026-12-01, then gpt-image-2`."""
    instead = f", then {model.successor}" if model.successor else ""
    if model.shutdown and model.status in _OVER:
        return f"shut down {model.shutdown}{instead}"
    if model.shutdown:
        return f"{model.status}, shuts down {model.shutdown}{instead}"
    return f"{model.status} since {model.released}" if model.released else model.status


def _sizes(sizes: FixedSizes | FlexibleSizes) -> str:
    return " ".join(sizes.sizes) if isinstance(sizes, FixedSizes) else f"any multiple of {sizes.multiple}"


def price_words(price: Price) -> str:
    """How a model is billed: by token, by picture, by call; `assumed` when the provider does not say."""
    parts = list(_parts(price))
    words = f"the cheaper of {' and '.join(parts)}" if price.cheaper_of else " + ".join(parts)
    return f"{words or 'unknown'} (assumed)" if price.assumed else words or "unknown"


def _parts(price: Price) -> Iterator[str]:
    if price.tokens:
        factor = "" if price.multiplier == 1 else f", times {price.multiplier.normalize():f}"
        yield _tokens(price.tokens) + factor
    if price.per_image:
        yield _by_picture(price.per_image)
    if price.per_call is not None:
        yield f"{_usd(price.per_call)} a call"


def _tokens(prices: TokenPrices) -> str:
    named = (
        ("text in", prices.text_in),
        ("image in", prices.image_in),
        ("image out", prices.image_out),
        ("text out", prices.text_out),
    )
    return ", ".join(f"{name} {_usd(amount)}" for name, amount in named if amount)


def _by_picture(prices: ImageTable) -> str:
    amounts = sorted(amount for _, sizes in prices for _, amount in sizes)
    least, most = _usd(amounts[0]), _usd(amounts[-1])
    return f"{least} a picture" if least == most else f"{least} to {most} a picture"


def _usd(amount: Decimal) -> str:
    """Dollars with at least two decimals and all that are stated."""
    plain = f"{amount.normalize():f}"
    whole, _, fraction = plain.partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"


def _dated(price: Price | None) -> str:
    return str(price.as_of) if price and price.as_of else "-"


def providers(known: Sequence[Provider]) -> str:
    """Known providers, then what each bills."""
    prices = table(_PRICE, (row for provider in known for row in _prices(provider)))
    return f"{table(_PROVIDER, map(_provider, known))}\n{prices}\nToken prices are USD per million tokens.\n"


def _provider(provider: Provider) -> tuple[str, ...]:
    return (
        provider.name,
        "embedded" if provider.embedded else provider.base_url or "-",
        provider.key_variable or "-",
        provider.default_model,
        " ".join(sorted(provider.operations)),
        str(provider.max_n),
        str(provider.as_of or "-"),
    )


def _prices(provider: Provider) -> Iterator[tuple[str, ...]]:
    for model, price in provider.prices:
        yield provider.name, model, price_words(price), _dated(price)
    if not provider.prices:
        yield provider.name, "*", "the official list (assumed)", "-"
