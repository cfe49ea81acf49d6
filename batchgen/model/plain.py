"""The nouns as JSON text and back: for another process, another machine or another day.

What a value is follows from the annotations of its dataclass, so the text holds the names of fields and no types; only
where one of several dataclasses may stand, its name goes with it. A field that is as it is by default is left out, so
that a text stays short, and is understood by a version that knows more fields.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def dump(value: object) -> str:
    """Write a noun as JSON in ASCII."""
    return _ENCODER.encode(_codec(type(value)).out(value))


def load(kind: type[T], text: str) -> T:
    """Read what `dump` wrote of a noun of this kind."""
    return read(kind, json.loads(text))


def read(kind: type[T], found: object) -> T:
    """Read a noun of this kind from JSON that is parsed already.

    KeyError, TypeError or ValueError where it is not what `dump` writes.
    """
    noun: T = _codec(kind).back(found)
    return noun


class _Codec(NamedTuple):
    """How values of one type become JSON and come back."""

    out: Callable[[Any], Any]
    back: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError(f"{type(found).__name__} stands where an object belongs")
    return found


def _list(found: Any) -> Sequence[Any]:
    if not isinstance(found, list | tuple):
        raise TypeError(f"{type(found).__name__} stands where a list belongs")
    return found


def _decimal(found: Any) -> Decimal:
    try:
        return Decimal(found)
    except InvalidOperation:
        raise ValueError("what stands where a number belongs is none") from None


_SIMPLE = {
    **dict.fromkeys((str, int, float, bool, NoneType), _Codec(_same, _same)),
    Decimal: _Codec(str, _decimal),
    date: _Codec(date.isoformat, date.fromisoformat),
    datetime: _Codec(datetime.isoformat, datetime.fromisoformat),
}


_KNOWN: dict[Any, _Codec] = {}


def _codec(kind: Any) -> _Codec:
    """Give the codec of a type, made once."""
    if kind not in _KNOWN:
        _KNOWN[kind] = _made(kind)
    return _KNOWN[kind]


def _made(kind: Any) -> _Codec:
    kind = getattr(kind, "__supertype__", kind)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return _one_of(inner)
    if origin is tuple:
        return _several(inner)
    if origin is frozenset:
        each = _codec(*inner)
        return _Codec(lambda value: sorted(map(each.out, value)), lambda found: frozenset(map(each.back, _list(found))))
    if is_dataclass(kind):
        return _fields(kind)
    if issubclass(kind, Enum):
        return _Codec(lambda value: value.value, kind)
    raise TypeError(f"{kind} has no plain form")


def _several(inner: tuple[Any, ...]) -> _Codec:
    """Give the codec of a tuple: of any length, or with a type for each of its places."""
    if inner[1:] == (...,):
        each = _codec(inner[0])
        if each.out is _same:
            return _Codec(list, lambda found: tuple(_list(found)))
        return _Codec(lambda value: [*map(each.out, value)], lambda found: tuple(map(each.back, _list(found))))
    places = [_codec(place) for place in inner]
    return _Codec(
        lambda value: [place.out(one) for place, one in zip(places, value, strict=True)],
        lambda found: tuple(place.back(one) for place, one in zip(places, _list(found), strict=True)),
    )


def _one_of(kinds: tuple[Any, ...]) -> _Codec:
    """Give the codec of a union: a type or nothing, or one of several dataclasses, perhaps or nothing."""
    some = [kind for kind in kinds if kind is not NoneType]
    if len(some) == 1:
        (each,) = map(_codec, some)
    else:
        named = {kind.__name__: _codec(kind) for kind in some}

        def back(found: Any) -> Any:
            ((name, one),) = _object(found).items()
            return named[name].back(one)

        each = _Codec(lambda value: {type(value).__name__: named[type(value).__name__].out(value)}, back)
    return _Codec(
        lambda value: None if value is None else each.out(value),
        lambda found: None if found is None else each.back(found),
    )


def _fields(kind: Any) -> _Codec:
    """Give the codec of a dataclass; what is as it is by default is left out."""
    hints = get_type_hints(kind)
    codecs = {field.name: _codec(hints[field.name]) for field in fields(kind)}
    defaults = [(field.name, codecs[field.name].out, _default(field)) for field in fields(kind)]
    backs = {name: codec.back for name, codec in codecs.items()}

    def out(value: Any) -> dict[str, Any]:
        made = {}
        for name, one_out, default in defaults:
            if (one := getattr(value, name)) != default:
                made[name] = one if one_out is _same else one_out(one)
        return made

    def back(found: Any) -> Any:
        told = _object(found).items()
        return kind(**{name: one if backs[name] is _same else backs[name](one) for name, one in told})

    return _Codec(out, back)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
