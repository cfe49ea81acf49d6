"""Images as objects of a store elsewhere: a name appears at once and whole, and only where nothing stands."""

import mimetypes
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from batchgen.errors import Occupied, StoreError, Unreachable
from batchgen.storage.decode import sha256_of
from batchgen.storage.durable import parts_of
from batchgen.storage.images.bucket import Bucket, Found, Taken
from batchgen.storage.images.cache import Cache
from batchgen.storage.images.store import (
    BOOKS,
    IMAGES,
    MOST_OWNER,
    MOST_SIDECAR,
    OWNER,
    SIDECAR,
    SIDECAR_BEGINS,
    SUPERSEDED,
    NewImage,
    StoredFile,
    aside_parts,
    book,
    check_owner,
    check_owners,
    image_parts,
    is_image,
    next_name,
    owned_by,
    owner_in,
    superseded,
)
from batchgen.storage.workspace import nowhere

SHA256, KEY, SLOT, PART, SHARD = "sha256", "job_key", "slot", "part", "shard"
"""What is written beside each image; names that every store takes."""
FEW_LOOKS = 64
"""So many paths are looked at one by one; after that a list of all is kept, which this process keeps up to date."""
MOST_TAKEN = 5
"""Tries to create what a store says is there and does not show, before it is left alone for a while."""
_SMALL = "/thumbs"
"""The end of a folder for small copies of images, each under its hash."""
_KEPT_IN_MEMORY = 8 * 1024 * 1024
_MOST_TAGS = 10_000
_TYPES = {
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".parquet": "application/vnd.apache.parquet",
    ".svg": "application/octet-stream",  # a browser that opens it from a public bucket shall not run it
}


