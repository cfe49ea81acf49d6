"""The catalogue for people: models and providers with prices and dates."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from batchgen.cli.render.table import number, paragraph, remark, table, text
from batchgen.model.provider import FixedSizes, FlexibleSizes, ImageTable, Model, Price, Provider

_TOKENS = (number("text in"), number("image in"), number("image out"))
_MODEL = (text("model"), *_TOKENS, number("text out"), text("as of"), remark(""))
_PROVIDER = (text("provider"), text("address"), text("key variable"), number("most n"), text("as of"), remark(""))
_PRICE = (text("provider"), text("model"), *_TOKENS, number("an image"), remark(""))
_OVER = ("shut_down", "retired")
_UNIT = "Token prices are USD per million tokens."


def models(known: Sequence[Model]) -> str:
    """Known models with the prices of their vendor."""
    unlisted = "Models without a list price are billed by their providers: see batchgen providers.\n"
    return f"{table(_MODEL, map(_model, known))}\n{_UNIT}\n{paragraph(unlisted.strip())}"


def _model(model: Model) -> tuple[str, ...]:
    about = "; ".join(part for part in (life(model), _sizes(model.sizes), " ".join(model.qualities)) if part)
    price = model.price or Price()
    return (
        model.name,
        *_by_token(price),
        _usd_of(price.tokens.text_out if price.tokens else None),
        _dated(model.price),
        about,
    )


def _by_token(price: Price) -> tuple[str, str, str]:
    """The token prices that the provider really takes."""
    tokens = price.tokens
    if tokens is None:
        return "-", "-", "-"
    text_in, image_in, image_out = (
        _usd_of(amount * price.multiplier) for amount in (tokens.text_in, tokens.image_in, tokens.image_out)
    )
    return text_in, image_in, image_out


def _usd_of(amount: Decimal | None) -> str:
    return _usd(amount) if amount else "-"


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


def _by_image_or_call(price: Price) -> str:
    if price.per_image:
        return _by_image(price.per_image)
    return "-" if price.per_call is None else f"{_usd(price.per_call)} a call"


def _fine_print(price: Price) -> str:
    """What the figures of a price leave open."""
    parts = (
        "charges the cheaper of both" if price.cheaper_of else "",
        f"text out {_usd(price.tokens.text_out * price.multiplier)}" if price.tokens and price.tokens.text_out else "",
        "assumed: the provider states none" if price.assumed else "",
    )
    return ", ".join(part for part in parts if part)


def _by_image(prices: ImageTable) -> str:
    amounts = sorted(amount for _, sizes in prices for _, amount in sizes)
    least, most = _usd(amounts[0]), _usd(amounts[-1])
    return least if least == most else f"{least}-{most[1:]}"


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
    return f"{table(_PROVIDER, map(_provider, known))}\n{prices}\n{_UNIT}\n"


def _provider(provider: Provider) -> tuple[str, ...]:
    does = f"draws with {provider.default_model} unless told otherwise; {', '.join(sorted(provider.operations))}"
    return (
        provider.name,
        "embedded" if provider.embedded else provider.base_url or "-",
        provider.key_variable or "-",
        str(provider.max_n),
        str(provider.as_of or "-"),
        does,
    )


def _prices(provider: Provider) -> Iterator[tuple[str, ...]]:
    for model, price in provider.prices:
        older = f"as of {price.as_of}" if price.as_of and price.as_of != provider.as_of else ""
        fine = ", ".join(part for part in (_fine_print(price), older) if part)
        yield provider.name, model, *_by_token(price), _by_image_or_call(price), fine
    if not provider.prices:
        yield provider.name, "*", "-", "-", "-", "-", "the official list (assumed)"
