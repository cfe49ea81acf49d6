"""Providers as data: the ones that come with the program, and a user's own file of the same form."""

from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from batchgen.catalog import form
from batchgen.catalog.models import find_model
from batchgen.catalog.prices import ANY, price_from
from batchgen.catalog.provider_form import ALL, FILE, FURTHER, NAMES, url_fault
from batchgen.errors import InputError
from batchgen.model import Price, Provider
from batchgen.text import safe


def provider(name_or_path: str | Path, base_url: str | None = None) -> Provider:
    """Return a provider by name, or from a YAML file of the same form; `base_url` replaces its address.

    InputError, with every problem, for an unknown name, a file that cannot be read or a bad address. A relative path is
    taken from the working directory.
    """
    found = _find(name_or_path)
    if base_url is None:
        return found
    fault = url_fault(base_url)
    if fault:
        raise InputError(f"the base URL {fault}")
    return replace(found, base_url=base_url.rstrip("/"), embedded=False)


def providers() -> tuple[Provider, ...]:
    """Return the providers that come with the program."""
    return tuple(_known(name) for name in NAMES)


def further() -> tuple[Provider, ...]:
    """Return providers of which the program knows how they are spoken to, but not what they serve or bill."""
    return tuple(_known(name) for name in FURTHER)


def _find(name_or_path: str | Path) -> Provider:
    name = str(name_or_path)
    if name in ALL:
        return _known(name)
    path = Path(name_or_path)
    if path.suffix.lower() in {".yaml", ".yml"} or len(path.parts) > 1:
        return _build(form.read(path, FILE), path.stem)
    raise InputError(
        f"unknown provider {safe(name, 60)!r}{form.nearest(name, ALL)}; known are {', '.join(ALL)}, "
        "or the path of a provider file ending in .yaml"
    )


@cache
def _known(name: str) -> Provider:
    source = files("batchgen.catalog") / "providers" / f"{name}.yaml"
    return _build(form.parse(source.read_bytes(), source.name, FILE), name)


def _build(entry: dict[str, Any], stem: str) -> Provider:
    values = dict(entry)
    rows = values.pop("prices", ())
    like = values.pop("like", None)
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
    """Return the rows as prices; the row `*` stands for every model of the provider that has no row of its own."""
    stated = dict(rows)
    general = stated.pop(ANY, None)
    if general is not None:
        stated = {name: general for name in base.models or (ANY,) if name not in stated} | stated
    found = ((name, price_from(row, name, f"{base.name} price table", base.as_of)) for name, row in stated.items())
    return tuple((_canonical(name), price) for name, price in found if price is not None)


def _canonical(name: str) -> str:
    model = find_model(name)
    return model.name if model else name
