"""Lines of a batch's output and error files: decoded while they arrive, one at a time, each joined with its attempt."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchgen.executor.batch_client import BatchClient
from batchgen.executor.exchange import Exchange
from batchgen.executor.part_writer import PartWriter
from batchgen.executor.response_handler import MOST_PER_IMAGE, ResponseHandler
from batchgen.model import Attempt, Charge, Phase, Receipt, Remedy, Verdict
from batchgen.providers.base64_span import Base64Span, DecodeError
from batchgen.providers.decode import BodyKind, Document
from batchgen.providers.dialects import dialect
from batchgen.providers.json_text import mapping
from batchgen.providers.reading import Reader
from batchgen.redact import without

MOST_IMAGES = 10
"""Images of one line."""
WITHIN = ("response", "body")
"""Where the answer to a request stands in its line."""
BROKEN = Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "batch_line_broken", "its line of the batch's output cannot be read")
UNANSWERED = Verdict(
    Charge.MAYBE, Remedy.UNCERTAIN, "batch_line_empty", "its line says neither what came nor what failed"
)


@dataclass(slots=True)
class OutputLine:
    """One line: what it is joined by, and where the file goes on behind it. Take it or drop it before the next one."""

    custom_id: str
    end: int
    broken: bool
    _document: Document
    _intake: PartWriter
    _files: "OutputFiles"

    @property
    def succeeded(self) -> bool:
        """Whether it says that its request was performed."""
        value = mapping(self._document.value)
        answered = value.get("response")
        status = answered.get("status_code") if isinstance(answered, Mapping) else None
        return isinstance(status, int) and 200 <= status < 300

    async def receipt(self, attempt: Attempt) -> Receipt:
        """Say what the line brought for its attempt; its images are durably in place. StorageError as the disk says."""
        if self.broken:
            return await self._files.keep(attempt, BROKEN, self._document, self._intake)
        return await self._files.read(attempt, self._document, self._intake)

    async def drop(self) -> None:
        """Throw away what the line left in the spool."""
        await self._files.discard(self._intake)


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """Reads the output of batches at one provider; one line at a time is in the spool, under the batch's own id."""

    client: BatchClient
    handler: ResponseHandler

    async def lines(self, batch_id: str, file_id: str, offset: int, size: int | None) -> AsyncGenerator[OutputLine]:
        """Give the lines of a file behind an offset; BatchRefusedError when it breaks before `size`."""
        position, at, line = offset, offset, _Line(self, batch_id)
        async with self.client.content(file_id, offset) as pieces:
            async for piece in pieces:
                start = 0
                while (stop := piece.find(b"\n", start)) >= 0:
                    line.feed(piece[start:stop])
                    position = at + stop + 1
                    if line.begun:
                        yield line.close(position)
                    line, start = _Line(self, batch_id), stop + 1
                line.feed(piece[start:])
                at += len(piece)
        if size is not None and at < size:
            await line.discard()
            raise self.client.cut(size - at)
        if line.begun:
            yield line.close(at)

    def writer(self, batch_id: str) -> PartWriter:
        """Make the place for the images of one line."""
        return PartWriter(self.handler.setup.workspace.spool(batch_id))

    def reader(self, intake: PartWriter) -> Reader:
        """Make the reader of one line."""
        provider = self.client.provider
        speech = dialect(provider, provider.default_model)
        return speech.reader(intake.open, MOST_PER_IMAGE * MOST_IMAGES, MOST_IMAGES)

    async def read(self, attempt: Attempt, document: Document, intake: PartWriter) -> Receipt:
        """Read a line that is whole."""
        value = document.value
        answered = value.get("response")
        if not isinstance(answered, Mapping) or not isinstance(answered.get("status_code"), int):
            error = value.get("error")
            verdict = _undone(error) if isinstance(error, Mapping) else UNANSWERED
            return await self.keep(attempt, verdict, document, intake)
        call = Exchange(self.handler.setup.clock, phase=Phase.COMPLETE, status=answered["status_code"])
        if isinstance(answered.get("request_id"), str):
            call.headers["x-request-id"] = answered["request_id"]
        body = answered.get("body")
        kind = BodyKind.JSON if isinstance(body, Mapping) else BodyKind.OTHER
        inner = replace(document, value=body, kind=kind, runs=tuple(map(_within, document.runs)))
        receipt = await self.handler.read(attempt, dialect(self.client.provider, attempt.model), call, intake, inner)
        if answered["status_code"] >= 500:
            return replace(receipt, verdict=replace(receipt.verdict, charge=Charge.NO, remedy=Remedy.RETRY))
        return receipt

    async def keep(self, attempt: Attempt, verdict: Verdict, document: Document, intake: PartWriter) -> Receipt:
        """Return the receipt of a line that brings nothing; what may have been paid goes to quarantine."""
        receipt = Receipt(attempt.id, Phase.COMPLETE, verdict)
        if verdict.charge is Charge.NO:
            return receipt

        def aside() -> str:
            intake.write_text(without(document.text, self.handler.secrets))
            return intake.spool.quarantine({"attempt": attempt.id, "code": verdict.code, "message": verdict.message})

        return replace(receipt, quarantine=await self.handler.setup.offload(aside))

    async def discard(self, intake: PartWriter) -> None:
        """Throw a line's part of the spool away."""
        intake.close()
        await self.handler.setup.offload(intake.spool.discard)


class _Line:
    """A line while it arrives."""

    def __init__(self, files: OutputFiles, batch_id: str) -> None:
        self._files = files
        self._intake = files.writer(batch_id)
        self._reader = files.reader(self._intake)
        self._overgrown = False
        self.begun = False

    def feed(self, piece: bytes) -> None:
        """Take bytes without a line's end; of a line that is too large nothing more is read."""
        self.begun = self.begun or bool(piece.strip())
        if not piece or self._overgrown:
            return
        try:
            self._reader.feed(piece)
        except DecodeError:
            self._overgrown = True

    def close(self, end: int) -> OutputLine:
        """Say what came."""
        document = self._reader.close()
        self._intake.close()
        value = mapping(document.value)
        broken = self._overgrown or not document.whole or not isinstance(document.value, Mapping)
        name = value.get("custom_id")
        return OutputLine(name if isinstance(name, str) else "", end, broken, document, self._intake, self._files)

    async def discard(self) -> None:
        """Throw away what came of a line that broke off."""
        await self._files.discard(self._intake)


def _within(run: Base64Span) -> Base64Span:
    """Say where an image stands in the answer that its line holds."""
    around = len(WITHIN)
    return replace(run, names=run.names[around:]) if run.names[:around] == WITHIN else run


def _undone(error: Mapping[str, Any]) -> Verdict:
    """Judge a line that was not performed: not charged, and wanted again."""
    code = error.get("code")
    if not isinstance(code, str) or len(code) > 60 or not code.replace("_", "").isalnum():
        code = "batch_line_failed"
    return Verdict(Charge.NO, Remedy.RETRY, code, str(error.get("message") or "")[:500])
