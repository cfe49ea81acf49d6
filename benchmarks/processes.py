"""Processes of a benchmark: each on its core, each telling its result as JSON."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENT_CORE = 0
SERVER_CORE = 1
KEY = {"OPENAI_API_KEY": "sk-benchmark"}
DISK = "BENCHMARKS_DISK"
"""Names the folder to write to, where that is not to be memory."""


def pin(core: int) -> None:
    """Stay on one core, where the machine has several and lets us choose."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


@contextmanager
def served(module: str, *words: str) -> Iterator[str]:
    """Run a server; gives its base URL."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()


def measured(module: str, **facts: Any) -> dict[str, Any]:
    """Run one side to its end; gives what it measured. Its words for people go to our stderr."""
    command = [sys.executable, "-m", module, json.dumps(facts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=os.environ | KEY, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} failed with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder in memory where there is one, as disks are not compared; or on the disk that was asked for."""
    place = Path(os.environ.get(DISK, "/dev/shm"))
    with tempfile.TemporaryDirectory(dir=place if place.is_dir() else None) as folder:
        yield Path(folder)


@dataclass(frozen=True)
class Spent:
    """What a process used: seconds of CPU and wall, and its peak memory."""

    cpu: float
    wall: float
    peak_mib: float


def spent(command: Sequence[str], out: str, *, code: Path | None = None) -> Spent:
    """Run a command to its end, its stdout into a file; SystemExit when it fails.

    `code` is a folder that holds another batchgen; the command then runs in it. Its modules are compiled once, as those
    of an installed program are.
    """
    more = {"PYTHONPATH": str(code)} if code else {}
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.monotonic()
    with Path(out).open("w") as stdout:
        process = subprocess.Popen(command, stdout=stdout, env=env | KEY | more, cwd=code)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return Spent(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1024)
