"""The output folder: images, report, runs, superseded, spool, quarantine."""

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from batchgen.storage import lock
from batchgen.storage.durable import (
    PRIVATE_DIR,
    PRIVATE_FILE,
    PUBLIC_DIR,
    PUBLIC_FILE,
    create,
    digest,
    exists,
    folder,
    give_name,
    guarded,
    move,
    names,
    parts_of,
    same_bytes,
    same_file,
    sync,
    write_all,
)
from batchgen.storage.spool import ANSWER, QUARANTINE, SPOOL, Spool

IMAGES, SUPERSEDED, REPORT, RUNS = "images", "superseded", "report", "runs"
SIDECAR = ".json"
"""What the name of the file has more than that of the image which it stands beside."""

TEMPORARY = ".tmp"


def nowhere(name: str) -> None:
    """Do nothing at a fault point."""


def superseded(relative: str, key: str) -> str:
    """Where an image below `images/` goes when the job with `key` that drew it is replaced; below `superseded/`."""
    path = PurePosixPath(relative)
    return str(path.with_name(f"{path.stem}.{key[:12]}{path.suffix}"))


class Folder:
    """One output folder. Every method raises StorageError, with the path and what to do, when the disk refuses."""

    def __init__(self, root: Path, *, at: Callable[[str], None] = nowhere) -> None:
        """Name the folder; nothing is made before something is written."""
        self.root = root
        self._at = at

    def lock(self, *, wait: bool = False) -> AbstractContextManager[None]:
        """Hold this folder for one run; Locked when another run does, unless told to wait."""
        with guarded(self.root):
            self.root.mkdir(parents=True, exist_ok=True, mode=PUBLIC_DIR)
        return lock.lock(self.root, wait=wait)

    def ready(self) -> None:
        """Try what a run will need, so that a folder that cannot be used is found before anything is paid. Blocks.

        Nothing below the output folder may be a link: what is written through one lands elsewhere.
        """
        with guarded(self.root / IMAGES), folder(self.root, (IMAGES,), PUBLIC_DIR):
            pass
        for name in (RUNS, SPOOL, QUARANTINE, SUPERSEDED, REPORT):
            with guarded(self.root / name), suppress(FileNotFoundError), folder(self.root, (name,)):
                pass

    def spool(self, attempt_id: str) -> Spool:
        """Return the place for one attempt's answer; its folder is made with its first part."""
        return Spool(self.root, attempt_id, self._at)

    def spools(self) -> tuple[str, ...]:
        """Name the attempts whose answers wait here, whole or not."""
        with guarded(self.root / SPOOL):
            try:
                with folder(self.root, (SPOOL,)) as here:
                    return names(here)
            except FileNotFoundError:
                return ()

    def publish(
        self, part: Path, relative: str, *, replaces: str | None = None, sha256: str | None = None
    ) -> str | None:
        """Let a part appear, whole and durable, as `images/relative`. Blocks.

        With `replaces` (the key of the job whose image stands there) that image moves to `superseded/` first, and
        its new place, relative to the output folder, is returned. Anything else that stands there is never touched:
        StorageError. Doing it again after a crash is harmless; where the part is gone already, `sha256` tells whether
        the image that stands there is the right one.
        """
        return self.publish_all([(part, relative, sha256)], replaces=replaces)[0]

    def publish_all(self, parts: Sequence["_Publishing"], *, replaces: str | None = None) -> tuple[str | None, ...]:
        """The same for the images of one answer: part, place and hash of each; every folder is confirmed once."""
        gone: dict[str, str | None] = {}
        for (home, above), some in _by_folder(parts).items():
            with (
                guarded(self.root.joinpath(IMAGES, *above)),
                folder(self.root, (IMAGES, *above), PUBLIC_DIR) as there,
                folder(home, ()) as source,
            ):
                for part, relative, sha256 in some:
                    with guarded(self.root / IMAGES / relative):
                        gone[relative] = self._place(source, part.name, there, relative, replaces, sha256)
                self._at("storage.publish.before_sync")
                os.fsync(there)
                self._at("storage.publish.after_sync")
        return tuple([gone[relative] for _, relative, _ in parts])

    def _place(
        self, source: int, part: str, there: int, relative: str, replaces: str | None, sha256: str | None
    ) -> str | None:
        name = parts_of(relative)[-1]
        placed = _placed(source, part, there, name, sha256, other=replaces is not None)
        gone = self._step_aside(there, name, relative, replaces, placed=placed) if replaces else None
        if not placed:
            self._appear(source, part, there, name)
        return gone

    def set_aside(self, relative: str, key: str) -> str | None:
        """Move the image of job `key` from `images/relative` to `superseded/`. Blocks.

        Returns its new place, None when it is gone. Doing it again after a crash is harmless.
        """
        *above, name = parts_of(relative)
        with guarded(self.root / IMAGES / relative), folder(self.root, (IMAGES, *above), PUBLIC_DIR) as there:
            gone = self._step_aside(there, name, relative, key, placed=False)
            os.fsync(there)
        return gone

    def _appear(self, source: int, part: str, there: int, name: str) -> None:
        if not exists(source, ANSWER):
            sync(source, part)
            _bring(source, part, there, name)
        os.chmod(part, PUBLIC_FILE, dir_fd=source)
        self._at("storage.publish.before_name")
        give_name(source, part, there, name)

    def _step_aside(self, there: int, name: str, relative: str, key: str, *, placed: bool) -> str | None:
        """Move the image of job `key` away, if it is still in place; returns where it is, moved now or before."""
        aside = superseded(relative, key)
        *above, new = parts_of(aside)
        with folder(self.root, (SUPERSEDED, *above), PUBLIC_DIR) as other:
            if placed or not exists(there, name):
                return f"{SUPERSEDED}/{aside}" if exists(other, new) else None
            while exists(other, new) and not same_file(there, name, other, new):
                new = _next_name(new)
            if exists(other, new):
                os.unlink(name, dir_fd=there)
            else:
                _bring(there, name, other, new)
                move(there, name, other, new)
        self._at("storage.publish.after_aside")
        return f"{SUPERSEDED}/{PurePosixPath(aside).with_name(new)}"

    def quarantine(self, attempt_id: str, why: Mapping[str, object]) -> str:
        """Keep what arrived of an answer that cannot be used; returns the folder, relative to the output folder."""
        return self.spool(attempt_id).quarantine(why)

    def write_atomic(self, relative: str, data: bytes) -> None:
        """Write a small file (report, status, summary) that is whole at every instant. Blocks."""
        *above, name = parts_of(relative)
        private = above[:1] == [RUNS] or above[:1] == [QUARANTINE]
        directory_mode, mode = (PRIVATE_DIR, PRIVATE_FILE) if private else (PUBLIC_DIR, PUBLIC_FILE)
        temporary = f".{name}.{os.getpid()}{TEMPORARY}"
        with guarded(self.root / relative, len(data)), folder(self.root, tuple(above), directory_mode) as here:
            if exists(here, temporary):
                os.unlink(temporary, dir_fd=here)
            descriptor = create(here, temporary, mode)
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
                os.rename(temporary, name, src_dir_fd=here, dst_dir_fd=here)
            except BaseException:
                os.unlink(temporary, dir_fd=here)
                raise
            finally:
                os.close(descriptor)
            os.fsync(here)

    def append(self, relative: str) -> BinaryIO:
        """Open a file of the run's own to add lines to. Blocks."""
        *above, name = parts_of(relative)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        with guarded(self.root / relative), folder(self.root, tuple(above), PRIVATE_DIR) as here:
            return os.fdopen(os.open(name, flags, PRIVATE_FILE, dir_fd=here), "ab")

    def images(self) -> Iterator[str]:
        """Every file below `images/` but sidecars, relative to the output folder, in a stable order."""
        for where, folders, files in os.walk(self.root / IMAGES):
            folders.sort()
            for name in sorted(name for name in files if not name.endswith((SIDECAR, TEMPORARY))):
                yield (Path(where) / name).relative_to(self.root).as_posix()

    def free_bytes(self) -> int:
        """How many bytes this user may still write here."""
        nearest = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        with guarded(nearest):
            status = os.statvfs(nearest)
        return status.f_bavail * status.f_frsize


