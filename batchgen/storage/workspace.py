"""The workspace of an output: a local folder with lock, spool, quarantine, runs, report and ledger."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchgen.errors import StorageError
from batchgen.storage.durable import (
    PRIVATE_DIR,
    PRIVATE_FILE,
    PUBLIC_DIR,
    PUBLIC_FILE,
    TEMPORARY,
    below,
    folder,
    folder_of,
    guarded,
    look,
    make_root,
    names,
    open_plain,
    parts_of,
    remove_plain,
    replace_file,
)
from batchgen.storage.folders import Folders
from batchgen.storage.lock import Held, lock
from batchgen.storage.spool import QUARANTINE, SPOOL, Spool, of_an_answer, remove_empty

LEDGER, REPORT, RUNS = "ledger.db", "report", "runs"
THUMBS = "report/thumbs"
RUN_FILES = frozenset({"log.jsonl", "status.json", "summary.json", "error.txt"})
STAGE = ".batchgen-"
DAY = 86_400.0


def nowhere(name: str) -> None:
    """Do nothing at a fault point."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A private folder for files while they are made, at `path`; `publish` puts one beside the folder."""

    path: Path
    _inside: int
    _beside: int

    def publish(self, name: str) -> None:
        """Put a file that is whole into its place; a file or a link that has its name makes room."""
        os.chmod(name, PUBLIC_FILE, dir_fd=self._inside)
        os.rename(name, name, src_dir_fd=self._inside, dst_dir_fd=self._beside)

    def withdraw(self, name: str) -> None:
        """Remove the file of an earlier time from its place."""
        remove_plain(self._beside, name)


