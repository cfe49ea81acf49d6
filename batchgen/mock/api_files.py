"""Files that clients upload and batches produce, kept on disk: what `/v1/files` remembers."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgen.mock.plan import Hit
from batchgen.mock.reply import Refused, error
from batchgen.mock.seeded import draw
from batchgen.runtime.clock import Clock

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
OF_IMAGES = frozenset({"vision", "user_data"})
"""Purposes for which images are uploaded; not every provider has both."""
MONTH = 30 * 86_400


@dataclass(slots=True)
class ApiFile:
    """One file. `fault` spoils the reading of its content; `owner` is the key that brought it.

    It is not processed before it was looked at `pending` times.
    """

    id: str
    purpose: str
    filename: str
    path: Path
    created: int
    owner: str
    expires: int | None = None
    fault: Hit | None = None
    reads: int = 0
    pending: int = 0

    @property
    def is_processed(self) -> bool:
        """Whether it was looked at often enough."""
        return self.pending <= 0

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def as_dict(self) -> dict[str, Any]:
        """Return the file object of the API."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created,
            "expires_at": self.expires,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed" if self.is_processed else "pending",
            "status_details": None,
        }

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Read its lines with their offsets, one at a time."""
        with self.path.open("rb") as file:
            at = 0
            for line in file:
                yield at, line
                at += len(line)


@dataclass(slots=True)
class ApiFiles:
    """Every file of one server, in a folder that goes when the server stops."""

    clock: Clock
    seed: int
    project_per_key: bool
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _known: dict[str, ApiFile] = field(default_factory=dict)
    _count: int = 0

    def new(self, purpose: str, filename: str, owner: str, seconds: int | None = None) -> ApiFile:
        """Make an empty file that nobody sees until it is kept."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="batchgen-mock-")
        self._count += 1
        name = f"file-mock{self._count:06d}{int(draw(self.seed, 'file', self._count) * 16**8):08x}"
        path, now = Path(self._folder.name, name), int(self.clock.now().timestamp())
        path.touch()
        return ApiFile(name, purpose, filename, path, now, owner, now + seconds if seconds else None)

    def keep(self, file: ApiFile) -> ApiFile:
        """Show a file to everybody who may see it."""
        self._known[file.id] = file
        return file

    def find(self, name: str, owner: str) -> ApiFile:
        """Find a file; Refused when there is none, or it has expired, or another project has it."""
        found = self.peek(name)
        if found is None or (self.project_per_key and found.owner != owner):
            raise Refused(error(404, f"No such File object: {name}", None, param="id"))
        return found

    def peek(self, name: str) -> ApiFile | None:
        """Find a file, whoever has it."""
        found = self._known.get(name)
        if found and found.expires is not None and self.clock.now().timestamp() >= found.expires:
            return None
        return found

    def remove(self, file: ApiFile) -> None:
        """Forget a file and its bytes."""
        self._known.pop(file.id, None)
        file.path.unlink(missing_ok=True)

    def listed(self, owner: str, purpose: str | None) -> list[ApiFile]:
        """List what an owner sees, newest first."""
        known = [file for name in reversed(self._known) if (file := self.peek(name))]
        mine = [file for file in known if not self.project_per_key or file.owner == owner]
        return [file for file in mine if purpose is None or file.purpose == purpose]

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
