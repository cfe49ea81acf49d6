"""What a model costs at a provider: the user's own price first, then the provider's row, then the official list."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from batchgen.catalog import form
from batchgen.catalog.models import find_model, token_prices
from batchgen.model import ImageTable, Price, Provider, TokenPrices
from batchgen.yaml_tree import Node

STALE_DAYS = 60
ANY = "*"

# The user's own prices by model name.
Overrides = Mapping[str, Price] | Iterable[tuple[str, Price]]


def price_of(model_name: str, provider: Provider, overrides: Overrides = ()) -> Price | None:
    """Return the price of a model, None when nobody states one (the caller refuses to spend then).

    A provider without a row of its own for a model is taken to charge the official list, marked `assumed`.
    """
    model = find_model(model_name)
    names = (model_name, model.name) if model else (model_name,)
    for stated in (dict(overrides), dict(provider.prices)):
        for name in names:
            if name in stated:
                return stated[name]
    if not provider.models and ANY in dict(provider.prices):
        return dict(provider.prices)[ANY]
    if model is None or model.price is None:
        return None
    return replace(model.price, assumed=True, source=f"{model.price.source}, assumed for {provider.name}")


def batch_price(model_name: str, provider: Provider, overrides: Overrides = ()) -> Price | None:
    """Return the price in the vendor's half-price Batch API, None where provider or model have none.

    Of a price that the user or the provider's own file states, it is the half.
    """
    model = find_model(model_name)
    if not provider.batch:
        return None
    price = price_of(model_name, provider, overrides)
    official = model is not None and price is not None and model.price is not None and _same(price, model.price)
    if price is not None and not official:
        return _half(price)
    if model is None or model.batch is None:
        return None
    as_of = model.price.as_of if model.price else None
    return Price(tokens=model.batch, as_of=as_of, source=f"OpenAI Batch API list of {as_of}, {model.name}")


def _same(price: Price, official: Price) -> bool:
    """Whether a price is the official one, whoever says so."""
    return replace(price, source="", as_of=None, assumed=False) == replace(
        official, source="", as_of=None, assumed=False
    )


def _half(price: Price) -> Price:
    tokens, table = price.tokens, price.per_image
    half = {field.name: getattr(tokens, field.name) / 2 for field in fields(TokenPrices)} if tokens else {}
    return replace(
        price,
        tokens=TokenPrices(**half) if tokens else None,
        per_image=tuple((quality, tuple((size, usd / 2) for size, usd in row)) for quality, row in table),
        per_call=None if price.per_call is None else price.per_call / 2,
        per_input_image=price.per_input_image / 2,
        source=f"{price.source}, half in a batch",
    )


def flat(usd: Decimal) -> ImageTable:
    """Return a price table with one price for every image."""
    return ((ANY, ((ANY, usd),)),)


def stale(price: Price, today: date) -> bool:
    """Whether a price is older than 60 days."""
    return price.as_of is not None and (today - price.as_of).days > STALE_DAYS


def stale_warning(price: Price, today: date) -> str | None:
    """Return the warning for a price that is older than 60 days, with its date, or None."""
    if not stale(price, today):
        return None
    return (
        f"the price row {price.source!r} is of {price.as_of}, {(today - (price.as_of or today)).days} days ago; "
        "compare it with the provider's page and give your own under `prices` if it changed"
    )


def _image_table(node: Node) -> ImageTable:
    """One price for every image, or prices by quality and size (`*` for any)."""
    if not isinstance(node.value, dict):
        return flat(form.amount(node))
    return form.table(form.table(form.amount))(node)


PRICE_ROW = form.record(
    form.kinds(Price)
    | {
        "official": form.flag,
        "token_prices": token_prices,
        "per_image": _image_table,
        "per_call": form.amount,
        "as_of": form.day,
    }
)


def price_from(row: dict[str, Any], model_name: str, source: str, as_of: date | None) -> Price | None:
    """Give a price from a checked row; None when it states nothing or refers to no official price."""
    row = dict(row)
    where = ", ".join(part for part in (f"{source}, {model_name}", row.pop("source", "")) if part)
    multiplier = row.pop("multiplier", Decimal(1))
    dated = row.pop("as_of", as_of)
    if row.pop("official", False):
        model = find_model(model_name)
        if model is None or model.price is None:
            return None
        return replace(model.price, multiplier=multiplier, source=where, assumed=row.get("assumed", False))
    row["tokens"] = row.pop("token_prices", None)
    price = Price(**row, multiplier=multiplier, as_of=dated, source=where)
    return price if price.tokens or price.per_image or price.per_call is not None else None
