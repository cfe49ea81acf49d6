"""Reads YAML into checked values; every fault is found, and each one knows its line and column.

A `Kind` turns one YAML node into a value or raises `FormError` with all that is wrong below it. Numbers are read from
their text, so that an amount of money never passes through a float.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml

from batchgen.errors import InputError, Place, Problem
from batchgen.text import safe

T = TypeVar("T")
Kind = Callable[[yaml.Node], T]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_BYTES = 1_000_000


class FormError(Exception):
    """What is wrong with a node and below it."""

    def __init__(self, *faults: tuple[yaml.Node, str]) -> None:
        super().__init__(faults)
        self.faults = faults


def read(path: Path, kind: Kind[T]) -> T:
    """The value a YAML file holds; InputError with every fault as `file:line:column`."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise InputError(f"cannot read {safe(path)}: it is no ordinary file")
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {safe(path)}: {getattr(error, 'strerror', error)}") from error
    if len(raw) > _MOST_BYTES:
        raise InputError(Problem(f"larger than {_MOST_BYTES:,} bytes", Place(str(path))))
    return parse(raw, str(path), kind)


def parse(raw: bytes, file: str, kind: Kind[T]) -> T:
    """The value a YAML text holds; `file` names it in messages."""
    try:
        node = yaml.compose(raw.decode("utf-8-sig"), Loader=_LOADER)
    except UnicodeDecodeError as error:
        raise InputError(Problem("is not UTF-8 text", Place(file))) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise InputError(Problem(f"is not YAML: {safe(error.problem)}", place)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(Problem(f"is not YAML: {safe(error)}", Place(file))) from error
    if node is None:
        raise InputError(Problem("is empty", Place(file)))
    try:
        return kind(node)
    except FormError as wrong:
        faults = sorted(wrong.faults, key=lambda fault: (fault[0].start_mark.line, fault[0].start_mark.column))
        raise InputError(*(_problem(file, *fault) for fault in faults)) from None


def _problem(file: str, node: yaml.Node, message: str) -> Problem:
    mark = node.start_mark
    return Problem(message, Place(file, mark.line + 1, mark.column + 1))


def nearest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """` (did you mean 'x'?)` when something known is close to a name, else nothing."""
    close = get_close_matches(name.lower(), tuple(known), n=1)
    return f" (did you mean {str(close[0])!r}?)" if close else ""


def text(node: yaml.Node) -> str:
    """Any scalar, letter for letter."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        raise FormError((node, "must be text"))
    return str(node.value)


def flag(node: yaml.Node) -> bool:
    """`true` or `false`."""
    if isinstance(node, yaml.ScalarNode) and node.value in {"true", "false"}:
        return bool(node.value == "true")
    raise FormError((node, "must be true or false"))


def whole(node: yaml.Node) -> int:
    """A whole number above zero."""
    if isinstance(node, yaml.ScalarNode) and node.value.isascii() and node.value.isdigit() and len(node.value) < 16:
        number = int(node.value)
        if number:
            return number
    raise FormError((node, "must be a whole number above 0"))


def amount(node: yaml.Node) -> Decimal:
    """A decimal number, zero or more."""
    try:
        number = Decimal(text(node))
    except InvalidOperation:
        raise FormError((node, f"{safe(node.value, 40)!r} is not a number")) from None
    if not number.is_finite() or not 0 <= number <= 1_000_000:
        raise FormError((node, "must be a number from 0 to 1000000"))
    return number


def day(node: yaml.Node) -> date:
    """A date as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text(node))
    except ValueError:
        raise FormError((node, "must be a date such as 2026-12-01")) from None


def nothing_or(kind: Kind[T]) -> Kind[T | None]:
    """A value, or null."""

    def reader(node: yaml.Node) -> T | None:
        return None if node.tag == "tag:yaml.org,2002:null" else kind(node)

    return reader


def one_of(*words: str) -> Kind[str]:
    """One of a few words."""

    def reader(node: yaml.Node) -> str:
        word = text(node)
        if word not in words:
            raise FormError((node, f"{safe(word, 40)!r} is none of {', '.join(words)}{nearest(word, words)}"))
        return word

    return reader


def several(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """A list."""

    def reader(node: yaml.Node) -> tuple[T, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise FormError((node, "must be a list"))
        return tuple(_gather([(str(i), kind, item) for i, item in enumerate(node.value)], []).values())

    return reader


def table(kind: Kind[T], key: Kind[Any] = text) -> Kind[tuple[tuple[Any, T], ...]]:
    """A mapping with keys of one kind and values of another, as pairs."""

    def reader(node: yaml.Node) -> tuple[tuple[Any, T], ...]:
        entries, faults = _entries(node)
        values = _gather([(name, kind, value) for name, (_, value) in entries.items()], faults)
        keys = _gather([(name, key, key_node) for name, (key_node, _) in entries.items()], [])
        return tuple((keys[name], value) for name, value in values.items())

    return reader


def record(fields: Mapping[str, Kind[Any]], needed: tuple[str, ...] = ()) -> Kind[dict[str, Any]]:
    """A mapping with known keys; only those that stand there are in the result."""

    def reader(node: yaml.Node) -> dict[str, Any]:
        entries, faults = _entries(node)
        faults += [
            (key, f"unknown key {safe(name, 40)!r}{nearest(name, fields)}")
            for name, (key, _) in entries.items()
            if name not in fields
        ]
        faults += [(node, f"{name!r} is missing") for name in needed if name not in entries]
        return _gather([(name, fields[name], value) for name, (_, value) in entries.items() if name in fields], faults)

    return reader


def _entries(node: yaml.Node) -> tuple[dict[str, tuple[yaml.Node, yaml.Node]], list[tuple[yaml.Node, str]]]:
    """Keys and values of a mapping by the key's text, and the keys that stand twice or are no text."""
    if not isinstance(node, yaml.MappingNode):
        raise FormError((node, "must be a mapping of keys to values"))
    entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    faults: list[tuple[yaml.Node, str]] = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            faults.append((key, "a key must be text"))
        elif key.value in entries:
            faults.append((key, f"{safe(key.value, 40)!r} stands here twice"))
        else:
            entries[key.value] = (key, value)
    return entries, faults


def _gather(parts: list[tuple[str, Kind[Any], yaml.Node]], faults: list[tuple[yaml.Node, str]]) -> dict[str, Any]:
    """Read every part before complaining about any."""
    values: dict[str, Any] = {}
    for name, kind, node in parts:
        try:
            values[name] = kind(node)
        except FormError as wrong:
            faults.extend(wrong.faults)
    if faults:
        raise FormError(*faults)
    return values
