"""Reads YAML into checked values; every fault is found, and each one knows its line and column.

A `Kind` turns one node into a value or raises `FormError` with all that is wrong below it. Numbers are read from their
text, so that an amount of money never passes through a float.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import EnumType, StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

from batchgen import yaml_tree
from batchgen.errors import InputError, Place, Problem, by_place
from batchgen.text import safe
from batchgen.yaml_tree import Node

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Kind = Callable[[Node], T]

_READING = yaml_tree.Reading("the file", empty=frozenset({"", "~", "null", "Null", "NULL"}))
_MOST_BYTES = 1_000_000


class FormError(Exception):
    """What is wrong with a node and below it."""

    def __init__(self, *faults: Problem) -> None:
        super().__init__(faults)
        self.faults = faults

    @classmethod
    def at(cls, node: Node, text: str) -> "FormError":
        return cls(Problem(text, node.place))


def read(path: Path, kind: Kind[T]) -> T:
    """Return the value a YAML file holds; InputError with every fault as `file:line:column`."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise InputError(f"cannot read {safe(path)}: it is not an ordinary file")
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {safe(path)}: {getattr(error, 'strerror', error)}") from error
    if len(raw) > _MOST_BYTES:
        raise InputError(Problem(f"larger than {_MOST_BYTES:,} bytes", Place(str(path))))
    return parse(raw, str(path), kind)


def parse(raw: bytes, file: str, kind: Kind[T]) -> T:
    """Return the value a YAML text holds; `file` names it in messages."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem("is not UTF-8 text", Place(file))) from error
    node = yaml_tree.parse(text, file, _READING)
    try:
        return kind(node)
    except FormError as wrong:
        raise InputError(*sorted(wrong.faults, key=by_place)) from None


def nearest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """` (did you mean 'x'?)` when something known is close to a name, else nothing."""
    close = get_close_matches(name.lower(), tuple(known), n=1)
    return f" (did you mean {str(close[0])!r}?)" if close else ""


def text(node: Node) -> str:
    """Any scalar, letter for letter."""
    if not isinstance(node.value, str):
        raise FormError.at(node, "must be text")
    return node.value


def matching(pattern: str, wrong: str) -> Kind[str]:
    """Text of one form; `wrong` says what it must be."""
    form = re.compile(pattern)

    def reader(node: Node) -> str:
        found = text(node)
        if not form.fullmatch(found):
            raise FormError.at(node, wrong)
        return found

    return reader


_WORD = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"
header = matching(_WORD, "must be the name of a header, such as X-Organisation")
_token = matching(f"({_WORD})?", "must be one word")


def token(node: Node) -> str:
    """One word, such as the `Bearer` before a key; or nothing."""
    return "" if node.value is None else _token(node)


def number(node: Node) -> Decimal:
    """Return a decimal number, of either sign."""
    found = _decimal(node)
    if not found.is_finite() or abs(found) > 10**18:
        raise FormError.at(node, "must be a number")
    return found


def _decimal(node: Node) -> Decimal:
    try:
        return Decimal(text(node))
    except InvalidOperation:
        raise FormError.at(node, f"{safe(text(node), 40)!r} is not a number") from None


def flag(node: Node) -> bool:
    """Return `true` or `false`."""
    if node.value in ("true", "false"):
        return node.value == "true"
    raise FormError.at(node, "must be true or false")


def whole(node: Node) -> int:
    """Return a whole number above zero."""
    written = node.value
    if isinstance(written, str) and written.isascii() and written.isdigit() and len(written) < 16 and int(written):
        return int(written)
    raise FormError.at(node, "must be a whole number above 0")


def amount(node: Node) -> Decimal:
    """Return a decimal number, zero or more."""
    number = _decimal(node)
    if not number.is_finite() or not 0 <= number <= 1_000_000:
        raise FormError.at(node, "must be a number from 0 to 1000000")
    return number


def day(node: Node) -> date:
    """Return a date as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text(node))
    except ValueError:
        raise FormError.at(node, "must be a date such as 2026-12-01") from None