class ObjectStore:
    """Keeps images in a bucket. See `ImageStore`; `at` is called before and after each durable step.

    An object is known again by the part that it came from, which is written beside it.
    """

    def __init__(self, bucket: Bucket, cache: Cache, *, at: Callable[[str], None] = nowhere) -> None:
        """Take the bucket, and a folder of this machine for images that programs want as files."""
        self._bucket = bucket
        self._cache = cache
        self._at = at
        self._looks = 0
        self._names: set[str] | None = None
        self._tags: dict[str, str] = {}
        self._shard = ""

    @property
    def address(self) -> str:
        """Where the images are."""
        return self._bucket.address

    def ready(self) -> None:
        """Try whether the store answers."""
        self._bucket.read(book(OWNER), MOST_OWNER)  # other than a look at it, a refusal comes with its reason

    def claim(self, ledger: str, *, anew: bool = False, shard: str = "") -> tuple[str, ...]:
        """Create the object that names the owner, unless one stands there; say so where conditions are not honoured."""
        mine = owned_by(ledger)
        about = {"Content-Type": "application/json"}
        place, self._shard = book(OWNER, shard), shard
        check_owners(self.address, (one.path for one in self._bucket.listing(BOOKS)), shard)
        found = self._bucket.read(place, MOST_OWNER)
        if found is not None and not anew:
            check_owner(self.address, self.address, found, ledger)
        if found != mine:
            self._bucket.replace(place, mine, about) if found else self._first(place, mine, about, ledger, shard)
        if self._bucket.honours_conditions(place, mine, about):
            return ()
        why = "each name is looked at before it is written, and no other program should write there during a run"
        return (f"{self.address} does not honour conditions: {why}",)

    def owner(self, shard: str = "") -> str:
        """Read whose this store is, or a shard of it; empty where nothing says so."""
        found = self._bucket.read(book(OWNER, shard), MOST_OWNER)
        return "" if found is None else owner_in(found)

    def _first(self, place: str, mine: bytes, about: Mapping[str, str], ledger: str, shard: str) -> None:
        try:
            self._bucket.create(place, mine, about)
        except Taken:  # by whoever was faster
            self.claim(ledger, shard=shard)

    # ---- writing -----------------------------------------------------------------------------------------------------

    def put(self, part: Path, path: str, sha256: str | None = None, *, replacing: str | None = None) -> str | None:
        """Create an object from a part."""
        return self._put(NewImage(part, path, sha256), replacing)

    def put_all(self, images: Sequence[NewImage], *, replacing: str | None = None) -> tuple[str | None, ...]:
        """Create the objects of one answer."""
        return tuple([self._put(one, replacing) for one in images])

    def _put(self, new: NewImage, replacing: str | None) -> str | None:
        image_parts(new.path)
        if not new.file.exists():
            return self._put_before(new, replacing)
        gone = None
        if replacing:
            standing = self._bucket.head(new.path)
            placed = standing is not None and standing.about.get(PART) == _mark(new.file)
            gone = self._step_aside(new.path, replacing, None if placed else standing)
            if placed:
                return gone
        for _ in range(MOST_TAKEN):
            self._at("storage.object.before_put")
            try:
                tag = self._bucket.create(new.path, new.file, _about(new, self._shard))
            except Taken:
                if not self._is_there(new, other=replacing is not None):
                    continue
            else:
                self._came(new.path, tag)
            self._at("storage.object.after_put")
            return gone
        raise Unreachable(f"{self.address}/{new.path}: the store says that something stands there, and shows nothing")

    def _put_before(self, new: NewImage, replacing: str | None) -> str | None:
        """Tell whether a part that is gone stands in its place."""
        standing = self._bucket.head(new.path)
        if standing is None or new.sha256 is None or self._digest(standing) != new.sha256:
            raise StoreError(f"{self.address}/{new.path}: its bytes are gone from the spool")
        return self._step_aside(new.path, replacing, None) if replacing else None

    def _is_there(self, new: NewImage, *, other: bool) -> bool:
        """Tell whether the object under a name that is taken is this image; an older one of its own job makes room."""
        standing = self._bucket.head(new.path)
        if standing is None:
            return False
        if standing.about.get(PART) == _mark(new.file):
            return True
        if not other and standing.bytes == new.file.stat().st_size and self._digest(standing) == _digest_of(new.file):
            return True
        if new.key and standing.about.get(KEY) == new.key:
            self._step_aside(new.path, new.key, standing)
            return False
        raise Occupied(f"{self.address}/{new.path}: an object that batchgen did not write stands there: move it away")

    def set_aside(self, path: str, key: str) -> str | None:
        """Move the image of job `key` to `superseded/`."""
        image_parts(path)
        return self._step_aside(path, key, self._bucket.head(path))

    def discard(self, path: str) -> None:
        """Remove an object that stepped aside, and its sidecar."""
        aside_parts(path)
        self._remove(path)
        if (self.read_sidecar(path) or b"").startswith(SIDECAR_BEGINS):
            self._bucket.delete(path + SIDECAR)

    def move(self, old: str, new: str, sha256: str, *, replacing: str | None = None) -> str | None:
        """Copy an image to `new`, then remove the old one."""
        parts_of(old)
        image_parts(new)
        if old == new:
            return None
        source, standing = self._bucket.head(old), self._bucket.head(new)
        if source is None:
            if standing is None or self._digest(standing) != sha256:
                raise StoreError(f"{self.address}/{old}: its bytes are gone")
            return self._step_aside(new, replacing, None) if replacing else None
        placed = standing is not None and self._same(source, standing)
        gone = self._step_aside(new, replacing, None if placed else standing) if replacing else None
        if standing and not placed and not replacing:
            raise Occupied(f"{self.address}/{new}: an object that batchgen did not write stands there: move it away")
        if not placed:
            self._bring(old, new)
            self._at("storage.object.before_move")
            self._bucket.copy(old, new)
            self._came(new, "")
        self._at("storage.object.after_copy")
        self._remove(old)
        return gone

    def _step_aside(self, path: str, key: str, standing: Found | None) -> str | None:
        """Move an object away that stands in the way; where it is, moved now or before."""
        aside = superseded(path, key)
        found = self._bucket.head(aside)
        if standing is None:
            return aside if found else None
        while found is not None and not self._same(found, standing):
            aside = str(PurePosixPath(aside).with_name(next_name(PurePosixPath(aside).name)))
            found = self._bucket.head(aside)
        self._bring(path, aside)
        self._at("storage.object.before_aside")
        if found is None:
            self._bucket.copy(path, aside)
            self._came(aside, "")
        self._at("storage.object.after_copy")
        self._remove(path)
        return aside

    def _bring(self, old: str, new: str) -> None:
        """Let the sidecar of an image that is about to move go before it."""
        if self._bucket.head(old + SIDECAR):
            self._bucket.copy(old + SIDECAR, new + SIDECAR)
            self._at("storage.object.after_sidecar")
            self._bucket.delete(old + SIDECAR)

    def _remove(self, path: str) -> None:
        self._bucket.delete(path)
        if self._names is not None:
            self._names.discard(path)
        self._tags.pop(path, None)
        self._at("storage.object.after_remove")

    def _came(self, path: str, tag: str) -> None:
        if self._names is not None:
            self._names.add(path)
        if len(self._tags) >= _MOST_TAGS:
            self._tags.clear()
        if tag:
            self._tags[path] = tag

    def mirror(self, files: Mapping[str, Path]) -> None:
        """Put copies of files beside the images; a small copy of an image is put once, as its name is its hash."""
        homes = {path.rpartition("/")[0] for path in files if f"/{path}".rpartition("/")[0].endswith(_SMALL)}
        there = {one.path for home in homes for one in self._bucket.listing(home)}
        for path, file in files.items():
            if path not in there:
                self._bucket.replace(path, file, {"Content-Type": _type(path)})

    # ---- reading -----------------------------------------------------------------------------------------------------

    def open(self, path: str) -> BinaryIO:
        """Open a copy of an image that is gone when it is closed."""
        parts_of(path)
        file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY))  # noqa: SIM115 - the caller closes it
        if not self._bucket.pour(path, file):
            file.close()
            raise StoreError(f"{self.address}/{path}: not there")
        file.seek(0)
        return file

    def local_path(self, path: str) -> Path | None:
        """Fetch an image into the cache."""
        found = self._bucket.head(path)
        if found is None:
            return None
        return self._cache.get(path, found.e_tag, lambda file: self._bucket.pour(path, file))

    def head(self, path: str, *, sha256: bool = False) -> StoredFile | None:
        """Describe an object."""
        parts_of(path)
        found = self._bucket.head(path)
        if found is None:
            return None
        return StoredFile(path, found.bytes, self._digest(found) if sha256 else None, found.e_tag)

    def e_tag(self, path: str) -> str:
        """Tell what the store called it when it came, or calls it now."""
        if path in self._tags:
            return self._tags[path]
        found = self._bucket.head(path)
        return found.e_tag if found else ""

    def taken(self, paths: Iterable[str]) -> frozenset[str]:
        """Tell which paths have an object; what strangers put there later is seen when an image shall go there."""
        asked = frozenset(paths)
        self._looks += len(asked)
        if self._names is None and self._looks <= FEW_LOOKS:
            return frozenset(path for path in asked if self._bucket.head(path))
        if self._names is None:
            self._names = {one.path for where in (IMAGES, SUPERSEDED) for one in self._bucket.listing(where)}
        return asked & self._names

    def listing(self, where: str = IMAGES, *, sha256: bool = False) -> Iterator[StoredFile]:
        """List the objects below a folder."""
        for one in self._bucket.listing(where):
            if is_image(one.path):
                told = self._bucket.head(one.path) if sha256 else None
                yield StoredFile(one.path, one.bytes, self._digest(told) if told else None, one.e_tag, one.since)

    def about(self, path: str) -> Mapping[str, str]:
        """Tell what is written beside an object; nothing where there is none."""
        found = self._bucket.head(path)
        return found.about if found else {}

    def fetch(self, path: str, file: BinaryIO) -> bool:
        """Write a file that was mirrored into a file of this machine; False when there is none."""
        return self._bucket.pour(path, file)

    def _digest(self, found: Found) -> str:
        """Return an object's hash: as it was written beside it, else from its bytes."""
        if found.about.get(SHA256):
            return found.about[SHA256]
        with self.open(found.path) as file:
            return sha256_of(file)

    def _same(self, one: Found, other: Found) -> bool:
        """Tell whether two objects are copies of one image, not only the same to the last byte."""
        if one.about.get(PART) or other.about.get(PART):
            return one.about.get(PART) == other.about.get(PART)
        return one.bytes == other.bytes and self._digest(one) == self._digest(other)

    # ---- sidecars ----------------------------------------------------------------------------------------------------

    def write_sidecar(self, path: str, data: bytes) -> bool:
        """Put a sidecar beside an image, or in the place of its older one."""
        beside = "/".join(parts_of(path + SIDECAR))
        about = {"Content-Type": "application/json"}
        self._at("storage.object.before_sidecar")
        try:
            self._bucket.create(beside, data, about)
        except Taken:
            if not (self._bucket.read(beside, MOST_SIDECAR) or b"").startswith(SIDECAR_BEGINS):
                return False
            self._bucket.replace(beside, data, about)
        self._at("storage.object.after_sidecar")
        return True

    def read_sidecar(self, path: str) -> bytes | None:
        """Read the sidecar beside an image."""
        return self._bucket.read("/".join(parts_of(path + SIDECAR)), MOST_SIDECAR)


def _mark(part: Path) -> str:
    """Name the part that an object comes from: an attempt, and which of its images."""
    return f"{part.parent.name}/{part.name}"


def _about(new: NewImage, shard: str) -> dict[str, str]:
    told = {"Content-Type": _type(new.path), SHA256: new.sha256 or _digest_of(new.file), PART: _mark(new.file)}
    told |= {KEY: new.key, SLOT: str(new.slot)} if new.key else {}
    return told | ({SHARD: shard} if shard else {})


def _digest_of(part: Path) -> str:
    with part.open("rb") as file:
        return sha256_of(file)


def _type(path: str) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
