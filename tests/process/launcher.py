"""A process that has everything loaded and forks children that give commands: a start costs milliseconds, not seconds.

Run as a script it serves; imported it is the client. A child is a real process with a session, descriptors, limits and
signals of its own; it goes through `batchgen.cli.main` and can be told to break at a named durable step.
"""

import errno
import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import batchgen
from batchgen import pricing
from tests.patience import PATIENCE

LAUNCHER = Path(__file__)
ROOT = LAUNCHER.parents[2]
KEY = "sk-test-key-0123456789"
BATCHGEN = "batchgen.cli.main:main"


@dataclass(frozen=True, kw_only=True)
class Break:
    """Break at the `passing`th passing of a durable step: die by SIGKILL, or fail with an `errno` name, or with a bug.

    An empty `point` counts every step.
    """

    BUG: ClassVar[str] = "BUG"

    point: str = ""
    passing: int = 1
    errno: str = ""


@dataclass
class Child:
    """One command under way."""

    pid: int
    out: Path
    err: Path
    _launcher: "Launcher"
    _status: int | None = None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end: the exit status, or minus the signal that killed it."""
        if self._status is None:
            self._status = self._launcher.ask({"wait": self.pid, "seconds": seconds})
        if self._status is None:
            self.signal(signal.SIGKILL)
            raise AssertionError(f"no end within {seconds} s; it said:\n{self.said}")
        return self._status

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        if self._status is None:
            self._status = self._launcher.ask({"wait": self.pid, "seconds": 0})
        return self._status is not None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @property
    def told(self) -> str:
        """Its stdout so far."""
        return self.out.read_text("utf-8", "replace")

    @property
    def said(self) -> str:
        """Its stderr so far."""
        return self.err.read_text("utf-8", "replace")


@dataclass
class Launcher:
    """Starts children from `open` to `close`; what they print is kept below `folder`."""

    folder: Path
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Start the process; it is ready with its first answer."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(LAUNCHER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )

    def close(self) -> None:
        """End the process; children that still run go on."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def ask(self, words: Mapping[str, Any]) -> Any:
        """Ask the process one thing."""
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def start(
        self,
        *words: str | Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        broken: Break | None = None,
        limits: Mapping[str, int] | None = None,
        program: str = BATCHGEN,
    ) -> Child:
        """Give a command in folder `cwd`; `limits` are names of `resource.RLIMIT_*` with their values.

        `program` (`module:function`) takes the words in the place of the command line.
        """
        self._count += 1
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        pid = self.ask(
            {
                "words": [str(word) for word in words],
                "cwd": str(cwd),
                "env": {"OPENAI_API_KEY": KEY, "XDG_STATE_HOME": str(self.folder / "state"), **(env or {})},
                "out": str(out),
                "err": str(err),
                "broken": asdict(broken) if broken else None,
                "limits": dict(limits or {}),
                "program": program,
            }
        )
        return Child(pid, out, err, self)


# ---- the process itself ----------------------------------------------------------------------------------------------


def fault(broken: Break) -> Callable[[str], None]:
    """Say what is called at each durable step, by several threads: it dies, or raises, at the chosen passing."""
    count, lock = 0, threading.Lock()

    def at(name: str) -> None:
        nonlocal count
        with lock:
            if broken.point not in {"", name}:
                return
            count += 1
            if count != broken.passing:
                return
            if not broken.errno:
                os.kill(os.getpid(), signal.SIGKILL)
            if broken.errno == Break.BUG:
                raise RuntimeError("a bug that a test put here")
            number = getattr(errno, broken.errno)
            raise OSError(number, os.strerror(number))

    return at


def _load() -> None:
    """Import every room, and what the rooms import when they are first used."""
    for module in pkgutil.walk_packages(batchgen.__path__, "batchgen."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("openpyxl", "pandas", "pyarrow.parquet", "rich.progress"):
        importlib.import_module(name)
    pricing.text_tokens("the vocabulary takes longest")


def _become(words: dict[str, Any]) -> int:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (os.open(words[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in ("out", "err"))
    for descriptor, place in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(words["cwd"])
    os.environ.update(words["env"])
    for name, value in words["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    module, _, name = words["program"].partition(":")
    main = getattr(importlib.import_module(module), name)
    status: int = main(words["words"], at=fault(Break(**words["broken"])) if words["broken"] else None)
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _wait(pid: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.005)


def serve(requests: Sequence[str] | Any) -> None:
    """Fork a child for every request to run words; wait for one for every other."""
    _load()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, children would inherit that it is ignored
    for line in requests:
        words = json.loads(line)
        if "wait" in words:
            answer = _wait(words["wait"], words["seconds"])
        else:
            answer = os.fork()
            if not answer:
                status = 70
                try:
                    status = _become(words)
                finally:
                    os._exit(status)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.stdin)