_Publishing = tuple[Path, str, str | None]


def _by_folder(parts: Sequence[_Publishing]) -> Mapping[tuple[Path, tuple[str, ...]], Sequence[_Publishing]]:
    """Images by the folder where their parts are and the one where they go."""
    found = defaultdict[tuple[Path, tuple[str, ...]], list[_Publishing]](list)
    for one in parts:
        part, relative, _ = one
        found[part.parent, parts_of(relative)[:-1]].append(one)
    return found


def _placed(source: int, part: str, there: int, name: str, sha256: str | None, *, other: bool) -> bool:
    """Whether the part stands under its final name already; OSError when its bytes are nowhere.

    `other`: another job's image may stand there, and be the same to the last byte.
    """
    job_status = exists(there, name)
    if exists(source, part):
        return job_status and (same_file if other else same_bytes)(source, part, there, name)
    if job_status and sha256 is not None and digest(there, name) == sha256:
        return True
    raise FileNotFoundError(errno.ENOENT, "its bytes are gone from the spool", part)


def _bring(source: int, old: str, target: int, new: str) -> None:
    """Let the sidecar of an image that is about to move go before it: none stands beside another image then."""
    if exists(source, old + SIDECAR):
        os.rename(old + SIDECAR, new + SIDECAR, src_dir_fd=source, dst_dir_fd=target)


def _next_name(name: str) -> str:
    path = PurePosixPath(name)
    stem, _, count = path.stem.rpartition("~")
    number = int(count) + 1 if stem and count.isdecimal() else 2
    return f"{stem if stem and count.isdecimal() else path.stem}~{number}{path.suffix}"
