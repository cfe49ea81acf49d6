"""Seen from the kernel: what a power cut may take away is never what something later relies on."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.process.launcher import KEY, ROOT, Launcher
from tests.process.world import world

LINE = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\((?P<words>.*))")
PATH = re.compile(r"\d+<([^>]*)>")
WRITES = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,sendto"


@dataclass(frozen=True, slots=True)
class Step:
    """What one system call did, where it counts: a write when it begins, everything else when it ends."""

    call: str
    words: str

    @property
    def paths(self) -> list[str]:
        """The files and folders behind its descriptors; what Python compiles beside the run is none of ours."""
        return [path for path in PATH.findall(self.words) if "__pycache__" not in path]


def steps(trace: str) -> Iterator[Step]:
    """Return the system calls of all threads in order."""
    begun: dict[str, Step] = {}
    for line in trace.splitlines():
        found = LINE.match(line)
        if found is None:
            continue
        if found["resumed"]:
            step = begun.pop(found["pid"], None)
            if step is not None and "write" not in step.call:
                yield step
            continue
        step = Step(found["call"], found["words"])
        if line.endswith("<unfinished ...>"):
            begun[found["pid"]] = step
            if "write" not in step.call:
                continue
        yield step


def traced(folder: Path, words: list[str]) -> list[Step]:
    """Give a command and look at its system calls."""
    env = {
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": KEY,
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    strace = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "16", "-e", f"trace={WRITES}", "-o", "trace"]
    command = [*strace, sys.executable, "-m", "batchgen", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return list(steps((folder / "trace").read_text("utf-8", "replace")))


def follow(step: Step, unsure: set[str]) -> None:
    """Keep up which paths a power cut may take away: what was written or named, and not synced since."""
    match step.call:
        case "write" | "pwrite64":
            unsure.update(step.paths)
        case "fsync" | "fdatasync":
            unsure.difference_update(step.paths)
        case "linkat" if "/images" in step.words:
            unsure.add(step.paths[-1])
        case "rename" | "renameat" | "renameat2":
            unsure.update(step.paths[-1:])
        case _:
            pass


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed here")
def test_everything_is_on_the_disk_before_something_relies_on_it(fresh: Path, launcher: Launcher) -> None:
    """Intent before request, bytes before name, name before row, row before the spool goes; one call at a time."""
    with world(fresh, launcher, 1, jobs=3) as trial:
        unsure: set[str] = set()
        seen = dict.fromkeys(("sent", "named", "settled", "removed"), 0)
        named = False
        for step in traced(fresh, [*trial.words, "--concurrency", "1"]):
            ledger = next((path for path in step.paths if path.endswith("ledger.db-wal")), "")
            match step.call:
                case "sendto" | "write" if "POST" in step.words:
                    assert not any(path.endswith("-wal") for path in unsure), "a request before its intent"
                    seen["sent"] += 1
                case "write" | "pwrite64":
                    if ledger and named:
                        assert not any("/images/" in path or path.endswith("/images") for path in unsure), (
                            "a row before its image's name"
                        )
                        seen["settled"], named = seen["settled"] + 1, False
                case "linkat" if "/images" in step.words:
                    assert not any("/spool/" in path for path in unsure), "a name before its bytes"
                    seen["named"], named = seen["named"] + 1, True
                case "unlinkat" if "answer.json" in step.words:
                    assert not any(path.endswith("-wal") for path in unsure), "a spool gone before its row"
                    seen["removed"] += 1
                case _:
                    pass
            follow(step, unsure)
        assert (seen["sent"], seen["named"], seen["removed"]) == (3, 6, 3)
        assert seen["settled"] >= 1


@pytest.mark.slow
def test_no_warning_and_nothing_left_open(fresh: Path, launcher: Launcher) -> None:
    """Under Python's own development mode, every warning an error: no task, socket or exception is left behind."""
    with world(fresh, launcher, 2, jobs=4) as trial:
        env = {"PYTHONPATH": str(ROOT), "OPENAI_API_KEY": KEY, "HOME": str(fresh), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "batchgen", *trial.words, "--quiet"]
        done = subprocess.run(command, cwd=fresh, env=env, capture_output=True, text=True, check=False, timeout=600)
        # A busy machine makes callbacks slow; development mode tells of it.
        said = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
        assert (done.returncode, done.stdout, said) == (0, "", [])
