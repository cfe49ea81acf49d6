"""Undoes a body's compression piece by piece, so that a small body can not unfold into a large one at once."""

import zlib
from collections.abc import Iterable, Iterator

PIECE = 256 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class EncodingError(Exception):
    """A body that can not be unpacked."""


class Inflate:
    """Unpacks gzip and deflate; everything that is not compressed passes through untouched."""

    def __init__(self, encoding: str) -> None:
        """Take the Content-Encoding header; EncodingError for one that is not understood."""
        names = [name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in {"", "identity"}]
        if len(names) > 1 or not set(names) <= {"gzip", "x-gzip", "deflate"}:
            raise EncodingError(f"the answer is packed as {encoding!r}, which was not asked for")
        self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if names else None
        self._may_be_raw = names == ["deflate"]

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to unpack."""
        return self._unpack is None

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Unpacked pieces of bounded size; EncodingError when the bytes are damaged."""
        return (chunk,) if self._unpack is None else self._unpacked(self._unpack, chunk)

    def _unpacked(self, unpack: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
        try:
            yield from self._pieces(unpack, chunk)
        except zlib.error as error:
            raise EncodingError(f"the answer's compression is damaged: {error}") from error

    def _pieces(self, unpack: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
        while chunk and not unpack.eof:
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
