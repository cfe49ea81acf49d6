"""The input file of a batch: one line for each attempt, written to the spool before it is uploaded."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from batchgen.catalog import find_model
from batchgen.executor.protocol import Setup
from batchgen.model import Attempt, BatchRules
from batchgen.providers.dialects import dialect
from batchgen.providers.rules import to_send
from batchgen.providers.uploads import Upload, UploadError, Uploads, gather

FileOf = Callable[[Upload, str], Awaitable[str]]
"""Gives the id under which the provider has an image, by its bytes and their sha256."""
AROUND = 1000
"""Bytes of a line around its prompt, at most, without its images."""


def line_bytes(attempt: Attempt) -> int:
    """Say how long the line of an attempt can be."""
    request = attempt.request
    return (
        len(json.dumps(request.prompt, ensure_ascii=False).encode("utf-8", "replace"))
        + AROUND
        + 100 * len(request.images)
    )


@dataclass(frozen=True, slots=True)
class Unsendable:
    """An attempt that has no line: its request cannot be put into words."""

    attempt: Attempt
    why: str


@dataclass(frozen=True, slots=True)
class BatchInput:
    """Writes the input files of batches for one provider."""

    setup: Setup

    async def write(
        self, batch_id: str, attempts: Sequence[Attempt], file_of: FileOf
    ) -> tuple[Path, Sequence[Unsendable]]:
        """Write the file durably; which attempts it leaves out, and why. StorageError when the disk refuses."""
        spool, wrong = self.setup.workspace.spool(batch_id), list[Unsendable]()
        part = spool.part(0)
        try:
            for attempt in attempts:
                try:
                    part.write(await self._line(attempt, file_of))
                except (UploadError, OSError) as error:
                    wrong.append(Unsendable(attempt, str(error)))
        finally:
            facts = part.close()
        await self.setup.offload(spool.finish, {"batch": batch_id})
        return facts.path, wrong

    async def _line(self, attempt: Attempt, file_of: FileOf) -> bytes:
        provider = replace(self.setup.provider.at(attempt.model), edit_body="json", image_field="images")
        params = to_send(attempt.request, provider, find_model(attempt.model), attempt.inherited)
        uploads = await self._uploads(attempt, file_of)
        wire = dialect(provider, attempt.model).request(attempt, provider, params, uploads)
        assert isinstance(wire.body, bytes), "a line is JSON"
        url = (self.setup.provider.batch or BatchRules()).line_url(attempt.request.operation)
        return b"".join(
            (f'{{"custom_id":"{attempt.id}","method":"POST","url":"{url}","body":'.encode(), wire.body, b"}\n")
        )

    async def _uploads(self, attempt: Attempt, file_of: FileOf) -> Uploads:
        request = attempt.request
        if not (request.images or request.mask):
            return Uploads()
        uploads = await self.setup.offload(gather, request.images, request.mask, self.setup.prepare)
        images = [await self._placed(upload, file_of) for upload in uploads.images]
        mask = await self._placed(uploads.mask, file_of) if uploads.mask else None
        return Uploads(tuple(images), mask)

    async def _placed(self, upload: Upload, file_of: FileOf) -> Upload:
        """Return an image as the provider has it."""
        if upload.url:
            return upload
        digest = await self.setup.offload(_sha256, upload.data)
        return replace(upload, file_id=await file_of(upload, digest))

    def forget(self, batch_id: str) -> None:
        """Remove the file. Blocks."""
        self.setup.workspace.spool(batch_id).discard()


def _sha256(data: bytes | Path) -> str:
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
