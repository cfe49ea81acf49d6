"""What every store of images promises, and the names that all stores share."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from batchgen.errors import InputError, StorageError
from batchgen.numerous import numerous
from batchgen.storage.durable import TEMPORARY, parts_of
from batchgen.storage.folders import Folder

IMAGES, SUPERSEDED = "images", "superseded"
FORM = 1
BOOKS = "batchgen"
"""The folder of a store for what ledgers keep there."""
OWNER, SNAPSHOT = "owner.json", "ledger.db"
SIDECAR = ".json"
"""What the name of a sidecar has more than that of the image which it stands beside."""
SIDECAR_BEGINS = b'{\n  "sidecar": '
MOST_OWNER, MOST_SIDECAR = 10_000, 1_000_000


@numerous
@dataclass(frozen=True, slots=True)
class NewImage:
    """An image that waits as a file of the spool, and the path where it shall appear.

    Each part is put under one path only: `part` tells an image that was put before from another of the same bytes.
    `key` and `slot` say whose it is: what a store keeps beside the bytes. `home` is the folder of the part, where its
    finished spool has it open still: its bytes are durable then.
    """

    part: Path | str
    path: str
    sha256: str | None = None
    key: str = ""
    slot: int = 0
    home: Folder | None = None

    @property
    def file(self) -> Path:
        """The file of the part."""
        return Path(self.part)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a store; `sha256` where it was asked for, `e_tag` where the store gives its versions names.

    A listing says `since` when it has stood under its name at the latest, in seconds since 1970.
    """

    path: str
    bytes: int
    sha256: str | None = None
    e_tag: str = ""
    since: float = 0.0


class ImageStore(Protocol):
    """Keeps images at relative paths below `images/`, and what they replaced below `superseded/`.

    Every method blocks, and raises StorageError with the path and what to do when the store refuses. What a method
    wrote is durable when it returns. Doing it again after a crash at any point is harmless. A file that batchgen did
    not write is never overwritten, moved or removed.
    """

    def ready(self) -> None:
        """Try what a run will need, so that a store that cannot be used is found before anything is paid."""

    def claim(self, ledger: str, *, anew: bool = False, shard: str = "") -> tuple[str, ...]:
        """Write down that the ledger of this identity owns the store, or a `shard` of it; what people should know.

        InputError when it is another's, unless it is claimed `anew`. A folder beside its ledger needs no such word.
        """

    def put(self, part: Path, path: str, sha256: str | None = None, *, replacing: str | None = None) -> str | None:
        """Let an image appear, whole, at `path` below `images/`; the part stays.

        With `replacing` (the key of the job whose image stands there) that image goes to `superseded/` first, with the
        key in its name. Its new path is returned, also when it had moved before; None when nothing stood there. Where
        the part is gone already, `sha256` tells whether the image that stands there is the right one.
        """

    def put_all(self, images: Sequence[NewImage], *, replacing: str | None = None) -> tuple[str | None, ...]:
        """Put the images of one answer, as `put` does; what stood in the place of each."""

    def set_aside(self, path: str, key: str) -> str | None:
        """Move the image of job `key` to `superseded/`, its sidecar with it.

        Returns its new path, also when it had moved before; None when it is gone.
        """

    def discard(self, path: str) -> None:
        """Remove an image below `superseded/`, its sidecar with it; nothing happens where none is."""

    def move(self, old: str, new: str, sha256: str, *, replacing: str | None = None) -> str | None:
        """Move an image to `new` below `images/`, its sidecar with it; otherwise as `put`."""

    def open(self, path: str) -> BinaryIO:
        """Open an image to read; StorageError when it is not there, or no plain file."""

    def local_path(self, path: str) -> Path | None:
        """Name the file of an image on this machine; None when it is not there, or kept elsewhere."""

    def head(self, path: str, *, sha256: bool = False) -> StoredFile | None:
        """Describe an image, with its hash when asked; None when no plain file stands there."""

    def taken(self, paths: Iterable[str]) -> frozenset[str]:
        """Tell which paths are not free: something stands there, whatever it is, or in the way to it."""

    def listing(self, where: str = IMAGES, *, sha256: bool = False) -> Iterator[StoredFile]:
        """List the images below a folder by path, with their hashes when asked; a sidecar is no image."""

    def e_tag(self, path: str) -> str:
        """Tell what the store calls the version of an image that was put or moved; empty where it has no such word."""

    def mirror(self, files: Mapping[str, Path]) -> None:
        """Keep copies of files of the workspace beside the images, by their paths; the output folder needs none."""

    def write_sidecar(self, path: str, data: bytes) -> bool:
        """Put a sidecar beside an image, also in the place of its older one; False when a stranger's file is there."""

    def read_sidecar(self, path: str) -> bytes | None:
        """Read the sidecar beside an image; None when there is none, or something that is too large to be one."""


