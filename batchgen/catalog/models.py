"""Models as dated data: what they draw, how long they live, how their tokens are counted."""

from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from batchgen.catalog import form
from batchgen.catalog.tables import TokenFormula, TokenTable
from batchgen.model import FixedSizes, FlexibleSizes, Model, Operation, Price, TokenPrices
from batchgen.yaml_tree import Node

_UNKNOWN_SECONDS = 60.0


def models() -> tuple[Model, ...]:
    """Every model of the catalogue, newest family first."""
    return tuple(_catalogue()[0].values())


def find_model(name: str | None) -> Model | None:
    """Return a model by its name or an alias, None when the catalogue does not know it."""
    return _by_any_name().get(name or "")


def nearest_model(name: str) -> str:
    """` (did you mean 'x'?)` when the catalogue has a model of nearly this name, else nothing."""
    return form.nearest(name, tuple(_by_any_name()))


def model_or_stand_in(name: str) -> Model:
    """Return a model, or for an unknown name a stand-in that draws any size at the dearest token counts known."""
    return find_model(name) or Model(
        name=name,
        status="unknown",
        sizes=FlexibleSizes(),
        qualities=("low", "medium", "high", "xhigh", "max", "auto"),
        output_tokens="unknown",
        input_tokens="patch32",
        price=None,
        complexity=True,
        markup=True,
        input_fidelity=("low", "high"),
        operations=frozenset(Operation),
    )


def token_table(name: str) -> TokenTable | TokenFormula:
    """Return the table or formula that `Model.output_tokens` names; KeyError when there is none."""
    return _catalogue()[1][name]


def typical_seconds(model: Model, quality: str | None) -> float:
    """How long one call usually takes; for `auto` or an unknown quality the middle one's figure."""
    known = dict(model.typical_seconds)
    return known.get(quality or "", known.get("*", known.get("medium", _UNKNOWN_SECONDS)))


def warnings_for(model: Model, today: date) -> tuple[str, ...]:
    """Say what a person should know about a model's life span: it ended, or its end is announced."""
    if model.shutdown is None:
        return ()
    after = f"; use {model.successor} instead" if model.successor else ""
    days = (model.shutdown - today).days
    if days > 0:
        when = "tomorrow" if days == 1 else f"in {days} days"
        return (f"{model.name} will be shut down on {model.shutdown} ({when}){after}",)
    return (f"{model.name} was shut down on {model.shutdown}{after} (a gateway may still serve it)",)


def _sizes(node: Node) -> FixedSizes | FlexibleSizes:
    if node.value == "flexible":
        return FlexibleSizes()
    return FixedSizes(form.several(form.text)(node))


def token_prices(node: Node) -> TokenPrices:
    """USD per million tokens, by kind of token."""
    return TokenPrices(**form.record(form.kinds(TokenPrices), needed=("text_in", "image_out"))(node))


def _usual_and_most(node: Node) -> tuple[int, int]:
    found = form.several(form.whole)(node)
    if len(found) != 2:
        raise form.FormError.at(node, "must be two numbers: the usual one, and the most")
    return found[0], found[1]


def known_qualities() -> frozenset[str]:
    """Every quality that some model has a token count for."""
    return frozenset(quality for table in _catalogue()[1].values() for quality in table.qualities)


_OF_MODEL = form.kinds(Model)
del _OF_MODEL["name"]  # which stands before the others
_MODEL = form.record(
    _OF_MODEL
    | {
        "like": form.text,
        "status": form.one_of("live", "deprecated", "shut_down", "retired", "gateway"),
        "shutdown": form.day,
        "successor": form.text,
        "sizes": _sizes,
        "input_tokens": form.one_of("tile512", "patch32", "flat"),
        "input_each": _usual_and_most,
        "text_out": _usual_and_most,
        "token_prices": form.nothing_or(token_prices),
        "batch_prices": form.nothing_or(token_prices),
        "typical_seconds": form.table(form.whole),
        "as_of": form.day,
    }
)
_TOKENS = form.record(
    {"sizes": form.table(form.table(form.whole)), "bases": form.table(form.whole), "up_to": form.table(form.whole)}
)
_FILE = form.record(
    {"as_of": form.day, "output_tokens": form.table(_TOKENS), "models": form.table(_MODEL)},
    needed=("as_of", "output_tokens", "models"),
)


@cache
def _catalogue() -> tuple[dict[str, Model], dict[str, TokenTable | TokenFormula]]:
    source = files("batchgen.catalog") / "models.yaml"
    data = form.parse(source.read_bytes(), source.name, _FILE)
    known: dict[str, Model] = {}
    for name, entry in data["models"]:
        known[name] = _model(name, dict(entry), data["as_of"], known)
    tables = {
        name: TokenTable(entry["sizes"]) if "sizes" in entry else TokenFormula(entry["bases"], entry.get("up_to", ()))
        for name, entry in data["output_tokens"]
    }
    return known, tables


def _model(name: str, entry: dict[str, Any], as_of: date, known: dict[str, Model]) -> Model:
    like, as_of = entry.pop("like", None), entry.pop("as_of", as_of)
    if "typical_seconds" in entry:
        entry["typical_seconds"] = tuple((quality, float(s)) for quality, s in entry["typical_seconds"])
    if "batch_prices" in entry:
        entry["batch"] = entry.pop("batch_prices")
    if "token_prices" in entry:
        tokens = entry.pop("token_prices")
        entry["price"] = tokens and Price(tokens=tokens, as_of=as_of)
    model = replace(known[like], name=name, **entry) if like else Model(name=name, **entry)
    price = model.price and replace(model.price, source=f"{model.vendor} list of {as_of}, {name}")
    return replace(model, price=price)


@cache
def _by_any_name() -> dict[str, Model]:
    found = {alias: model for model in models() for alias in model.aliases}
    return found | {model.name: model for model in models()}
