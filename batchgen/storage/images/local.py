"""Images in a local folder: a name appears when the bytes are on the disk, and no link below the folder is followed."""

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from batchgen.storage.durable import (
    PUBLIC_DIR,
    PUBLIC_FILE,
    below,
    digest,
    exists,
    folder,
    folder_of,
    give_name,
    guarded,
    look,
    open_plain,
    parts_of,
    remove_plain,
    replace_file,
    same_bytes,
    same_file,
    sync,
)
from batchgen.storage.folders import Folder, Folders
from batchgen.storage.images.store import (
    IMAGES,
    MOST_SIDECAR,
    SIDECAR,
    SIDECAR_BEGINS,
    SUPERSEDED,
    NewImage,
    StoredFile,
    aside_parts,
    image_parts,
    is_image,
    next_name,
    superseded,
)
from batchgen.storage.spool import ANSWER, PART
from batchgen.storage.workspace import nowhere

_ABSENT, _PLAIN, _BLOCKED = "absent", "plain", "blocked"


class LocalStore:
    """Keeps images below a folder of this machine, on the disk of the spool. See `ImageStore`."""

    def __init__(self, root: Path, *, at: Callable[[str], None] = nowhere) -> None:
        """Name the folder; `at` is called with a name before and after each durable step."""
        self.root = root
        self._at = at
        self._folders = Folders(root)

    def ready(self) -> None:
        """Make `images/`, and refuse links where its own folders belong."""
        with guarded(self.root / IMAGES), folder(self.root, (IMAGES,), PUBLIC_DIR):
            pass
        with guarded(self.root / SUPERSEDED), suppress(FileNotFoundError), folder(self.root, (SUPERSEDED,)):
            pass

    def claim(self, ledger: str, *, anew: bool = False, shard: str = "") -> tuple[str, ...]:  # noqa: ARG002
        """Say nothing: the ledger lies beside the images."""
        return ()

    # ---- writing -----------------------------------------------------------------------------------------------------

    def put(self, part: Path, path: str, sha256: str | None = None, *, replacing: str | None = None) -> str | None:
        """Let an image appear at `path`. Its folder is confirmed before this returns."""
        return self.put_all([NewImage(part, path, sha256)], replacing=replacing)[0]

    def put_all(self, images: Sequence[NewImage], *, replacing: str | None = None) -> tuple[str | None, ...]:
        """Let the images of one answer appear; every folder is confirmed once."""
        gone: dict[str, str | None] = {}
        root = self._folders.name
        for (home, above), some in _by_folder(images).items():
            with guarded(f"{root}/{'/'.join(above)}"):
                there, source = self._folders.open(above, PUBLIC_DIR), some[0].image.home or self._home(home)
                for one in some:
                    with guarded(f"{root}/{one.image.path}"):
                        gone[one.image.path] = self._put(source.fd, there.fd, one, replacing)
                self._at("storage.publish.before_sync")
                os.fsync(there.fd)
                self._at("storage.publish.after_sync")
        return tuple([gone[one.path] for one in images])

    def set_aside(self, path: str, key: str) -> str | None:
        """Move the image of job `key` to `superseded/`."""
        image_parts(path)
        with guarded(self.root / path), folder_of(self.root, path, PUBLIC_DIR) as (there, name):
            gone = self._step_aside(there, name, path, key, placed=False)
            os.fsync(there)
        return gone

    def discard(self, path: str) -> None:
        """Remove an image that stepped aside; the sidecar goes last, as nothing else says what it was."""
        aside_parts(path)
        with guarded(self.root / path), suppress(FileNotFoundError), folder_of(self.root, path) as (here, name):
            remove_plain(here, name)
            if (_read(here, name + SIDECAR) or b"").startswith(SIDECAR_BEGINS):
                remove_plain(here, name + SIDECAR)
            os.fsync(here)

    def move(self, old: str, new: str, sha256: str, *, replacing: str | None = None) -> str | None:
        """Move an image to `new`; it has both names for a moment, and one of them at any time."""
        image_parts(new)
        if old == new:
            return None
        with (
            guarded(self.root / new),
            folder_of(self.root, new, PUBLIC_DIR) as (there, _),
            folder_of(self.root, old, PUBLIC_DIR) as (source, name),
        ):
            gone = self._place(source, name, there, new, replacing, sha256)
            self._at("storage.move.before_sync")
            os.fsync(there)
            self._at("storage.move.after_sync")
            self._remove(source, name)
        return gone

    def _put(self, source: int, there: int, one: "_Placing", replacing: str | None) -> str | None:
        image = one.image
        if image.home is not None and replacing is None:
            # Nothing stands in the way of nearly every image: what does is looked at when it shows.
            with suppress(FileExistsError, FileNotFoundError):
                self._name(source, one.part, there, one.name)
                return None
        return self._place(source, one.part, there, image.path, replacing, image.sha256)

    def _place(
        self, source: int, part: str, there: int, path: str, replacing: str | None, sha256: str | None
    ) -> str | None:
        name = image_parts(path)[-1]
        placed = _placed(source, part, there, name, sha256, other=replacing is not None)
        gone = self._step_aside(there, name, path, replacing, placed=placed) if replacing else None
        if not placed:
            self._appear(source, part, there, name)
        return gone

    def _appear(self, source: int, part: str, there: int, name: str) -> None:
        spooled = part.endswith(PART) and exists(source, ANSWER)  # a finished spool has synced its parts
        if not spooled:
            sync(source, part)
            self._bring(source, part, there, name)
        self._name(source, part, there, name)

    def _name(self, source: int, part: str, there: int, name: str) -> None:
        """Give a part that is durable its final name."""
        os.chmod(part, PUBLIC_FILE, dir_fd=source)
        self._at("storage.publish.before_name")
        give_name(source, part, there, name)

    def _step_aside(self, there: int, name: str, path: str, key: str, *, placed: bool) -> str | None:
        """Move the image of job `key` away, if it is still in place; returns where it is, moved now or before."""
        aside = superseded(path, key)
        *above, new = parts_of(aside)
        with folder(self.root, tuple(above), PUBLIC_DIR) as other:
            if placed or not exists(there, name):
                return aside if exists(other, new) else None
            while exists(other, new) and not same_file(there, name, other, new):
                new = next_name(new)
            if not exists(other, new):
                self._bring(there, name, other, new)
                give_name(there, name, other, new)
                os.fsync(other)
            self._at("storage.publish.before_away")
            self._remove(there, name)
        self._at("storage.publish.after_aside")
        return str(PurePosixPath(aside).with_name(new))

    def _bring(self, source: int, old: str, target: int, new: str) -> None:
        """Let the sidecar of an image that is about to move go before it: none stands beside another image then."""
        if exists(source, old + SIDECAR):
            os.rename(old + SIDECAR, new + SIDECAR, src_dir_fd=source, dst_dir_fd=target)
            self._at("storage.publish.after_sidecar")

    @staticmethod
    def _remove(here: int, name: str) -> None:
        """Take one of two names away; where the file system knows no second names, it is gone already."""
        if exists(here, name):
            os.unlink(name, dir_fd=here)
            os.fsync(here)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def open(self, path: str) -> BinaryIO:
        """Open an image to read."""
        with guarded(self.root / path), folder_of(self.root, path) as (here, name):
            return os.fdopen(open_plain(here, name), "rb")

    def local_path(self, path: str) -> Path | None:
        """Name the file of an image; None when it is not there."""
        return self.root / path if self.head(path) else None

    def head(self, path: str, *, sha256: bool = False) -> StoredFile | None:
        """Describe an image; None when it is not there."""
        with guarded(self.root / path), suppress(FileNotFoundError), folder_of(self.root, path) as (here, name):
            if found := look(here, name):
                return StoredFile(path, found.st_size, digest(here, name) if sha256 else None)
        return None

    def taken(self, paths: Iterable[str]) -> frozenset[str]:
        """Tell which paths are not free; each folder on the way is looked at once."""
        root, ways = str(self.root), {"": _PLAIN}
        return frozenset(path for path in paths if _taken(root, path, ways))

    def listing(self, where: str = IMAGES, *, sha256: bool = False) -> Iterator[StoredFile]:
        """List the images below a folder by path; what is no plain file is left out."""
        with guarded(self.root / where), suppress(FileNotFoundError), folder(self.root, parts_of(where)) as here:
            yield from _listed(here, where, sha256=sha256)

    def _home(self, home: str) -> Folder:
        """Open the folder of a part; below the root it is not entered through a link."""
        root = f"{self._folders.name}/"
        if home.startswith(root):
            return self._folders.below(tuple(home.removeprefix(root).split("/")))
        return Folders(Path(home)).open(())

    def e_tag(self, path: str) -> str:  # noqa: ARG002 - as in the protocol
        """Say nothing: a file has no versions."""
        return ""

    def mirror(self, files: Mapping[str, Path]) -> None:
        """Keep nothing: the files are here."""

    # ---- sidecars ----------------------------------------------------------------------------------------------------

    def write_sidecar(self, path: str, data: bytes) -> bool:
        """Put a sidecar beside an image, or in the place of its older one."""
        beside = path + SIDECAR
        with guarded(self.root / beside, len(data)), folder_of(self.root, beside) as (here, name):
            if exists(here, name) and not (_read(here, name) or b"").startswith(SIDECAR_BEGINS):
                return False
            replace_file(here, name, data, PUBLIC_FILE)
        return True

    def read_sidecar(self, path: str) -> bytes | None:
        """Read the sidecar beside an image."""
        beside = path + SIDECAR
        with guarded(self.root / beside), suppress(FileNotFoundError), folder_of(self.root, beside) as (here, name):
            return _read(here, name)
        return None


