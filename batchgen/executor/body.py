"""Takes an answer's bytes as they come: a success into images, anything else into a short text."""

from collections.abc import Callable

from batchgen.executor.inflate import EncodingError, Inflate
from batchgen.providers.decode import Bytes, DecodeError, Document, kind_of, parse
from batchgen.providers.reading import Reader
from batchgen.providers.verdict import TransportError

SMALL = 1024 * 1024


class Body:
    """One body. `take` never raises for what a server sends; `trouble` says what is wrong with it.

    Errors of the parts' sinks (StorageError) pass through.
    """

    def __init__(self, status: int, encoding: str, reader: Callable[[], Reader]) -> None:
        """Expect what a reader takes after a success, a short text after anything else."""
        self.trouble: TransportError | None = None
        self.detail = ""
        self._reader = reader() if 200 <= status < 300 else None
        self._small = bytearray()
        self._full = False
        self._inflate: Inflate | None = None
        try:
            self._inflate = Inflate(encoding)
        except EncodingError as error:
            self._spoiled(TransportError.ENCODING, str(error))

    @property
    def done(self) -> bool:
        """Whether nothing that follows could matter."""
        closed = self._reader is not None and self._reader.closed
        return closed or self._full or len(self._small) >= SMALL

    def take(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes from the wire: all of `chunk`, or its first `size`. It may be used again."""
        inflate, reader = self._inflate, self._reader
        if reader is None:
            self._take_small(bytes(chunk[:size]))
            return
        if inflate is None or self.trouble:
            self._keep(reader, bytes(chunk[:size]))
            return
        try:
            if inflate.is_plain:
                reader.feed(chunk, size)
                return
            for piece in inflate.feed(bytes(chunk[:size])):
                reader.feed(piece)
        except EncodingError as error:
            self._spoiled(TransportError.ENCODING, str(error))
            self._keep(reader, bytes(chunk[:size]))
        except DecodeError as error:
            self._spoiled(TransportError(error.code), str(error))
            self._keep(reader, bytes(chunk[:size]))

    def _keep(self, reader: Reader, chunk: bytes) -> None:
        """Keep what was paid for and cannot be read, up to the most that an answer may hold."""
        try:
            reader.keep(chunk)
        except DecodeError:
            self._full = True

    def _take_small(self, chunk: bytes) -> None:
        """Take a body that is no success: a short one, or the beginning of it."""
        pieces = [chunk]
        if self._inflate is not None and self.trouble is None:
            try:
                pieces = list(self._limited(self._inflate, chunk))
            except EncodingError as error:
                self._spoiled(TransportError.ENCODING, str(error))
        for piece in pieces:
            self._small += piece[: SMALL - len(self._small)]

    def _limited(self, inflate: Inflate, chunk: bytes) -> list[bytes]:
        room, pieces = SMALL - len(self._small), list[bytes]()
        for piece in inflate.feed(chunk):
            pieces.append(piece)
            room -= len(piece)
            if room <= 0:
                break
        return pieces

    def _spoiled(self, trouble: TransportError, detail: str) -> None:
        self.trouble, self.detail = trouble, detail

    def close(self) -> Document:
        """Say what came, read as far as it can be."""
        if self._reader is not None:
            document = self._reader.close()
            if self._reader.closed and not document.whole and self.trouble is None:
                self._spoiled(TransportError.UNDECODABLE, "the answer is no JSON")
            return document
        text = bytes(self._small)
        try:
            return Document(parse(text), kind_of(text), whole=True, runs=(), text=text)
        except DecodeError:
            return Document(None, kind_of(text), whole=False, runs=(), text=text)
