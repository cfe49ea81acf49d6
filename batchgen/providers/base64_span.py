"""One image inside an answer: a run of base64, decoded piece by piece into a part as it arrives."""

import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import pybase64

from batchgen.numerous import numerous
from batchgen.providers.image_bytes import STANDARD

_WHITESPACE = b" \t\r\n"
_LONGEST_PREFIX = 256  # of `data:image/png;name=...;base64,`
_ENOUGH = 8
"""Letters that are no base64 if they begin such a prefix."""


class DecodeError(Exception):
    """An answer that can not be read on; `code` is the short name that the verdict uses."""

    def __init__(self, code: str, message: str) -> None:
        """Take the short name and a sentence for people."""
        self.code = code
        super().__init__(message)


class PartSink(Protocol):
    """Where the bytes of one image go."""

    def write(self, /, *pieces: bytes) -> object:
        """Add bytes that came in one or more pieces."""

    def close(self) -> object:
        """No more bytes come."""


class SpanState(StrEnum):
    """How a run of base64 ended."""

    WHOLE = "whole"
    EMPTY = "empty"
    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"


@numerous
@dataclass(frozen=True, slots=True)
class Base64Span:
    """One image's text as it was found: `part` numbers its bytes, `raw` the text that was no base64, if any came.

    `unpadded`: the text ended between two quanta. Its padding was left out, or the text was cut: the image can tell.
    `names` are the keys under which it stands, from the outside in; none where it is the whole body.
    """

    state: SpanState
    part: int | None = None
    raw: int | None = None
    bytes: int = 0
    unpadded: bool = False
    names: tuple[str, ...] = ()


class Parts:
    """Opens numbered parts and counts their bytes against one cap over the whole answer."""

    def __init__(self, open_part: Callable[[int], PartSink], cap: int) -> None:
        """Take the opener of part 0, 1, 2, ... and the most bytes that all parts may hold together."""
        self._open = open_part
        self._cap = cap
        self._next = 0
        self._total = 0

    @property
    def room(self) -> int:
        """The bytes that may still come."""
        return self._cap - self._total

    def start(self) -> tuple[int, PartSink]:
        """Open the next part."""
        number = self._next
        self._next += 1
        return number, self._open(number)

    def count(self, size: int) -> None:
        """Raise `DecodeError` (`answer_too_large`) when the answer grows past its cap."""
        self._total += size
        if self._total > self._cap:
            raise DecodeError("answer_too_large", f"the answer's images passed {self._cap:,} bytes")


