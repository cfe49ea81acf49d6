"""Takes an answer's bytes as they come: a success into images, anything else into a short text."""

from collections.abc import Callable

from batchgen.executor.inflate import EncodingError, Inflate
from batchgen.providers.decode import Bytes, DecodeError, Decoder, Document, kind_of, parse
from batchgen.providers.verdict import TransportError

SMALL = 1024 * 1024


class Body:
    """One body. `take` never raises for what a server sends; `trouble` says what is wrong with it.

    Errors of the parts' sinks (StorageError) pass through.
    """

    def __init__(self, status: int, encoding: str, decoder: Callable[[], Decoder]) -> None:
        """Expect what a decoder reads after a success, a short text after anything else."""
        self.trouble: TransportError | None = None
        self.detail = ""
        self._decoder = decoder() if 200 <= status < 300 else None
        self._small = bytearray()
        self._inflate: Inflate | None = None
        try:
            self._inflate = Inflate(encoding)
        except EncodingError as error:
            self._spoiled(TransportError.ENCODING, str(error))

    @property
    def done(self) -> bool:
        """Whether nothing that follows could matter."""
        closed = self._decoder is not None and self._decoder.closed
        return (
            closed or len(self._small) >= SMALL or self.trouble in {TransportError.TOO_LARGE, TransportError.TOO_DEEP}
        )

    def take(self, chunk: Bytes, size: int | None = None) -> None:
        """Take the next bytes from the wire: all of `chunk`, or its first `size`. It may be used again."""
        inflate, decoder = self._inflate, self._decoder
        if inflate is None or decoder is None or self.trouble:
            self._keep(bytes(chunk[:size]))
            return
        try:
            if inflate.is_plain:
                decoder.feed(chunk, size)
                return
            for piece in inflate.feed(bytes(chunk[:size])):
                decoder.feed(piece)
        except EncodingError as error:
            self._spoiled(TransportError.ENCODING, str(error))
            self._keep(bytes(chunk[:size]))
        except DecodeError as error:
            self._spoiled(TransportError(error.code), str(error))

    def _keep(self, chunk: bytes) -> None:
        """Keep a short body, or the beginning of one that can not be read."""
        pieces = [chunk]
        if self._inflate is not None and self._decoder is None and self.trouble is None:
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
        """What came, read as far as it can be."""
        if self._decoder is not None:
            document = self._decoder.close()
            if self._decoder.closed and not document.whole and self.trouble is None:
                self._spoiled(TransportError.UNDECODABLE, "the answer is no JSON")
            text = document.text + bytes(self._small)
            return Document(document.value, document.kind, document.whole, document.runs, text)
        text = bytes(self._small)
        try:
            return Document(parse(text), kind_of(text), whole=True, runs=(), text=text)
        except DecodeError:
            return Document(None, kind_of(text), whole=False, runs=(), text=text)
