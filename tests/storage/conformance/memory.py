"""A store that keeps images in a dictionary: for tests, and to show what a store has to do."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256 as hash_of
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from batchgen.errors import Occupied, StorageError
from batchgen.storage import NewImage, StoredFile
from batchgen.storage.durable import parts_of
from batchgen.storage.images.store import (
    IMAGES,
    MOST_SIDECAR,
    SIDECAR,
    SIDECAR_BEGINS,
    aside_parts,
    image_parts,
    is_image,
    next_name,
    superseded,
)
from batchgen.storage.workspace import nowhere


@dataclass(frozen=True)
class Kept:
    """An object with the part that it came from, by which it is known again."""

    data: bytes
    came_from: str = ""

    @property
    def sha256(self) -> str:
        """Its hash, in hex."""
        return hash_of(self.data).hexdigest()


@dataclass
class Objects:
    """What is kept, by path; it outlives the process that opened it."""

    by_path: dict[str, Kept] = field(default_factory=dict)

    def plant(self, path: str, data: bytes) -> None:
        """Put an object there as a stranger does."""
        self.by_path[path] = Kept(data)


class MemoryStore:
    """Keeps the promises of `ImageStore`; `at` is called between every two steps."""

    def __init__(self, objects: Objects, at: Callable[[str], None] = nowhere) -> None:
        self._objects = objects.by_path
        self._at = at

    def ready(self) -> None:
        """Nothing can be amiss."""

    def claim(self, ledger: str, *, anew: bool = False, shard: str = "") -> tuple[str, ...]:
        """Belong to anybody."""
        return ()

    def e_tag(self, path: str) -> str:
        """Nothing has versions."""
        return ""

    def mirror(self, files: Mapping[str, Path]) -> None:
        """Keep nothing but images."""

    def put(self, part: Path, path: str, sha256: str | None = None, *, replacing: str | None = None) -> str | None:
        """Keep the bytes of a part."""
        came_from = f"{part.parent.name}/{part.name}"
        new = Kept(part.read_bytes(), came_from) if part.exists() else None
        return self._appear(new, path, sha256, replacing)

    def put_all(self, images: Sequence[NewImage], *, replacing: str | None = None) -> tuple[str | None, ...]:
        """Keep the bytes of several parts."""
        return tuple([self.put(one.file, one.path, one.sha256, replacing=replacing) for one in images])

    def set_aside(self, path: str, key: str) -> str | None:
        """Move an image to `superseded/`."""
        return self._step_aside(path, key, placed=False)

    def discard(self, path: str) -> None:
        """Forget an image that stepped aside."""
        aside_parts(path)
        for name in (path, path + SIDECAR):
            self._objects.pop(name, None)

    def move(self, old: str, new: str, sha256: str, *, replacing: str | None = None) -> str | None:
        """Copy an image, then forget the old one."""
        parts_of(old)
        if old == new:
            return None
        gone = self._appear(self._objects.get(old), new, sha256, replacing, beside=old)
        self._forget(old)
        return gone

    def open(self, path: str) -> BinaryIO:
        """Open an object."""
        parts_of(path)
        if path not in self._objects:
            raise StorageError(f"{path}: not there")
        return io.BytesIO(self._objects[path].data)

    def local_path(self, path: str) -> Path | None:
        """Nothing is kept in files."""
        return None

    def head(self, path: str, *, sha256: bool = False) -> StoredFile | None:
        """Describe an object."""
        parts_of(path)
        found = self._objects.get(path)
        return StoredFile(path, len(found.data), found.sha256 if sha256 else None) if found else None

    def taken(self, paths: Iterable[str]) -> frozenset[str]:
        """Tell which paths have an object."""
        return frozenset(self._objects.keys() & paths)

    def listing(self, where: str = IMAGES, *, sha256: bool = False) -> Iterator[StoredFile]:
        """List the objects below a folder."""
        for path in sorted(path for path in self._objects if path.startswith(f"{where}/") and is_image(path)):
            if found := self.head(path, sha256=sha256):
                yield found

    def write_sidecar(self, path: str, data: bytes) -> bool:
        """Keep a sidecar."""
        parts_of(path)
        if path + SIDECAR in self._objects and not (self.read_sidecar(path) or b"").startswith(SIDECAR_BEGINS):
            return False
        self._at("before_sidecar")
        self._objects[path + SIDECAR] = Kept(data)
        self._at("after_sidecar")
        return True

    def read_sidecar(self, path: str) -> bytes | None:
        """Give out a sidecar."""
        parts_of(path)
        found = self._objects.get(path + SIDECAR)
        return found.data if found and len(found.data) <= MOST_SIDECAR else None

    # ---- steps -------------------------------------------------------------------------------------------------------

    def _appear(
        self, new: Kept | None, path: str, sha256: str | None, replacing: str | None, *, beside: str = ""
    ) -> str | None:
        image_parts(path)
        standing = self._objects.get(path)
        placed = _is_placed(new, standing, sha256, other=replacing is not None)
        gone = self._step_aside(path, replacing, placed=placed) if replacing else None
        if placed or new is None:
            return gone
        if path in self._objects:
            raise Occupied(f"{path}: another image stands there: move it away")
        if beside:
            self._bring(beside, path)
        self._at("before_put")
        self._objects[path] = new
        self._at("after_put")
        return gone

    def _step_aside(self, path: str, key: str, *, placed: bool) -> str | None:
        aside = superseded(path, key)
        standing = self._objects.get(path)
        if placed or standing is None:
            return aside if aside in self._objects else None
        while aside in self._objects and self._objects[aside] is not standing:
            aside = str(PurePosixPath(aside).with_name(next_name(PurePosixPath(aside).name)))
        self._bring(path, aside)
        self._at("before_aside")
        self._objects[aside] = standing
        self._at("after_copy")
        self._forget(path)
        return aside

    def _bring(self, old: str, new: str) -> None:
        """Let a sidecar go before its image."""
        if found := self._objects.get(old + SIDECAR):
            self._objects[new + SIDECAR] = found
            self._at("sidecar_copied")
            self._forget(old + SIDECAR)

    def _forget(self, path: str) -> None:
        if self._objects.pop(path, None):
            self._at("after_remove")


def _is_placed(new: Kept | None, standing: Kept | None, sha256: str | None, *, other: bool) -> bool:
    """Tell whether the image stands in its place already; `other`: another may stand there with the same bytes."""
    if new is None:
        if standing and standing.sha256 == sha256:
            return True
        raise StorageError("its bytes are gone from the spool")
    if standing is None:
        return False
    known = bool(new.came_from) and new.came_from == standing.came_from
    return known or (not other and new.data == standing.data)