class Base64Reader:
    """Feeds the text of one JSON string, escapes and all, through base64 into a part.

    Whatever turns out not to be base64 is kept as text in a part of its own: it was paid for.
    """

    def __init__(self, parts: Parts, names: tuple[str, ...] = ()) -> None:
        """Open nothing yet: an empty string leaves no part behind. `names` are the keys under which it stands."""
        self._parts = parts
        self._names = names
        self._lead: bytes | None = b""
        self._rest = b""
        self._padded = False
        self._unpadded = False
        self._part: tuple[int, PartSink] | None = None
        self._raw: tuple[int, PartSink] | None = None
        self._size = 0

    def feed_plain(self, data: bytes | bytearray, start: int, end: int) -> bool:
        """Take the text in `data[start:end]` if it is base64 as it is mostly spelled; if not, take nothing: False.

        The decoder refuses a backslash as it goes. Nobody has to look for one before, but in what it leaves for later.
        """
        undecided = self._lead is not None and (self._lead or end - start < _ENOUGH)
        if self._raw or undecided or data.find(b"\\", max(start, end - 3), end) >= 0:
            return False
        try:
            self._quanta(self._rest, memoryview(data)[start:end])
        except binascii.Error:
            return False
        self._lead = None
        return True

    def feed(self, data: bytes | bytearray, start: int = 0, end: int | None = None, *, escaped: bool = True) -> None:
        """Take the text in `data[start:end]`; it holds whole JSON escapes, or none when not `escaped`."""
        stop = len(data) if end is None else end
        if start == stop:
            return
        span: memoryview | None = _unescaped(bytes(data[start:stop])) if escaped else memoryview(data)[start:stop]
        if self._raw or span is None:
            self._keep(bytes(data[start:stop]))
        elif self._lead is None:
            self._decode(span)
        else:
            self._begin(memoryview(self._lead + span) if self._lead else span, last=False)

    def end(self) -> Base64Span:
        """Close at the closing quote."""
        self._begin(memoryview(self._lead or b""), last=True)
        left = self._rest.translate(None, _WHITESPACE)
        if left and not self._pad(left):
            self._keep(left)
        if self._raw:
            return self._run(SpanState.UNDECODABLE)
        return self._run(SpanState.WHOLE if self._part else SpanState.EMPTY)

    def cut(self) -> Base64Span:
        """Close because the answer broke off."""
        return self._run(SpanState.TRUNCATED)

    def _run(self, state: SpanState) -> Base64Span:
        for _, sink in filter(None, (self._part, self._raw)):
            sink.close()
        part = self._part[0] if self._part else None
        raw = self._raw[0] if self._raw else None
        return Base64Span(state, part, raw, self._size, self._unpadded, self._names)

    def _pad(self, left: bytes) -> bool:
        """Decode the last letters as if their padding had come; False when they can not end an image."""
        if self._raw:
            return False
        try:
            self._quanta(b"", memoryview(left.translate(STANDARD).ljust(4, b"=")))
        except binascii.Error:
            return False
        self._unpadded = True
        return True

    def _begin(self, span: memoryview, *, last: bool) -> None:
        """Decide about a `data:` prefix as soon as enough has come; until then what came is kept."""
        if self._lead is None or not span:
            return
        lead, self._lead = bytes(span[:_LONGEST_PREFIX]), None
        comma = lead.find(b",")
        if len(lead) < 5 and not last:
            self._lead = lead
        elif lead[:5].lower() != b"data:":
            self._decode(span)
        elif comma >= 0 and lead[:comma].lower().endswith(b";base64"):
            self._decode(span[comma + 1 :])
        elif comma >= 0 or last or len(lead) >= _LONGEST_PREFIX:
            self._keep(bytes(span))
        else:
            self._lead = lead

    def _decode(self, span: memoryview) -> None:
        """Decode plain base64 at once; only what is spelled otherwise is copied and looked at letter by letter."""
        try:
            self._quanta(self._rest, span)
        except binascii.Error:
            bare = b"".join((self._rest, span)).translate(None, _WHITESPACE)
            try:
                self._quanta(b"", memoryview(bare.translate(STANDARD)))
            except binascii.Error:
                self._rest = b""
                self._keep(bare)

    def _quanta(self, rest: bytes, span: memoryview) -> None:
        """Decode in whole quanta of four, copying no text; binascii.Error leaves everything as it was."""
        head, body = rest + span[: -len(rest) % 4], span[-len(rest) % 4 :]
        cut = len(body) & ~3
        if (self._padded and (head or body)) or (head.endswith(b"=") and len(head) == 4 and body):
            raise binascii.Error("text after the padding")
        first = pybase64.b64decode(head, validate=True) if len(head) == 4 else b""
        others = pybase64.b64decode(body[:cut], validate=True)
        self._rest = bytes(body[cut:]) if len(head) in {0, 4} else head
        if first or others:
            self._padded = (body[cut - 1 : cut] if cut else head[-1:]) == b"="
            self._write(len(first) + len(others), *([first, others] if first else [others]))

    def _write(self, size: int, *pieces: bytes) -> None:
        self._parts.count(size)
        self._part = self._part or self._parts.start()
        self._part[1].write(*pieces)
        self._size += size

    def _keep(self, text: bytes) -> None:
        self._parts.count(len(text))
        self._raw = self._raw or self._parts.start()
        self._raw[1].write(text)


def _unescaped(span: bytes) -> memoryview | None:
    r"""Resolve JSON escapes (`\/`, `\n`, `\u002b`); None when that can not be base64."""
    if b"\\" not in span:
        return memoryview(span)
    try:
        text: str = json.loads(b'"' + span + b'"', strict=False)
        return memoryview(text.encode("ascii"))
    except (ValueError, RecursionError):
        return None
