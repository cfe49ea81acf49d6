"""Takes an answer's bytes as they come: a success into images, anything else into a short text."""

from collections.abc import Callable, Iterable

from batchgen.executor.inflate import EncodingError, Inflate
from batchgen.providers.base64_span import DecodeError
from batchgen.providers.decode import Bytes, Document, kind_of
from batchgen.providers.json_text import parse
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
        self._inflate = Inflate(encoding)

    @property
    def done(self) -> bool:
        """Whether nothing that follows could matter."""
        closed = self._reader is not None and self._reader.closed
        return closed or self._full or len(self._small) >= SMALL

    def take(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes from the wire: all of `chunk`, or its first `size`. It may be used again."""
        inflate, reader = self._inflate, self._reader
        if reader is None:
            self._take_small(inflate.feed(bytes(chunk[:size])))
        elif self.trouble:
            self._keep(reader, bytes(chunk[:size]))
        elif inflate.passes(chunk, size):
            try:
                reader.feed(chunk, size)
            except DecodeError as error:
                self._spoiled(TransportError(error.code), str(error))
                self._keep(reader, bytes(chunk[:size]))
        else:
            self._unpack(reader, inflate.feed(bytes(chunk[:size])))

    def _unpack(self, reader: Reader, pieces: Iterable[bytes]) -> None:
        """Feed what is unpacked; what cannot be is kept as it came."""
        try:
            for piece in pieces:
                reader.feed(piece)
        except (EncodingError, DecodeError) as error:
            code = TransportError.ENCODING if isinstance(error, EncodingError) else TransportError(error.code)
            self._spoiled(code, str(error))
            self._keep(reader, self._inflate.rest)

    def _keep(self, reader: Reader, chunk: bytes) -> None:
        """Keep what was paid for and cannot be read, up to the most that an answer may hold."""
        try:
            reader.keep(chunk)
        except DecodeError:
            self._full = True

    def _take_small(self, pieces: Iterable[bytes]) -> None:
        """Take a body that is no success: a short one, or the beginning of it."""
        if self.trouble or len(self._small) >= SMALL:
            return
        try:
            for piece in pieces:
                self._small += piece[: SMALL - len(self._small)]
                if len(self._small) >= SMALL:
                    return
        except EncodingError as error:
            self._spoiled(TransportError.ENCODING, str(error))
            self._small += self._inflate.rest[: SMALL - len(self._small)]

    def _spoiled(self, trouble: TransportError, detail: str) -> None:
        self.trouble, self.detail = trouble, detail

    def close(self) -> Document:
        """Say what came, read as far as it can be."""
        if self._reader is None:
            self._take_small(self._inflate.end())
        elif not self.trouble:
            self._unpack(self._reader, self._inflate.end())
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
