"""Reads an answer while it arrives: images go straight to their parts, only the JSON around them is remembered.

The bytes are scanned as JSON: strings are skipped whole with their escapes, so that the name of an image inside a
prompt is text and not an image. Which names hold images is the dialect's to say. In the remembered text each image's
string is replaced by its number in `Document.runs`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from batchgen.numerous import numerous
from batchgen.providers.base64_span import Base64Reader, Base64Span, DecodeError, Parts
from batchgen.providers.image_bytes import LEAD, begins_address, begins_image_text
from batchgen.providers.json_text import parse
from batchgen.providers.whole_answer import Found, read_whole

TEXT_CAP = 8 * 1024 * 1024
DEEPEST = 32
MOST_TOKENS = 200_000
MOST_RUNS = 64
"""Images of one answer, where nobody knows how many were asked for."""

_LONGEST_KEY = 64

_TOKEN = re.compile(rb'[{}\[\]:,]|"(?:([^"\\]{0,256}+)")?')
"""A bracket, a mark or the quote that opens a string, with the whole string where it is short and plain."""
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_OPEN_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{0,3}\Z")
_PARTNER = {b"}": b"{", b"]": b"["}
_LIST = [b"["]
_CLOSER = {b"{": b"}", b"[": b"]"}
_OPENING = frozenset({*_CLOSER, b":", b","})
"""Tokens after which nothing is whole."""
BLANK = b" \t\r\n"
BOM = b"\xef\xbb\xbf"

Bytes = bytes | bytearray


class BodyKind(StrEnum):
    """What a body looks like from its first byte."""

    JSON = "json"
    HTML = "html"
    EMPTY = "empty"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ImageFields:
    """Names under which images stand in an answer: as base64, or as addresses that may be data URLs.

    Under any other name a text is an image when it begins as one, unless the name says that it is for people.
    """

    base64: frozenset[bytes]
    addresses: frozenset[bytes] = frozenset()
    prose: frozenset[bytes] = frozenset({b"content", b"text", b"prompt", b"revised_prompt"})


@numerous
@dataclass(frozen=True, slots=True)
class Document:
    """An answer as far as it came. `value` is its JSON, with a run's number where an image stood.

    `whole` says that the JSON was complete; of an incomplete one, `value` holds the items that were. `text` is what is
    remembered around the images, for quarantine. `final` says that nothing can follow, whatever became of the line.
    `previews` are parts that hold no image which was asked for, `kept` is the part that holds the whole body.
    """

    value: Any
    kind: BodyKind
    whole: bool
    runs: tuple[Base64Span, ...]
    text: bytes
    final: bool = True
    previews: tuple[int, ...] = ()
    kept: int | None = None


class Decoder:
    """A push decoder: `feed` bytes as they come, `close` at their end or when they broke off.

    `feed` raises `DecodeError` (`answer_too_large`, `answer_too_deep`) and nothing else of its own; errors of the
    parts' sinks pass through. After an error `close` still gives what was whole by then.
    """

    def __init__(
        self,
        parts: Parts,
        fields: ImageFields,
        *,
        text_cap: int = TEXT_CAP,
        most: int = MOST_RUNS,
        runs: list[Base64Span] | None = None,
    ) -> None:
        """Take where images go, the most bytes of text around them, and the most images; more are passed over.

        `runs` are the images that came before, and take in those that come.
        """
        self._fields = fields
        self._most = most
        self.parts = parts
        self.text_cap = text_cap
        self.text = bytearray()
        self.runs = [] if runs is None else runs
        self.closed = False
        self._read: Callable[[Decoder, Bytes, int], int] = Decoder._structure
        """Reads what comes next; no method of this decoder's own, so that nothing holds itself."""
        self._carry: Bytes = b""
        self._end = 0
        self._stack: list[bytes] = []
        self._names: list[bytes] = []
        self._tokens = 0
        self._last = b""
        self._key = b""
        self._string_at = 0
        self._run: Base64Reader | None = None
        self._safe: tuple[int, tuple[bytes, ...]] | None = None
        self._begun = False
        self._value: Any = None

    def feed(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes of the body, cut anywhere: all of `chunk`, or its first `size`. It may be used again."""
        if not self._begun:
            self._begun = True
            if size is None and (found := self._whole(chunk)):
                self._take_whole(chunk, found)
                return
        data, self._end = chunk, len(chunk) if size is None else size
        if self._carry:
            data, self._carry = self._carry + data[: self._end], b""
            self._end = len(data)
        at = 0
        while at < self._end and not self.closed:
            at = self._read(self, data, at)
        if at < self._end:
            self._remember(data[at : min(self._end, at + max(0, self.text_cap - len(self.text)))])

    def close(self) -> Document:
        """Give what came. Call once, after the last byte."""
        if self._read in {Decoder._string, Decoder._peek}:
            self.text += self._carry
        if self._run:
            self.runs.append(self._run.cut())
            self._run = None
        text = bytes(self.text)
        kind = kind_of(text)
        value, whole = None, False
        if self._value is not None:
            value, whole = self._value, True
        elif kind is not BodyKind.HTML:
            value, whole = self._parsed(text)
        if whole and kind is BodyKind.OTHER:
            kind = BodyKind.JSON
        return Document(value, kind, whole, tuple(self.runs), text)

    def _whole(self, data: Bytes) -> Found | None:
        """Read a short answer that is here as a whole, where it stays within all bounds."""
        found = read_whole(data, self._fields.base64, len(self.runs), DEEPEST, _LONGEST_KEY)
        if found is None or len(found.text) > min(self.text_cap, MOST_TOKENS) or len(data) > self.parts.room:
            return None
        return found if len(self.runs) + len(found.images) <= self._most else None

    def _take_whole(self, data: Bytes, found: Found) -> None:
        for start, end, names in found.images:
            self._run = Base64Reader(self.parts, names)
            self._run.feed(data, start, end, escaped=False)
            self.runs.append(self._run.end())
            self._run = None
        self.text += found.text
        self._value, self.closed = found.value, True

    def _parsed(self, text: bytes) -> tuple[Any, bool]:
        try:
            return parse(text), True
        except DecodeError:
            if not self._safe:
                return None, False
        length, opened = self._safe
        try:
            return parse(text[:length] + b"".join(_CLOSER[one] for one in reversed(opened))), False
        except DecodeError:
            return None, False

    def _structure(self, data: Bytes, at: int) -> int:
        """Follow the brackets to the next string."""
        done, stack = at, self._stack
        for found in _TOKEN.finditer(data, at, self._end):
            token, end, short = found[0][:1], found.start() + 1, found[1]
            self._tokens += 1
            names = self._last != b":" and stack[-1:] != _LIST
            if short is not None and self._tokens <= MOST_TOKENS and (names or self._is_text(short)):
                self._key, self._last = short[: _LONGEST_KEY + 1], b'"'
                continue
            if token in _CLOSER:
                stack.append(token)
                self._names.append(self._key if self._last == b":" else b"")
            if self._tokens > MOST_TOKENS or len(stack) > DEEPEST:
                self._remember(data[done:end])
                raise self._overgrown()
            if token not in _OPENING:
                self._remember(data[done:end])
                done = end
                if token == b'"':
                    self._open_string()
                    self._last = token
                    return end
                self._close_bracket(token)
                if self.closed:
                    return end
            self._last = token
        self._remember(data[done : self._end])
        return self._end

    def _is_text(self, text: bytes) -> bool:
        """Whether a value that is short, plain and here already is no image."""
        if self._stack[-1:] != _LIST:
            if self._key in self._fields.base64:
                return False
            if self._key in self._fields.prose:
                return True
        return len(text) < len(b"data:") or not self._is_image(text[:LEAD])

    def _is_image(self, lead: bytes) -> bool:
        """Whether a text begins as an image: `data:image/png;base64,...`, or base64 that begins as one."""
        return (self._key in self._fields.addresses and lead[:5].lower() == b"data:") or begins_image_text(lead)

    def _overgrown(self) -> DecodeError:
        if len(self._stack) > DEEPEST:
            return DecodeError("answer_too_deep", f"the answer nests more than {DEEPEST} levels deep")
        return DecodeError("answer_too_large", f"the answer has more than {MOST_TOKENS:,} pieces of JSON")

    def _close_bracket(self, token: bytes) -> None:
        if not self._stack or self._stack.pop() != _PARTNER[token]:
            self._stack.clear()
            self._names.clear()
            return
        self._names.pop()
        self._safe = len(self.text), tuple(self._stack)
        self.closed = not self._stack and kind_of(bytes(self.text[:64])) is BodyKind.JSON

    def _open_string(self) -> None:
        """Decide what the string that begins here is: the key before a colon says so, or else its first letters."""
        self._string_at = len(self.text)
        self._read = Decoder._string
        in_list = self._stack[-1:] == [b"["]
        if self._last != b":" and not in_list:
            return
        if in_list or self._key not in self._fields.prose:
            self._read = Decoder._peek

    def _open_run(self) -> None:
        del self.text[-1:]
        if len(self.runs) >= self._most:
            self._read = Decoder._skip
            return
        own = [] if self._stack[-1:] == [b"["] else [self._key]
        names = tuple(name.decode("utf-8", "replace") for name in (*self._names, *own) if name)
        self._run = Base64Reader(self.parts, names)
        self._read = Decoder._image

    def _peek(self, data: Bytes, at: int) -> int:
        """See whether a text is an image, as soon as enough of it has come."""
        lead = bytes(data[at : min(at + LEAD, self._end)])
        if len(lead) < LEAD and b'"' not in lead:
            self._carry = lead
            return self._end
        named = self._stack[-1:] != _LIST and self._key in self._fields.base64
        if self._is_image(lead) or (named and not begins_address(lead)):
            self._open_run()
        else:
            self._read = Decoder._string
        return at

    def _skip(self, data: Bytes, at: int) -> int:
        """Pass over an image that nobody asked for."""
        end, _ = _end_of_string(data, at, self._end)
        if end < self._end and data[end] == ord('"'):
            self.text += b"null"
            self._last, self._read = b'"', Decoder._structure
            return end + 1
        self._carry = data[end : self._end]
        return self._end

    def _string(self, data: Bytes, at: int) -> int:
        end, _ = _end_of_string(data, at, self._end)
        self._remember(data[at:end])
        if end == self._end:
            return end
        if data[end] != ord('"'):
            self._carry = data[end : self._end]
            return self._end
        self._key = _key(bytes(self.text[self._string_at : self._string_at + _LONGEST_KEY + 1]))
        self._remember(b'"')
        self._last, self._read = b'"', Decoder._structure
        return end + 1

    def _image(self, data: Bytes, at: int) -> int:
        if self._run is None:  # pragma: no cover - the mode is only entered with a run
            raise DecodeError("answer_undecodable", "no image was begun")
        quote = data.find(b'"', at, self._end)
        end = quote if quote >= 0 else self._end
        if not self._run.feed_plain(data, at, end):
            end = self._feed_escaped(self._run, data, at)
        if end == self._end or data[end] != ord('"'):
            self._carry = data[end : self._end]
            return self._end
        self.text += str(len(self.runs)).encode()
        self.runs.append(self._run.end())
        self._run = None
        self._last, self._read = b'"', Decoder._structure
        return end + 1

    def _feed_escaped(self, run: Base64Reader, data: Bytes, at: int) -> int:
        """Feed an image with text that may hold escapes; return where its quote stands, or what is not whole yet."""
        end, escaped = _end_of_string(data, at, self._end)
        is_open = end == self._end or data[end] != ord('"')
        if escaped and is_open and (opened := _OPEN_ESCAPE.search(data, max(at, end - 6), end)):
            end = opened.start()
        run.feed(data, at, end, escaped=escaped)
        return end

    def _remember(self, text: Bytes) -> None:
        if len(self.text) + len(text) > self.text_cap:
            self.text += text[: self.text_cap - len(self.text)]
            raise DecodeError("answer_too_large", f"the answer's text passed {self.text_cap:,} bytes")
        self.text += text


def kind_of(text: bytes) -> BodyKind:
    """Tell what a body looks like from its first byte."""
    first = text[:64].removeprefix(BOM).lstrip(BLANK)[:1] or text.removeprefix(BOM).lstrip(BLANK)[:1]
    if not first:
        return BodyKind.EMPTY
    if first == b"<":
        return BodyKind.HTML
    return BodyKind.JSON if first in {b"{", b"["} else BodyKind.OTHER


def _end_of_string(data: Bytes, at: int, stop: int) -> tuple[int, bool]:
    """Where the string's closing quote stands, or the end of what can be told yet; and whether escapes came before."""
    found = data.find(b'"', at, stop)
    end = found if found >= 0 else stop
    if data.find(b"\\", at, end) < 0:
        return end, False
    text = _STRING.match(data, at, stop)
    return (text.end() if text else at), True


def _key(raw: bytes) -> bytes:
    """Resolve the escapes of a key."""
    if b"\\" not in raw:
        return raw
    try:
        return str(json.loads(b'"' + raw + b'"', strict=False)).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return raw
