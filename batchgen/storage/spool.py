"""An answer on its way: decoded parts and the JSON around them, on disk before anything can fail on them."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import orjson

from batchgen.errors import StorageError
from batchgen.numerous import numerous
from batchgen.storage.durable import (
    PRIVATE_DIR,
    PRIVATE_FILE,
    TEMPORARY,
    create,
    exists,
    folder,
    guarded,
    make_folder,
    names,
    open_plain,
    refused,
    remove_plain,
    replace_file,
    step,
    sync,
    write_all,
    write_whole,
)
from batchgen.storage.folders import Folder, Folders

SPOOL, QUARANTINE = "spool", "quarantine"
ANSWER, WHY, PART = "answer.json", "why.json", ".part"
HEAD, TAIL = 64, 4096
"""How many of an image's first and last bytes are kept at hand."""
CHUNK = 1 << 20
MOST_JSON = 64 * 1024 * 1024

Edge = bytes


@numerous
@dataclass(frozen=True, slots=True)
class PartFacts:
    """One decoded image: where its bytes wait, how many, their hash, and the first and the last of them."""

    index: int
    where: str
    bytes: int
    sha256: str
    head: Edge
    tail: Edge

    @property
    def name(self) -> str:
        """What it is called in its spool."""
        return f"{self.index}{PART}"

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(self.where)


