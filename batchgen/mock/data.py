"""What the mock knows as data: files beside its modules, and the values that are made of them."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any, TypeVar

T = TypeVar("T")


def bytes_of(name: str) -> bytes:
    """Read a file of the mock."""
    return (files("batchgen.mock") / name).read_bytes()


def text_of(name: str) -> str:
    """Read a text file of the mock."""
    return bytes_of(name).decode()


def tables_of(name: str) -> dict[str, dict[str, Any]]:
    """Read a TOML file of the mock."""
    return tomllib.loads(text_of(name))


def made(blank: T, told: Mapping[str, Any]) -> T:
    """Return a value with what a file tells of it, each member of the kind that it has in the blank one."""
    kinds = {name: type(getattr(blank, name)) for name in told}
    return replace(blank, **{name: kinds[name](value) for name, value in told.items()})  # type: ignore[type-var]
