"""Reads an answer's body as what it is, whatever it is said to be: JSON, events, an image, or unknown bytes."""

from collections.abc import Callable

from batchgen.providers.base64_span import Base64Span, Parts, PartSink, SpanState
from batchgen.providers.decode import BLANK, BOM, BodyKind, Bytes, Decoder, Document, ImageFields
from batchgen.providers.events import EventReader, begins_events
from batchgen.providers.image_bytes import LEAD, begins_image

MORE_THAN_ASKED = 8
"""Images beyond those asked for that are kept of one answer."""
_MOST_QUOTED = 1024
_CONTROL = frozenset(range(0x20)) - frozenset(b"\t\n\r\x1b")


class RawBody:
    """Takes a body whole into one part: an image, or what was paid for and cannot be read."""

    closed = False

    def __init__(self, parts: Parts, *, image: bool) -> None:
        self._parts = parts
        self._image = image
        self._part: tuple[int, PartSink] | None = None
        self._size = 0
        self._lead = b""

    def feed(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes; DecodeError when they are too many."""
        data = bytes(chunk[:size])
        self._parts.count(len(data))
        self._part = self._part or self._parts.start()
        self._part[1].write(data)
        self._size += len(data)
        self._lead += data[: _MOST_QUOTED - len(self._lead)]

    def close(self) -> Document:
        """Return an answer of one image, or one that holds nothing to be understood."""
        number = None
        if self._part:
            number = self._part[0]
            self._part[1].close()
        if self._image:
            run = Base64Span(SpanState.WHOLE, number, bytes=self._size, unpadded=True)
            return Document(None, BodyKind.OTHER, whole=True, runs=(run,), text=b"", final=False, kept=number)
        return Document(None, BodyKind.OTHER, whole=False, runs=(), text=self._lead, final=False, kept=number)


class Reader:
    """Takes one body. It begins to read when it knows what comes; `keep` makes it give up and only keep bytes."""

    def __init__(
        self, open_part: Callable[[int], PartSink], fields: ImageFields, *, cap: int, text_cap: int, asked: int
    ) -> None:
        """Take the opener of numbered parts, the most bytes of images and of text, and how many images were asked."""
        self._parts = Parts(open_part, cap)
        self._fields = fields
        self._text_cap = text_cap
        self._most = asked + MORE_THAN_ASKED
        self._lead: bytes | None = b""
        self._reader: Decoder | EventReader | RawBody | None = None
        self._kept: RawBody | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing that follows could matter."""
        return self._reader is not None and self._reader.closed

    def feed(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes, cut anywhere; DecodeError as a decoder raises it."""
        if self._reader is not None:
            self._reader.feed(chunk, size)
            return
        self._lead = (self._lead or b"") + bytes(chunk[:size])
        if len(self._lead.removeprefix(BOM).lstrip(BLANK)) >= LEAD:
            self._begin()

    def keep(self, chunk: bytes) -> None:
        """Keep bytes that cannot be read; DecodeError when they are too many."""
        self._kept = self._kept or RawBody(self._parts, image=False)
        self._kept.feed(chunk)

    def close(self) -> Document:
        """Give what came. Call once, after the last byte."""
        if self._reader is None:
            self._begin()
        assert self._reader is not None, "it has begun"
        document = self._reader.close()
        if self._kept is None:
            return document
        kept = self._kept.close()
        return Document(document.value, document.kind, False, document.runs, document.text + kept.text, kept=kept.kept)

    def _begin(self) -> None:
        lead, self._lead = self._lead or b"", None
        self._reader = self._reader_of(lead)
        if lead:
            self._reader.feed(lead)

    def _reader_of(self, lead: bytes) -> Decoder | EventReader | RawBody:
        if begins_image(lead):
            return RawBody(self._parts, image=True)
        if begins_events(lead):
            return EventReader(self._decoder)
        if _is_binary(lead):
            return RawBody(self._parts, image=False)
        return self._decoder()

    def _decoder(self, runs: list[Base64Span] | None = None) -> Decoder:
        return Decoder(self._parts, self._fields, text_cap=self._text_cap, most=self._most, runs=runs)


def _is_binary(lead: bytes) -> bool:
    """Whether bytes are neither JSON, nor a page, nor words: an archive, say, or a body of several parts."""
    text = lead.removeprefix(BOM).lstrip(BLANK)
    if text[:1] in {b"{", b"[", b"<", b'"'}:
        return False
    return text.startswith(b"--") or not _CONTROL.isdisjoint(text[:LEAD])
