"""Chosen images as one ZIP file, made piece by piece while it is sent: it never lies anywhere as a whole."""

import zipfile
from collections.abc import Iterable, Iterator
from io import RawIOBase
from pathlib import PurePosixPath
from typing import Any

from batchgen.viewer.page_source import Found

PIECE = 256 * 1024
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in it, so that the same images make the same file."""


class _Taken(RawIOBase):
    """Keeps what was written since it was last taken."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += data
        return len(data)

    def take(self) -> bytes:
        """Give what was written, and forget it."""
        taken, self._kept = bytes(self._kept), bytearray()
        return taken


def pieces(images: Iterable[Found]) -> Iterator[bytes]:
    """Go through a ZIP file of these images; they are packed already, so nothing is compressed. Blocks."""
    out = _Taken()
    with zipfile.ZipFile(out, "w") as whole:
        for image in images:
            entry = zipfile.ZipInfo(_harmless(image.name) or image.sha256, _OLDEST)
            entry.external_attr = 0o644 << 16
            with image.file, whole.open(entry, "w", force_zip64=True) as target:
                while piece := image.file.read(PIECE):
                    target.write(piece)
                    yield out.take()
    yield out.take()


def _harmless(name: str) -> str:
    """Return a name that stays below the folder into which somebody unpacks it."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in {"/", ".."})