class _Placing(NamedTuple):
    """An image, the name of its part, and its own."""

    image: NewImage
    part: str
    name: str


def _by_folder(images: Sequence[NewImage]) -> Mapping[tuple[str, tuple[str, ...]], Sequence[_Placing]]:
    """Group images by the folder where their parts are and the one where they go."""
    found = defaultdict[tuple[str, tuple[str, ...]], list[_Placing]](list)
    for one in images:
        home, _, part = str(one.part).rpartition("/")
        *above, name = image_parts(one.path)
        found[home, tuple(above)].append(_Placing(one, part, name))
    return found


def _placed(source: int, part: str, there: int, name: str, sha256: str | None, *, other: bool) -> bool:
    """Tell whether the part stands under its final name already; OSError when its bytes are nowhere.

    `other`: another job's image may stand there, and be the same to the last byte.
    """
    stands = exists(there, name)
    if exists(source, part):
        return stands and (same_file if other else same_bytes)(source, part, there, name)
    if stands and sha256 is not None and digest(there, name) == sha256:
        return True
    raise FileNotFoundError(errno.ENOENT, "its bytes are gone from the spool", part)


def _taken(root: str, path: str, ways: dict[str, str]) -> bool:
    way = _way(root, path.rpartition("/")[0], ways)
    return way is _BLOCKED or (way is _PLAIN and os.path.lexists(f"{root}/{path}"))


