"""Images of a store elsewhere as files of this machine, for a while and up to a bound."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from batchgen.storage.durable import PRIVATE_DIR, guarded

MOST_BYTES = 2 * 1024**3
FRESH_SECONDS = 600.0
"""What was asked for so lately is kept, whatever the bound: somebody may be about to read it."""


class Cache:
    """A folder of copies, the oldest of which make room."""

    def __init__(self, root: Path, most: int = MOST_BYTES) -> None:
        """Name the folder; it is made when the first image comes."""
        self._root = root
        self._most = most

    def get(self, path: str, version: str, pour: Callable[[BinaryIO], bool]) -> Path | None:
        """Return a copy of this version of an image, poured now unless it is here; None when there is none."""
        name = hashlib.sha256(f"{path}\n{version}".encode()).hexdigest()[:32]
        kept = self._root / f"{name}{PurePosixPath(path).suffix}"
        with guarded(kept):
            if not kept.exists():
                self._root.mkdir(PRIVATE_DIR, parents=True, exist_ok=True)
                # Its own name: threads and processes may fetch the same image at the same time.
                with NamedTemporaryFile(dir=self._root, prefix=".", delete=False) as file:
                    coming = Path(file.name)
                    try:
                        there = pour(cast("BinaryIO", file))
                    except BaseException:
                        coming.unlink()
                        raise
                if not there:
                    coming.unlink()
                    return None
                coming.replace(kept)
                self._make_room()
            os.utime(kept)
        return kept

    def _make_room(self) -> None:
        files = []
        for one in self._root.iterdir():
            with suppress(FileNotFoundError):  # somebody else's copy takes its place, or makes room
                files.append((one.stat(), one))
        files.sort(key=lambda pair: pair[0].st_mtime)
        size, newest = sum(facts.st_size for facts, _ in files), files[-1][0].st_mtime
        for facts, one in files:
            if size <= self._most or newest - facts.st_mtime < FRESH_SECONDS:
                return
            with suppress(FileNotFoundError):
                one.unlink()
            size -= facts.st_size
