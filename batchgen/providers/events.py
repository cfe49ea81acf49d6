"""Reads an answer that comes as server-sent events: each event is decoded as it arrives, and they make one answer.

Only a completed event is an image. A preview is none, whatever comes after it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchgen.providers.base64_span import Base64Span, DecodeError
from batchgen.providers.decode import BodyKind, Bytes, Decoder, Document

MOST_EVENTS = 100_000
_LONGEST_LINE = 1024
_MOST_TEXT = 256 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BEGINNING = re.compile(rb"\s*(?:data|event|id|retry)?:", re.ASCII)
_DATA = b"data:"
_EVENT = b"event:"
_DONE = b"[DONE]"
_ENDINGS = frozenset({"completed", "partial_succeeded", "partial_failed"})
"""How names of events end that bring an image or say that it will not come: OpenAI's, and two of Volcengine Ark's."""
_SAID = ("created", "model", "size", "quality", "output_format", "background")


def begins_events(lead: bytes) -> bool:
    """Whether a body begins as a stream of events does."""
    return _BEGINNING.match(lead.removeprefix(b"\xef\xbb\xbf")) is not None


def _is_preview(name: str) -> bool:
    """Whether an event of this name brings a preview; one image of several that is done is none."""
    return "partial" in name and name.rpartition(".")[2] not in _ENDINGS


@dataclass(slots=True)
class _Told:
    """What the events of one answer come to."""

    entries: list[Any] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    images: list[Any] = field(default_factory=list)
    other: Any = None
    in_chat: bool = False

    def take(self, name: str, value: Any) -> bool:
        """Take an event; False for a preview."""
        if not isinstance(value, Mapping):
            return True
        name = str(value.get("type") or name)
        if _is_preview(name) or "partial_image_index" in value:
            return False
        self._note(value)
        ending = name.rpartition(".")[2]
        if ending in _ENDINGS:
            self.entries += value["data"] if isinstance(value.get("data"), list) else [value]
        elif value.get("error") or ending in {"error", "failed"}:
            self.said["error"] = value.get("error") or value
        elif isinstance(value.get("choices"), list):
            self._chat(value["choices"])
        elif isinstance(value.get("data"), list):
            self.entries += value["data"]
        else:
            self.other = value
        return True

    def _note(self, value: Mapping[str, Any]) -> None:
        self.said |= {key: value[key] for key in _SAID if value.get(key) is not None}
        if isinstance(value.get("usage"), Mapping):
            self.said["usage"] = value["usage"]

    def _chat(self, choices: list[Any]) -> None:
        self.in_chat = True
        for choice in choices:
            piece = choice.get("delta") or choice.get("message") if isinstance(choice, Mapping) else None
            if isinstance(piece, Mapping):
                self.words += [piece["content"]] if isinstance(piece.get("content"), str) else []
                self.images += piece["images"] if isinstance(piece.get("images"), list) else []

    def value(self) -> Any:
        """Return the answer that they make, as if it had come whole."""
        if self.in_chat:
            message: dict[str, Any] = {"role": "assistant", "content": "".join(self.words)}
            message |= {"images": self.images} if self.images else {}
            return {**self.said, "choices": [{"message": message}]}
        if self.entries:
            return {**self.said, "data": self.entries}
        return self.said if "error" in self.said or self.other is None else self.other


class EventReader:
    """Takes a stream of events; `decoder` makes the decoder of one event, which takes in the images of all."""

    def __init__(self, decoder: Callable[[list[Base64Span]], Decoder]) -> None:
        self._decoder = decoder
        self._runs: list[Base64Span] = []
        self._told = _Told()
        self._line = bytearray()
        self._in_data = False
        self._after_return = False
        self._name = ""
        self._event: Decoder | None = None
        self._before = 0
        self._count = 0
        self._text = bytearray()
        self._previews: list[int] = []
        self._previewed = False
        self._whole = True
        self.closed = False

    def feed(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes, cut anywhere; DecodeError as a decoder raises it."""
        data = bytes(chunk[:size])
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        self._after_return = data.endswith(b"\r") if data else self._after_return
        at = 0
        while at < len(data) and not self.closed:
            found = _LINE_END.search(data, at)
            self._take(data[at : found.start() if found else len(data)])
            if found:
                self._end_line()
            at = found.end() if found else len(data)

    def _take(self, piece: bytes) -> None:
        """Take some bytes of a line; what follows `data:` goes on at once."""
        if self._in_data:
            self._data(piece)
            return
        self._line += piece[: _LONGEST_LINE - len(self._line)] if len(self._line) < _LONGEST_LINE else b""
        if self._line.startswith(_DATA):
            rest, self._line = bytes(self._line[len(_DATA) :]) + piece[_LONGEST_LINE:], bytearray()
            self._in_data = True
            self._data(rest)

    def _data(self, piece: bytes) -> None:
        if _is_preview(self._name):
            self._previewed = True
            return
        if self._event is None:
            self._before = len(self._runs)
            self._event = self._decoder(self._runs)
        self._event.feed(piece)

    def _end_line(self) -> None:
        if self._in_data:
            self._in_data = False
            if self._event:
                self._event.feed(b"\n")
            return
        line, self._line = bytes(self._line), bytearray()
        if not line.strip():
            self._end_event()
        elif line.startswith(_EVENT):
            self._name = line[len(_EVENT) :].decode("utf-8", "replace").strip()

    def _end_event(self) -> None:
        event, self._event, name, self._name = self._event, None, self._name, ""
        if event is None:
            return
        self._count += 1
        if self._count > MOST_EVENTS:
            raise DecodeError("answer_too_large", f"the answer has more than {MOST_EVENTS:,} events")
        document = event.close()
        self._text += (b"data: " + document.text.strip() + b"\n\n")[: _MOST_TEXT - len(self._text)]
        if document.text.strip() == _DONE:
            self.closed = True
            return
        self._whole = self._whole and document.whole
        if not self._told.take(name, document.value):
            self._previewed = True
            self._previews += [run.part for run in self._runs[self._before :] if run.part is not None]
            del self._runs[self._before :]

    def close(self) -> Document:
        """Return the one answer that all events made."""
        broken = self._in_data
        self._end_event()
        told = self._told
        done = bool(told.entries or told.in_chat or told.other or "error" in told.said)
        return Document(
            told.value(),
            BodyKind.JSON,
            whole=self._whole and not broken and (done or not self._previewed),
            runs=tuple(self._runs),
            text=bytes(self._text),
            final=self.closed or "usage" in told.said,
            previews=tuple(self._previews),
        )