def _way(root: str, above: str, ways: dict[str, str]) -> str:
    """Tell whether a folder is there to put an image into, or could be made, or something blocks the way."""
    if above not in ways:
        way = _way(root, above.rpartition("/")[0], ways)
        ways[above] = way if way is not _PLAIN else _kind(f"{root}/{above}")
    return ways[above]


def _kind(path: str) -> str:
    try:
        return _PLAIN if stat.S_ISDIR(os.lstat(path).st_mode) else _BLOCKED
    except (FileNotFoundError, NotADirectoryError):
        return _ABSENT


def _listed(here: int, above: str, *, sha256: bool) -> Iterator[StoredFile]:
    with os.scandir(here) as found:
        entries = sorted(found, key=lambda one: one.name + "/" if one.is_dir(follow_symlinks=False) else one.name)
    for entry in entries:
        path = f"{above}/{entry.name}"
        with suppress(FileNotFoundError):
            if entry.is_dir(follow_symlinks=False):
                with below(here, entry.name) as there:
                    yield from _listed(there, path, sha256=sha256)
            elif is_image(entry.name) and (size := look(here, entry.name)):
                yield StoredFile(path, size.st_size, digest(here, entry.name) if sha256 else None, since=size.st_ctime)


def _read(here: int, name: str) -> bytes | None:
    """Read a small plain file; None when it is none, or not small."""
    found = look(here, name)
    if found is None or found.st_size > MOST_SIDECAR:
        return None
    with os.fdopen(open_plain(here, name), "rb") as file:
        return file.read(MOST_SIDECAR)