def book(name: str, shard: str = "") -> str:
    """Name the place of something that a ledger keeps in a store: that of all images, or of one shard's."""
    return f"{BOOKS}/{shard}/{name}" if shard else f"{BOOKS}/{name}"


def owned_by(ledger: str) -> bytes:
    """Write down whose a store is."""
    return json.dumps({"batchgen": FORM, "ledger": ledger}).encode()


def owner_in(data: bytes) -> str:
    """Read what `owned_by` wrote; what cannot be read is nobody's whom we know."""
    try:
        return str(json.loads(data)["ledger"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def check_owner(name: str, address: str, data: bytes, ledger: str) -> None:
    """Refuse a store that another ledger owns."""
    if owner_in(data) != ledger:
        raise InputError(
            f"{name} belongs to another ledger: batchgen adopt {address} makes one here that knows its images; "
            "or choose another --store"
        )


def check_owners(address: str, paths: Iterable[str], shard: str) -> None:
    """Refuse a store that was divided in another way: two ledgers would keep the same images."""
    mine = _count(shard)
    for path in paths:
        _, *above, name = path.split("/")
        if name == OWNER and (count := _count(above[0] if above else "")) != mine:
            whose = f"is kept by {count} shards" if count else "is kept by one ledger, for all of a manifest"
            raise InputError(f"{address} {whose}: draw as it was begun, or choose another --store")


def _count(shard: str) -> str:
    return shard.rpartition("-")[2]


def image_parts(path: str) -> tuple[str, ...]:
    """Split a path below `images/`; StorageError for any other."""
    parts = parts_of(path)
    if len(parts) < 2 or parts[0] != IMAGES:
        raise StorageError(f"{path!r} is not a path below {IMAGES}/")
    return parts


def aside_parts(path: str) -> tuple[str, ...]:
    """Split a path below `superseded/`; StorageError for any other: no other image is ever removed."""
    parts = parts_of(path)
    if len(parts) < 2 or parts[0] != SUPERSEDED:
        raise StorageError(f"{path!r} is not a path below {SUPERSEDED}/")
    return parts


def superseded(path: str, key: str) -> str:
    """Name the place of an image below `images/` that steps aside and that job `key` drew."""
    aside = PurePosixPath(SUPERSEDED, *image_parts(path)[1:])
    return str(aside.with_name(f"{aside.stem}.{key[:12]}{aside.suffix}"))


def next_name(name: str) -> str:
    """Name the next place beside one that is taken: `a.png`, `a~2.png`, `a~3.png`."""
    path = PurePosixPath(name)
    stem, _, count = path.stem.rpartition("~")
    number = int(count) + 1 if stem and count.isdecimal() else 2
    return f"{stem if stem and count.isdecimal() else path.stem}~{number}{path.suffix}"


def is_image(name: str) -> bool:
    """Tell an image from what may stand beside it."""
    return not name.endswith((SIDECAR, TEMPORARY))
