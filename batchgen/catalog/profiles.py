"""Providers as data: the ones that come with the program, and a user's own file of the same form."""

from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from batchgen.catalog import form
from batchgen.catalog.models import find_model, operations
from batchgen.catalog.prices import ANY, PRICE_ROW, price_from
from batchgen.errors import InputError
from batchgen.model import Operation, Price, Provider
from batchgen.text import safe
from batchgen.yaml_tree import Node

NAMES = ("mock", "openai", "apiyi", "laozhang", "aihubmix", "yescale")


def provider(name_or_path: str | Path, base_url: str | None = None) -> Provider:
    """A provider by name, or from a YAML file of the same form; `base_url` replaces its address.

    InputError, with every problem, for an unknown name, a file that cannot be read or a bad address. A relative path is
    taken from the working directory.
    """
    found = _find(name_or_path)
    if base_url is None:
        return found
    fault = _url_fault(base_url)
    if fault:
        raise InputError(f"the base URL {fault}")
    return replace(found, base_url=base_url.rstrip("/"), embedded=False)


def providers() -> tuple[Provider, ...]:
    """The providers that come with the program."""
    return tuple(_known(name) for name in NAMES)


def _find(name_or_path: str | Path) -> Provider:
    name = str(name_or_path)
    if name in NAMES:
        return _known(name)
    path = Path(name_or_path)
    if path.suffix.lower() in {".yaml", ".yml"} or len(path.parts) > 1:
        return _build(form.read(path, _FILE), path.stem)
    raise InputError(
        f"unknown provider {safe(name, 60)!r}{form.nearest(name, NAMES)}; known are {', '.join(NAMES)}, "
        "or the path of a provider file ending in .yaml"
    )


@cache
def _known(name: str) -> Provider:
    source = files("batchgen.catalog") / "providers" / f"{name}.yaml"
    return _build(form.parse(source.read_bytes(), source.name, _FILE), name)


def _url_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return "is no address"
    if not url.isprintable() or " " in url:  # `urlsplit` drops line breaks without a word
        return "must not hold blanks, line breaks or control characters"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        return "must be an address such as https://api.example.com/v1"
    if parts.username or parts.password:
        return "must not hold a user name or password; keys come from the environment"
    return "must not have a query or fragment" if parts.query or parts.fragment else None


def _url(node: Node) -> str:
    url = form.text(node)
    fault = _url_fault(url)
    if fault:
        raise form.FormError.at(node, fault)
    return url.rstrip("/")


def _params(node: Node) -> tuple[tuple[Operation, frozenset[str]], ...]:
    entries = form.table(_WORDS, form.one_of(*Operation))(node)
    return tuple((Operation(operation), frozenset(names)) for operation, names in entries)


def _price_row(node: Node) -> dict[str, Any]:
    row = PRICE_ROW(node)
    if not row.keys() & {"official", "token_prices", "per_image", "per_call"}:
        raise form.FormError.at(node, "a price needs token_prices, per_image, per_call or official")
    return row


def _word_set(node: Node) -> frozenset[str]:
    return frozenset(_WORDS(node))


_WORDS = form.several(form.text)
_LISTS = form.table(_WORDS)
_FIELDS: dict[str, form.Kind[Any]] = {
    "name": form.text,
    "base_url": form.nothing_or(_url),
    "key_variable": form.nothing_or(form.text),
    "default_model": form.text,
    "dialect": form.text,
    "models": _WORDS,
    "operations": operations,
    "params": _params,
    "ignored": _word_set,
    "values": _LISTS,
    "refused_values": _LISTS,
    "extra_values": _LISTS,
    "model_refuses": _LISTS,
    "retired": form.table(form.day, form.one_of(*Operation)),
    "defaults": form.table(form.text),
    "response_format": form.one_of("", "url", "b64_json"),
    "edit_body": form.one_of("multipart", "json"),
    "max_n": form.whole,
    "model_max_n": form.table(form.whole),
    "prompt_limit": form.nothing_or(form.whole),
    "prices": form.table(_price_row),
    "limits": form.table(
        form.whole,
        form.one_of(
            "images_per_minute",
            "input_images_per_minute",
            "requests_per_minute",
            "tokens_per_minute",
            "images_per_day",
            "concurrency",
        ),
    ),
    "chat_models": _WORDS,
    "download_hosts": _WORDS,
    "idempotency_header": form.nothing_or(form.header),
    "charges_failures": form.flag,
    "batch": form.flag,
    "url_life": form.nothing_or(form.whole),
    "embedded": form.flag,
    "as_of": form.day,
    "source": form.text,
    "notes": _WORDS,
}
_LIKE = {"like": form.one_of(*NAMES)}
_OWN = form.record(_LIKE | _FIELDS, needed=("base_url", "key_variable", "default_model"))
_TAKEN_OVER = form.record(_LIKE | _FIELDS)


def _file(node: Node) -> dict[str, Any]:
    """A provider's mapping; without `like` it must say where requests go and what draws by default."""
    keys = node.value if isinstance(node.value, dict) else ()
    return (_TAKEN_OVER if "like" in keys else _OWN)(node)


_FILE: form.Kind[dict[str, Any]] = _file


def _build(entry: dict[str, Any], stem: str) -> Provider:
    values = dict(entry)
    rows = values.pop("prices", ())
    like = values.pop("like", None)
    if "retired" in values:
        values["retired"] = tuple((Operation(operation), day) for operation, day in values["retired"])
    values.setdefault("name", stem)
    base = replace(_known(like), prices=_inherited(_known(like), values), **values) if like else Provider(**values)
    stated = dict(base.prices) | dict(_prices(rows, base))
    return replace(base, prices=tuple(stated.items()))


def _inherited(base: Provider, values: dict[str, Any]) -> tuple[tuple[str, Price], ...]:
    """Prices taken over with `like`: at another address they are only assumed."""
    if values.get("base_url", base.base_url) == base.base_url:
        return base.prices
    return tuple((name, replace(price, assumed=True)) for name, price in base.prices)


def _prices(rows: tuple[tuple[str, dict[str, Any]], ...], base: Provider) -> tuple[tuple[str, Price], ...]:
    """The rows as prices; the row `*` stands for every model of the provider that has no row of its own."""
    stated = dict(rows)
    general = stated.pop(ANY, None)
    if general is not None:
        stated = {name: general for name in base.models if name not in stated} | stated
    found = ((name, price_from(row, name, f"{base.name} price table", base.as_of)) for name, row in stated.items())
    return tuple((_canonical(name), price) for name, price in found if price is not None)


def _canonical(name: str) -> str:
    model = find_model(name)
    return model.name if model else name
