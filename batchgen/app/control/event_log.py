"""What a run writes down while it works, beside the ledger: its log and where it stands."""

import errno
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from operator import methodcaller
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import orjson

from batchgen.errors import InputError, Place, Problem, StorageError
from batchgen.runtime.clock import Clock
from batchgen.storage import Workspace
from batchgen.storage.durable import PUBLIC_FILE

FLUSH_EVERY = 0.5
"""Seconds for which lines of the log may wait for company on their way to the file."""

_BEGUN: list[Path] = []
_NO_FILE = "is not an ordinary file, and a log is written to one"
_flush = methodcaller("flush")


def latest_run() -> Path | None:
    """Give the folder of the run that the latest command began, if any; it stays known when the run has ended."""
    return _BEGUN[-1] if _BEGUN else None


def no_run_yet() -> None:
    """Note that a command begins, and with it no run so far."""
    _BEGUN.clear()


class EventLog:
    """`runs/<id>/log.jsonl`, one JSON object a line; a second copy where the user asked for one.

    The log is for reading afterwards and nothing depends on it: a disk that refuses it silences it, and the money's own
    record, the ledger, is where a full disk is noticed.
    """

    def __init__(self, workspace: Workspace, run_id: str, clock: Clock, copy: Path | None = None) -> None:
        self._workspace = workspace
        self._run = f"runs/{run_id}"
        self._clock = clock
        self._one_at_a_time = Lock()
        self._flushed = float("-inf")
        copies = [] if copy is None else [_open(copy)]  # before anything is left in the folder
        self._files = [workspace.append(f"{self._run}/log.jsonl"), *copies]
        _BEGUN.append(workspace.root / self._run)

    def note(self, event: str, /, **facts: Any) -> None:
        """Write one event with its facts; lines go to the file together, twice a second or with the next status."""
        line = _line({"at": self._clock.now().isoformat(), "event": event, **facts})
        self._each(methodcaller("write", line))
        if self._clock.monotonic() - self._flushed >= FLUSH_EVERY:
            self._flush()

    def _flush(self) -> None:
        self._flushed = self._clock.monotonic()
        self._each(_flush)

    def _each(self, act: Callable[[BinaryIO], object]) -> None:
        """Do it to every copy of the log; one that its disk refuses is given up."""
        for file in self._files:
            try:
                act(file)
            except (OSError, ValueError):  # a full disk; or another thread has met it first and closed the file
                self._files = [other for other in self._files if other is not file]
                with suppress(OSError):
                    file.close()

    def status(self, facts: dict[str, Any]) -> None:
        """Replace `status.json`; whole at every instant. Blocks."""
        self._flush()
        self.put("status.json", {"at": self._clock.now().isoformat(), **facts}, durable=False)

    def put(self, name: str, facts: dict[str, Any], *, durable: bool = True) -> None:
        """Write one of the run's own small files. Blocks."""
        self.put_text(name, json.dumps(facts, indent=1) + "\n", durable=durable)

    def put_text(self, name: str, text: str, *, durable: bool = True) -> None:
        """Write a small file that is no JSON. Blocks."""
        with self._one_at_a_time:
            self._workspace.write(f"{self._run}/{name}", text.encode(), durable=durable)

    def close(self) -> None:
        """Let go of the files."""
        self._each(lambda file: file.close())


def _line(facts: dict[str, Any]) -> bytes:
    """Write one line of the log: a twentieth of a small call went into Python's own encoder."""
    try:
        return orjson.dumps(facts, default=_plain, option=_AS_PYTHON)
    except TypeError:  # what only Python's own can write: half characters, numbers without an end
        return f"{json.dumps(facts, default=str)}\n".encode()


def _plain(value: object) -> object:
    """Write what JSON has no word for as Python does."""
    return list(value) if isinstance(value, tuple) else str(value)


_AS_PYTHON = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def _open(path: Path) -> BinaryIO:
    """Open a copy of the log; InputError for a pipe or a device, which may take nothing and hold the run up."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, PUBLIC_FILE), "ab")
    except OSError as error:
        if error.errno == errno.ENXIO:  # what a pipe says that nobody reads, and a socket
            raise InputError(Problem(_NO_FILE, Place(str(path)))) from error
        why = f"cannot write the log {path}: {error.strerror}; choose a folder that you may write to"
        raise StorageError(why) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(Problem(_NO_FILE, Place(str(path))))
    return file