def nothing_or(kind: Kind[T]) -> Kind[T | None]:
    """Return a value, or null."""

    def reader(node: Node) -> T | None:
        return None if node.value is None else kind(node)

    return reader


def one_of(*words: str) -> Kind[str]:
    """One of a few words."""

    def reader(node: Node) -> str:
        word = text(node)
        if word not in words:
            raise FormError.at(node, f"{safe(word, 40)!r} is none of {', '.join(words)}{nearest(word, words)}")
        return word

    return reader


def word_of(kind: type[E]) -> Kind[E]:
    """Take a word of these."""
    word = one_of(*kind)
    return lambda node: kind(word(node))


def several(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """Return a list."""

    def reader(node: Node) -> tuple[T, ...]:
        if not isinstance(node.value, tuple):
            raise FormError.at(node, "must be a list")
        return tuple(_gather([(str(i), kind, item) for i, item in enumerate(node.value)], []).values())

    return reader


def table(kind: Kind[T], key: Kind[Any] = text) -> Kind[tuple[tuple[Any, T], ...]]:
    """Return a mapping with keys of one kind and values of another, as pairs."""

    def reader(node: Node) -> tuple[tuple[Any, T], ...]:
        entries, faults = _entries(node)
        values = _gather([(name, kind, value) for name, value in entries.items()], faults)
        keys = _gather([(name, key, Node(name, _place(node, name))) for name in entries], [])
        return tuple((keys[name], value) for name, value in values.items())

    return reader


def record(known: Mapping[str, Kind[Any]], needed: tuple[str, ...] = ()) -> Kind[dict[str, Any]]:
    """Return a mapping with known keys; only those that stand there are in the result."""

    def reader(node: Node) -> dict[str, Any]:
        entries, faults = _entries(node)
        faults += [
            Problem(f"unknown key {safe(name, 40)!r}{nearest(name, known)}", _place(node, name))
            for name in entries
            if name not in known
        ]
        faults += [Problem(f"{name!r} is missing", node.place) for name in needed if name not in entries]
        return _gather([(name, known[name], value) for name, value in entries.items() if name in known], faults)

    return reader


def _entries(node: Node) -> tuple[dict[str, Node], list[Problem]]:
    """Keys and values of a mapping, and the keys that stand twice."""
    if not isinstance(node.value, dict):
        raise FormError.at(node, "must be a mapping of keys to values")
    return node.value, [Problem(f"{safe(name, 40)!r} stands here twice", place) for name, place in node.twice]


def _place(node: Node, key: str) -> Place:
    return (node.keys or {}).get(key, node.place)


def _gather(parts: list[tuple[str, Kind[Any], Node]], faults: list[Problem]) -> dict[str, Any]:
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


def kinds(noun: Any) -> dict[str, Kind[Any]]:
    """Give a kind for each field of a dataclass whose type says how it is read; the caller adds the others."""
    return {field.name: kind for field in fields(noun) if (kind := kind_of(field.type))}


def kind_of(hint: Any) -> Kind[Any] | None:
    """Give the kind that a type asks for; None where more than its type has to be known."""
    if isinstance(hint, EnumType):
        return word_of(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is tuple and get_origin(parts[0]) is tuple and Ellipsis not in get_args(parts[0]):
        key, value = map(kind_of, get_args(parts[0]))
        return table(value, key) if key and value else None
    one: Kind[Any] | None = kind_of(parts[0]) if parts and parts[1:] in {(), (Ellipsis,), (NoneType,)} else None
    if one is None:
        return _BY_TYPE.get(hint)
    if origin is UnionType:
        return nothing_or(one)
    each = several(one)
    return each if origin is tuple else lambda node: frozenset(each(node))


_BY_TYPE: Mapping[Any, Kind[Any]] = {str: text, bool: flag, int: whole, Decimal: amount, date: day}
