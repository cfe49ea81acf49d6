"""The catalogue for people: models and providers with prices and dates."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from batchgen.cli.render.table import number, paragraph, remark, table, text
from batchgen.model.provider import FixedSizes, ImageTable, Model, OpenParam, Price, Provider
from batchgen.providers.dialect import Delivery
from batchgen.providers.dialects import dialect

_TOKENS = (number("text in"), number("image in"), number("image out"))
_MODEL = (text("model"), *_TOKENS, number("text out"), text("as of"), remark(""))
_PROVIDER = (text("provider"), text("address"), text("key variable"), number("most n"), text("as of"), remark(""))
_PRICE = (text("provider"), text("model"), *_TOKENS, number("an image"), remark(""))
_COMES = {Delivery.INLINE: "in the answer", Delivery.ADDRESS: "at an address", Delivery.TASK: "later, from a task"}
_OVER = ("shut_down", "retired")
_UNIT = "Token prices are USD per million tokens."


def models(known: Sequence[Model]) -> str:
    """Known models with the prices of their vendor."""
    unlisted = "Models without a list price are billed by their providers: see batchgen providers.\n"
    return f"{table(_MODEL, map(_model, known))}\n{_UNIT}\n{paragraph(unlisted.strip())}"


def _model(model: Model) -> tuple[str, ...]:
    sizes = model.sizes
    drawn = " ".join(sizes.sizes) if isinstance(sizes, FixedSizes) else f"any multiple of {sizes.multiple}"
    about = "; ".join(part for part in (life(model), drawn, " ".join(model.qualities)) if part)
    price = model.price or Price()
    return (
        model.name,
        *_by_token(price),
        _usd_of(price.tokens.text_out if price.tokens else None),
        str(price.as_of or "-"),
        about,
    )


def _by_token(price: Price) -> tuple[str, str, str]:
    """Return the token prices that the provider really takes."""
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


def _by_image_or_call(price: Price) -> str:
    if price.per_image:
        return _by_image(price.per_image)
    return "-" if price.per_call is None else f"{_usd(price.per_call)} a call"


def _fine_print(price: Price) -> str:
    """Say what the figures of a price leave open."""
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


def providers(known: Sequence[Provider], further: Sequence[Provider] = ()) -> str:
    """Known providers, then what each bills, and the names of those whose models or prices are the user's own."""
    prices = table(_PRICE, (row for provider in known for row in _prices(provider)))
    names = ", ".join(provider.name for provider in further)
    also = (
        f"\n{paragraph(f'Also spoken: {names}. One with all that is known of it: batchgen providers NAME')}"
        if names
        else ""
    )
    return f"{table(_PROVIDER, map(_provider, known))}\n{prices}\n{_UNIT}\n{also}"


def provider(known: Provider) -> str:
    """One provider: how it is reached, what it takes, opens and bills, its notes and where they are from."""
    prices = table(_PRICE, _prices(known))
    return "".join((table(_PROVIDER, [_provider(known)]), "\n", *_facts(known), f"\n{prices}\n{_UNIT}\n"))


def _facts(known: Provider) -> Iterator[str]:
    speech = dialect(known, known.default_model)
    ways = speech.delivery | ({Delivery.TASK} if known.task else set())
    come = " or ".join(_COMES[way] for way in Delivery if way in ways)
    yield from _fact("speaks", f"{speech.title}; images come {come}")
    takes = (f"{operation}: {', '.join(sorted(names))}" for operation, names in known.params)
    auth = known.auth and f"{known.auth.header}: {known.auth.scheme} ***".replace(":  ", ": ")
    yield from _fact("key", auth or "")
    yield from _fact("headers", ", ".join(f"{name} from {variable}" for name, variable in known.headers))
    yield from _fact("query", ", ".join(f"{name}={value}" for name, value in known.query))
    yield from _fact("paths", ", ".join(f"{operation} {path}" for operation, path in known.paths))
    yield from _fact("takes", "; ".join(takes))
    for param in known.opens_anywhere:
        yield from _fact("opens", opened_param(param))
    yield from _fact("tasks", known.task.words if known.task else "")
    yield from _fact("cost", f"stated by its answers at {known.cost}" if known.cost else "")
    yield from _fact("rules", "for " + ", ".join(known.rules_for) if known.rules_for != ("*",) else "")
    for note in known.notes:
        yield from _fact("note", note)
    yield from _fact("source", f"{known.source}, as of {known.as_of}" if known.source else "")


def _fact(label: str, words: str) -> Iterator[str]:
    if words:
        yield paragraph(words, " " * 9, f"{label:8} ")


def opened_param(param: OpenParam) -> str:
    """Return a parameter that a provider file opens, with what its values are."""
    low, high = ("" if bound is None else f"{bound}" for bound in (param.low, param.high))
    span = f" {low or '...'} to {high or '...'}" if low or high else ""
    values = f": {', '.join(param.values)}" if param.values else ""
    where = f" on {', '.join(sorted(param.operations))}" if param.operations else ""
    return f"{param.name} ({param.type}{span}{values}){where}{f'; {param.about}' if param.about else ''}"


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
