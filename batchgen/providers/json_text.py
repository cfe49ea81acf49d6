"""JSON from outside as plain values: read mildly, and with numbers of a sane length only."""

import json
import re
from collections.abc import Mapping
from typing import Any

from batchgen.providers.base64_span import DecodeError

MOST_COUNT = 10**12
_LONG_NUMBER = re.compile("[0-9]{19}|-[0-9]{18}")


def parse(text: bytes) -> Any:
    """JSON from outside, junk after its end left aside; DecodeError when there is none."""
    return parse_beginning(text.decode("utf-8", "replace").lstrip("\ufeff \t\r\n"))[0]


def parse_beginning(text: str) -> tuple[Any, int]:
    """Parse the JSON with which a text begins, and say where it ends; DecodeError when there is none."""
    # To ask for each number costs more than all the rest, so only a text with a long one is read that way.
    decoder = _CAREFUL if _LONG_NUMBER.search(text) else _PLAIN
    try:
        return decoder.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError("answer_undecodable", "the answer is no JSON") from error


def mapping(value: object) -> Mapping[str, Any]:
    """Take anything but an object for an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[Any]:
    """Take anything but a list for an empty one."""
    return value if isinstance(value, list) else []


def word(value: object) -> str:
    """Take anything but a text for an empty one."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """Take a whole number of a possible size for a count; None for anything else, and for `true` in disguise."""
    return value if type(value) is int and 0 <= value < MOST_COUNT else None


def _whole_number(digits: str) -> int | None:
    """Read an integer of a sane length; what has more than 18 digits counts nothing."""
    return int(digits) if len(digits) <= 18 else None


def _nothing(_: str) -> None:
    """Take `NaN` and `Infinity` for nothing."""


_PLAIN = json.JSONDecoder(strict=False, parse_constant=_nothing)
_CAREFUL = json.JSONDecoder(strict=False, parse_int=_whole_number, parse_constant=_nothing)
