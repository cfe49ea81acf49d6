"""Gives commands to batchgen, as a shell would, and says how they ended."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.patience import PATIENCE

FORKS = Path(__file__).with_name("forks.py")
ROOT = FORKS.parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass
class Commands:
    """Starts commands between `with` and its end; what they print is kept below `folder`."""

    folder: Path
    _count: int = 0
    _left: list[int] = field(default_factory=list)

    def __enter__(self) -> Self:
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_"))}
        here = {
            "PYTHONPATH": str(ROOT),
            "OPENAI_API_KEY": "sk-test-key-0123456789",
            "APIYI_API_KEY": "sk-test-key-0123456789",
            "XDG_STATE_HOME": str(self.folder / "state"),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "80",
            "TZ": "UTC",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(FORKS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**ours, **here}, text=True
        )
        return self

    def __exit__(self, *_error: object) -> None:
        for pid in self._left:
            os.kill(pid, signal.SIGTERM)
            self._ask({"wait": pid, "seconds": PATIENCE})
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def run(self, *words: str, cwd: Path, die_behind: str = "") -> Ended:
        """Give a command in a folder and wait for its end; minus the signal when one killed it."""
        pid, out, err = self._start(words, cwd, die_behind)
        status = self._ask({"wait": pid, "seconds": PATIENCE})
        if status is None:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"no end within {PATIENCE} s: batchgen {' '.join(words)}\n{err.read_text('utf-8')}")
        return Ended(status, out.read_text("utf-8"), err.read_text("utf-8"))

    def mock(self, *words: str, cwd: Path) -> str:
        """Start a mock server that lives until the end; gives its base URL."""
        pid, out, err = self._start(("mock", *words), cwd, "")
        self._left.append(pid)
        end = time.monotonic() + PATIENCE
        while not (told := out.read_text("utf-8") if out.exists() else "").endswith("\n"):
            assert time.monotonic() < end, f"the mock does not listen: {err.read_text('utf-8')}"
            time.sleep(0.01)
        return told.strip()

    def _start(self, words: tuple[str, ...], cwd: Path, die_behind: str) -> tuple[int, Path, Path]:
        self._count += 1
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        asked = {"words": words, "cwd": str(cwd), "env": {}, "out": str(out), "err": str(err), "die_behind": die_behind}
        return self._ask(asked), out, err

    def _ask(self, asked: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