class Part:
    """The bytes of one image while they arrive; `write` is meant for the event loop, it only fills the page cache."""

    def __init__(self, index: int, where: str, descriptor: int) -> None:
        self.index = index
        self.where = where
        self.bytes = 0
        self._descriptor: int | None = descriptor
        self._hash = hashlib.sha256()
        self._head = self._tail = b""

    def write(self, *pieces: bytes) -> None:
        """Add bytes, all pieces at once; StorageError when the disk refuses them."""
        if self._descriptor is None:
            raise ValueError("this part is closed")
        try:
            write_all(self._descriptor, *pieces)
        except OSError as error:
            raise refused(error, self.where, self.bytes + sum(map(len, pieces))) from error
        for data in pieces:
            self._count(data)

    def take_in(self) -> None:
        """Count the bytes that the file has already."""
        while self._descriptor is not None and (data := os.pread(self._descriptor, CHUNK, self.bytes)):
            self._count(data)

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self.bytes += len(data)
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._tail = data[-TAIL:] if len(data) >= TAIL else (self._tail + data)[-TAIL:]

    def close(self) -> PartFacts:
        """No more bytes come; says what they were."""
        self._let_go()
        return PartFacts(self.index, self.where, self.bytes, self._hash.hexdigest(), self._head, self._tail)

    def _let_go(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with guarded(self.where):
                os.close(descriptor)

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(self.where)


class Spool:
    """The folder of one attempt's answer: `<index>.part` files, then `answer.json` once everything is there.

    Who made the folder keeps it open until it is removed, and knows what is in it: nothing is looked for then.
    """

    def __init__(self, root: Path, attempt_id: str, at: Callable[[str], None], folders: Folders | None = None) -> None:
        if not attempt_id or attempt_id.startswith(".") or "/" in attempt_id or "\0" in attempt_id:
            raise StorageError(f"{attempt_id!r} cannot name a folder")
        self.attempt_id = attempt_id
        self._root = root
        self._at = at
        self._folders = folders or Folders(root)
        # Paths as text: every call asks, and objects cost more than files.
        self._name = f"{self._folders.name}/{SPOOL}/{attempt_id}"
        self._parts = (SPOOL, attempt_id)
        self.home: Folder | None = None
        self._written: list[str] | None = None

    @cached_property
    def path(self) -> Path:
        """Where it is; few that pass by ask."""
        return self._root / SPOOL / self.attempt_id

    def where(self, name: str) -> str:
        """Where a file in it is."""
        return f"{self._name}/{name}"

    def part(self, index: int, *, resume: bool = False) -> Part:
        """Open a part for writing: a new one, or the one that an interrupted download left, to go on at its end.

        Meant for the event loop: nothing waits for the disk before `finish`.
        """
        name = f"{index}{PART}"
        where = self.where(name)
        with guarded(where):
            here = self._entered(self._spool()).fd
            if resume and exists(here, name):
                return self._reopen(here, index, where)
            with suppress(FileExistsError):
                return Part(index, where, self._create(here, name))
            os.unlink(name, dir_fd=here)
            return Part(index, where, self._create(here, name))

    def _create(self, here: int, name: str) -> int:
        descriptor = create(here, name, PRIVATE_FILE)
        if self._written is not None:
            self._written.append(name)
        return descriptor

    def _entered(self, spool: Folder) -> Folder:
        """Open the folder, and make it where it is missing; its name is durable when the folder above it is synced."""
        if self.home is None:
            descriptor, new = make_folder(spool.fd, self.attempt_id, PRIVATE_DIR, durable=False)
            self.home = Folder(descriptor)
            self._written = [] if new else None
        return self.home

    def _spool(self) -> Folder:
        return self._folders.open((SPOOL,), PRIVATE_DIR, confirmed=True)

    @staticmethod
    def _reopen(here: int, index: int, where: str) -> Part:
        part = Part(index, where, open_plain(here, f"{index}{PART}", os.O_RDWR | os.O_APPEND))
        part.take_in()
        return part

    def finish(self, answer: Mapping[str, object]) -> None:
        """Make the parts and then the answer durable; from now on this answer survives anything. Blocks."""
        data = orjson.dumps(answer)
        with guarded(self._name, len(data)):
            spool = self._spool()
            here = self._entered(spool).fd
            self._at("storage.finish.before_parts")
            for name in names(here) if self._written is None else self._written:
                if name.endswith(PART):
                    with suppress(FileNotFoundError):  # nobody wanted it
                        sync(here, name)
            self._at("storage.finish.before_answer")
            self._write(here, data)
            os.fsync(here)
            os.fsync(spool.fd)
            self._at("storage.finish.after_answer")

    def _write(self, here: int, data: bytes) -> None:
        """Write the answer, once: a torn one cannot be read, and counts as none. One that is there stays whole."""
        try:
            descriptor = self._create(here, ANSWER)
        except FileExistsError:
            replace_file(here, ANSWER, data, PRIVATE_FILE)
        else:
            write_whole(descriptor, data)

    def read(self) -> dict[str, object] | None:
        """Return the answer of a finished spool; None when the answer never became whole."""
        with guarded(self.path):
            try:
                with folder(self._root, self._parts) as here, os.fdopen(open_plain(here, ANSWER), "rb") as file:
                    text = file.read(MOST_JSON)
            except FileNotFoundError:
                return None
        with suppress(ValueError, RecursionError):
            if isinstance(answer := json.loads(text), dict):
                return answer
        return None

    def remove(self) -> None:
        """Remove the spool of a settled answer."""
        with guarded(self._name):
            self._at("storage.spool.before_remove")
        self.discard()

    def discard(self) -> None:
        """Remove what was written here; a file of somebody else stays, and the folder with it."""
        written, self._written, self.home = self._written, None, None
        with guarded(self._name), suppress(FileNotFoundError):
            above = self._folders.open(self._parts[:-1])
            here = Folder(step(above.fd, self.attempt_id, None, durable=False))
            for name in sorted(written or _of_an_answer(here.fd), key=_answer_first):
                remove_plain(here.fd, name)
            if not remove_empty(above.fd, self.attempt_id) and written:
                self.discard()  # something is left that another one wrote: perhaps it is ours

    def quarantine(self, why: Mapping[str, object]) -> str:
        """Keep what arrived for people to look at; returns the folder, relative to the output folder."""
        data = json.dumps(why, ensure_ascii=False, indent=2, default=str).encode()
        with guarded(self.path, len(data)):
            with folder(self._root, self._parts, PRIVATE_DIR) as here:
                if exists(here, WHY):
                    os.unlink(WHY, dir_fd=here)
                write_whole(create(here, WHY, PRIVATE_FILE), data)
                os.fsync(here)
            where = folder(self._root, (QUARANTINE,), PRIVATE_DIR)
            with folder(self._root, (SPOOL,)) as spool, where as quarantine:
                name = _free_name(quarantine, self.attempt_id)
                os.rename(self.attempt_id, name, src_dir_fd=spool, dst_dir_fd=quarantine)
                os.fsync(quarantine)
                os.fsync(spool)
            self._at("storage.quarantine.after_move")
        return f"{QUARANTINE}/{name}"


def _answer_first(name: str) -> bool:
    """Order names: a spool without its answer is only leftovers."""
    return name != ANSWER


def _of_an_answer(here: int) -> list[str]:
    with os.scandir(here) as found:
        return [one.name for one in found if of_an_answer(one.name) and one.is_file(follow_symlinks=False)]


def of_an_answer(name: str) -> bool:
    """Tell a file of an answer by its name."""
    return name in {ANSWER, f".{ANSWER}{TEMPORARY}", WHY} or name.endswith(PART)


def remove_empty(parent: int, name: str) -> bool:
    """Remove a folder; False when something is left in it."""
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        return False
    return True


def _free_name(parent: int, wanted: str) -> str:
    name, count = wanted, 1
    while exists(parent, name):
        count += 1
        name = f"{wanted}.{count}"
    return name
