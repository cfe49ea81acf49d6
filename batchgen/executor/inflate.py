"""Undoes a body's compression piece by piece, so that a small body can not unfold into a large one at once."""

import zlib
from collections.abc import Iterator

from batchgen.providers.decode import BodyKind, Bytes, kind_of
from batchgen.providers.events import begins_events
from batchgen.providers.image_bytes import LEAD, begins_image

PIECE = 256 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_GZIP = b"\x1f\x8b"
_PLAIN = frozenset({BodyKind.JSON, BodyKind.HTML})


class EncodingError(Exception):
    """A body that can not be unpacked."""


class Inflate:
    """Unpacks gzip and deflate; everything that is not compressed passes through untouched.

    How a body begins counts for more than what is said of it: gateways unpack a body and leave the header, or take
    the header away and leave it packed.
    """

    def __init__(self, encoding: str, *, begun: bool = False) -> None:
        """Take the Content-Encoding header. `rest` are bytes that were taken and not handed on.

        `begun`: what comes goes on with bytes that came unpacked, and is handed on as it is.
        """
        self._encoding = encoding
        self._names = {name.strip().lower() for name in encoding.split(",")} - {"", "identity"}
        self._unpack: zlib._Decompress | None = None
        self._may_be_raw = self._names == {"deflate"}
        self._begun = begun
        self.rest = b""

    @property
    def is_said(self) -> bool:
        """Whether the header says that the body is packed."""
        return bool(self._names)

    @property
    def unpacks(self) -> bool:
        """Whether the body is packed, as far as it came."""
        return self._unpack is not None

    def passes(self, chunk: Bytes, size: int | None = None) -> bool:
        """Whether these bytes and all that follow need no look: most bodies, from their first bytes on."""
        if not (self._begun or self._names or self.rest) and (size or len(chunk)) >= LEAD and chunk[:2] != _GZIP:
            self._begun = True
        return self._begun and self._unpack is None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Unpacked pieces of bounded size; EncodingError when the bytes are damaged, or packed in a way not known."""
        self.rest += chunk
        if self._begun or len(self.rest) >= LEAD:
            yield from self.end()

    def end(self) -> Iterator[bytes]:
        """Hand on what is held back as long as nobody knows what comes."""
        if self.rest and not self._begun:
            self._begin(self.rest)
        if self.rest:
            yield from (self.rest,) if self._unpack is None else self._unpacked(self.rest)
        self.rest = b""

    def _begin(self, lead: bytes) -> None:
        if lead[:2] == _GZIP or (self._names <= {"gzip", "x-gzip", "deflate"} and len(self._names) == 1):
            packed = lead[:2] == _GZIP or not _is_readable(lead)
            self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None
        elif self._names and not _is_readable(lead):
            raise EncodingError(f"the answer is packed as {self._encoding!r}, which was not asked for")
        self._begun = True

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        try:
            yield from self._pieces(chunk)
        except zlib.error as error:
            raise EncodingError(f"the answer's compression is damaged: {error}") from error

    def _pieces(self, chunk: bytes) -> Iterator[bytes]:
        unpack = self._unpack
        while chunk and unpack:
            try:
                piece = unpack.decompress(chunk, PIECE)
            except zlib.error:
                if not self._may_be_raw:
                    raise
                unpack = self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)
                piece = unpack.decompress(chunk, PIECE)
            self._may_be_raw = False
            if piece:
                yield piece
            chunk = unpack.unconsumed_tail
            if unpack.eof:
                chunk = unpack.unused_data
                if chunk[:2] != _GZIP:  # junk, or the end; gzip may come in several members
                    return
                unpack = self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB)


def _is_readable(lead: bytes) -> bool:
    """Whether a body begins as one that is not packed."""
    return kind_of(lead) in _PLAIN or begins_image(lead) or begins_events(lead)