class Workspace:
    """The local folder of one output. Every method raises StorageError, with path and advice, when the disk refuses.

    Paths are relative to the folder. Nothing below it is entered through a link, and what is read is a plain file.
    """

    def __init__(self, root: Path, *, at: Callable[[str], None] = nowhere) -> None:
        """Name the folder; nothing is made before something is written."""
        self.root = root
        self._at = at
        self._kept = Folders(root)
        self._held: Held | None = None

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.root.resolve().name

    # ---- one run at a time -------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, *, wait: bool = False) -> Iterator[None]:
        """Hold this folder for one run; Locked when another run does, unless told to wait."""
        with guarded(self.root):
            make_root(self.root)
        with lock(self.root, wait=wait) as held:
            self._held = held
            try:
                yield
            finally:
                self._held = None

    def still_held(self) -> bool:
        """Look whether the folder that was locked still stands under its name. Cheap enough for every call."""
        return self._held is not None and self._held.still()

    def check_held(self) -> None:
        """Raise StorageError when the folder was moved or replaced since it was locked: another run may own it."""
        if not self.still_held():
            raise StorageError(f"{self.root}: the folder was moved or replaced during the run: put it back, then go on")

    def ready(self) -> None:
        """Try what a run will need, so that a folder that cannot be used is found before anything is paid. Blocks."""
        for name in (RUNS, SPOOL, QUARANTINE, REPORT, f"{REPORT}/thumbs"):
            with guarded(self.root / name), suppress(FileNotFoundError), folder(self.root, parts_of(name)):
                pass

    # ---- answers -----------------------------------------------------------------------------------------------------

    def spool(self, attempt_id: str) -> Spool:
        """Return the place for one attempt's answer; its folder is made with its first part."""
        return Spool(self.root, attempt_id, self._at, self._kept)

    def spools(self) -> tuple[str, ...]:
        """Name the attempts whose answers wait here, whole or not; what is no folder is none of ours."""
        return self._folders(SPOOL)

    def quarantine(self, attempt_id: str, why: Mapping[str, object]) -> str:
        """Keep what arrived of an answer that cannot be used; returns the folder, relative to the workspace."""
        return self.spool(attempt_id).quarantine(why)

    def runs(self) -> tuple[str, ...]:
        """Name the runs that left something here, the oldest first."""
        return self._folders(RUNS)

    def _folders(self, where: str) -> tuple[str, ...]:
        with guarded(self.root / where):
            try:
                with folder(self.root, (where,)) as here, os.scandir(here) as found:
                    plain = (entry.name for entry in found if entry.is_dir(follow_symlinks=False))
                    return tuple(sorted(name for name in plain if not name.startswith(".")))
            except FileNotFoundError:
                return ()

    # ---- files -------------------------------------------------------------------------------------------------------

    def exists(self, path: str) -> bool:
        """Tell whether a plain file is there."""
        with guarded(self.root / path), suppress(FileNotFoundError), folder_of(self.root, path) as (here, name):
            return look(here, name) is not None
        return False

    def make(self, path: str) -> None:
        """Make a folder that everybody may look into. Blocks."""
        with guarded(self.root / path), folder(self.root, parts_of(path), PUBLIC_DIR, durable=False):
            pass

    def names(self, path: str) -> tuple[str, ...]:
        """List what lies in a folder, sorted; nothing when there is none."""
        with guarded(self.root / path), suppress(FileNotFoundError), folder(self.root, parts_of(path)) as here:
            return names(here)
        return ()

    def open(self, path: str) -> BinaryIO:
        """Open a plain file to read."""
        with guarded(self.root / path), folder_of(self.root, path) as (here, name):
            return os.fdopen(open_plain(here, name), "rb")

    def append(self, path: str) -> BinaryIO:
        """Open a file of the run's own to add lines to. Blocks."""
        with guarded(self.root / path), folder_of(self.root, path, PRIVATE_DIR) as (here, name):
            descriptor = open_plain(here, name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.fchmod(descriptor, PRIVATE_FILE)
            return os.fdopen(descriptor, "ab")

    def write(self, path: str, data: bytes, *, durable: bool = True) -> None:
        """Write a small file (report, status, summary) that is whole at every instant. Blocks."""
        private = parts_of(path)[0] in {RUNS, QUARANTINE}
        directory_mode, mode = (PRIVATE_DIR, PRIVATE_FILE) if private else (PUBLIC_DIR, PUBLIC_FILE)
        with guarded(self.root / path, len(data)), folder_of(self.root, path, directory_mode) as (here, name):
            replace_file(here, name, data, mode, durable=durable)

    def remove(self, path: str) -> None:
        """Remove a plain file that batchgen wrote; anything else stays."""
        with guarded(self.root / path), suppress(FileNotFoundError), folder_of(self.root, path) as (here, name):
            remove_plain(here, name)

    def size(self, path: str) -> int:
        """Count the bytes of the plain files in a folder."""
        with guarded(self.root / path), suppress(FileNotFoundError), folder(self.root, parts_of(path)) as here:
            return sum(found.st_size for name in names(here) if (found := look(here, name)))
        return 0

    def discard(self, path: str) -> bool:
        """Remove a folder of a run or of a quarantined answer; False when somebody else's files keep it. Blocks."""
        ours = {RUNS: _of_a_run, QUARANTINE: of_an_answer}[parts_of(path)[0]]
        with guarded(self.root / path), suppress(FileNotFoundError), folder_of(self.root, path) as (there, name):
            with below(there, name) as here:
                for file in filter(ours, names(here)):
                    remove_plain(here, file)
            return remove_empty(there, name)
        return True

    @contextmanager
    def stage(self, where: str) -> Iterator[Stage]:
        """Make a private folder below `where` to write files into, by their names. Blocks.

        Nobody can guess its name, so that no link waits for what is written. What killed processes left of others is
        removed after a day.
        """
        name = f"{STAGE}{secrets.token_hex(8)}"
        parts = parts_of(where)
        with ExitStack() as stack:
            with guarded(self.root / where):
                beside = stack.enter_context(folder(self.root, parts, PUBLIC_DIR))
                stack.callback(shutil.rmtree, name, ignore_errors=True, dir_fd=beside)
                inside = stack.enter_context(folder(self.root, (*parts, name), PRIVATE_DIR, durable=False))
                _sweep(beside, os.fstat(inside).st_mtime - DAY)
            yield Stage(self.root / where / name, inside, beside)

    def free_bytes(self) -> int:
        """Count the bytes that this user may still write here."""
        nearest = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        with guarded(nearest):
            status = os.statvfs(nearest)
        return status.f_bavail * status.f_frsize


def _of_a_run(name: str) -> bool:
    return name in RUN_FILES or name.endswith(TEMPORARY)


def _sweep(beside: int, before: float) -> None:
    """Remove the stages of killed processes."""
    for name in names(beside):
        with suppress(OSError):
            if name.startswith(STAGE) and os.stat(name, dir_fd=beside, follow_symlinks=False).st_mtime < before:
                shutil.rmtree(name, ignore_errors=True, dir_fd=beside)
