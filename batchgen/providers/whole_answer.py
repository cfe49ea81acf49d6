"""Reads a short answer that is here as a whole: its images are searched for, and the JSON around them is parsed once.

What it gives is what `Decoder` gives, which follows brackets and strings as they come and takes longer for a small
answer than its image does. Whatever is odd is left to that one: escapes, other names, names that stand twice, texts
that begin as an image.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from batchgen.providers.base64_span import DecodeError
from batchgen.providers.image_bytes import LEAD, begins_address, begins_image_text
from batchgen.providers.json_text import parse_beginning

MOST = 256 * 1024
"""Bytes of an answer that counts as short."""

_DATA = "data:"
_LETTERS = 16
"""A shorter text is no image, unless it is an address."""


class Found(NamedTuple):
    """The text of an answer with a number in the place of each image, its value, and where each image stood."""

    text: bytes
    value: Any
    images: Sequence[tuple[int, int, tuple[str, ...]]]


class _OddError(Exception):
    """Something that only the decoder can tell."""


def read_whole(
    data: bytes | bytearray, names: frozenset[bytes], first: int, deepest: int, longest: int
) -> Found | None:
    """Read an answer whose images stand under these names, and number them from `first`; None where it is odd.

    Odd are also more than so many levels, and names of images that are longer than so many letters or not of ASCII.
    """
    if len(data) > MOST or data[:1] != b"{" or b"\\" in data:
        return None
    pieces, spans, done, opening = list[bytes | bytearray](), list[tuple[int, int]](), 0, _opening(names)
    while begun := opening.search(data, done):
        start, end = begun.end(), data.find(b'"', begun.end())
        if end < 0 or begins_address(data[start : start + LEAD]):
            return None
        pieces += (data[done : start - 1], b"%d" % (first + len(spans)))
        spans.append((start, end))
        done = end + 1
    text = b"".join((*pieces, data[done:]))
    try:
        walk = _Walk(names, first, deepest, longest)
        value = walk.whole(text)
    except (_OddError, DecodeError):
        return None
    if len(walk.found) != len(spans):
        return None
    return Found(text, value, [(*span, where) for span, where in zip(spans, walk.found, strict=True)])


@cache
def _opening(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Find where an image begins; as no escapes are in the answer, nothing inside a string looks like this."""
    return re.compile(rb'"(?:%s)"[ \t\r\n]*:[ \t\r\n]*"' % b"|".join(map(re.escape, sorted(names))))


@cache
def _spelled(names: frozenset[bytes]) -> frozenset[str]:
    return frozenset(name.decode() for name in names)


class _Walk:
    """Walks the value of an answer: finds the numbers of its images, each in its turn, and what is odd."""

    def __init__(self, names: frozenset[bytes], first: int, deepest: int, longest: int) -> None:
        self.found: list[tuple[str, ...]] = []
        self._names, self._next, self._deepest, self._longest = _spelled(names), first, deepest, longest

    def whole(self, text: bytes) -> Any:
        """Parse a text that is one object from its first to its last letter."""
        plain = text.decode("utf-8", "replace")
        value, end = parse_beginning(plain)
        # A string that is missing belonged to a name that stands twice: what it held is not in the value.
        if plain[end:].strip(" \t\r\n") or text.count(b'"') != 2 * self._strings(value, (), 1):
            raise _OddError
        return value

    def _strings(self, value: Any, above: tuple[str, ...], depth: int) -> int:
        """Count the strings of an object, the names of its members too, or those of a list."""
        if depth > self._deepest:
            raise _OddError
        count, members = (len(value), value.items()) if type(value) is dict else (0, [("", one) for one in value])
        for name, inner in members:
            kind = type(inner)
            if kind is dict or kind is list:
                count += self._strings(inner, (*above, name) if name else above, depth + 1)
            elif kind is str:
                count += 1
                if len(inner) >= len(_DATA):
                    _check_text(inner)
            elif kind is int and name in self._names:
                self._image(inner, (*above, name))
        return count

    def _image(self, number: int, names: tuple[str, ...]) -> None:
        if number != self._next or max(map(len, names)) > self._longest or not "".join(names).isascii():
            raise _OddError
        self.found.append(names)
        self._next += 1


def _check_text(text: str) -> None:
    """Look whether a text may be an image: an address that holds one, or base64 under a name of its own."""
    if text[: len(_DATA)].lower() == _DATA or (len(text) >= _LETTERS and begins_image_text(text[:LEAD].encode())):
        raise _OddError
