"""A Ray cluster on this machine, a provider, and drivers that are processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest

from batchgen.ledger import Ledger
from batchgen.mock import MockConfig
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.runtime.clock import SystemClock
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
NODES_KEY = "sk-nodes-0123456789"
DRIVERS_KEY = "sk-driver-9876543210"
LATENCY = 0.4

has_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: it comes with the extra `ray`")


def quiet(key: str) -> dict[str, str]:
    """Return an environment for a process: nothing of Ray leaves this machine."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "OPENAI_API_KEY": key}
    return environment | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "OPENBLAS_NUM_THREADS": "1"}


class RayNodes:
    """The cluster, in a process of its own."""

    def __init__(self, count: int, folder: Path, variables: Mapping[str, str] = MappingProxyType({})) -> None:
        script = [sys.executable, str(ROOT / "tests" / "cluster" / "ray_nodes.py"), str(count)]
        self._errors = (folder / "ray.err").open("wb")
        self._process = subprocess.Popen(
            script,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=quiet(NODES_KEY) | dict(variables),
            text=True,
            start_new_session=True,
            cwd=folder,
        )
        self.address = self._answer()

    def ask(self, word: str) -> None:
        """Let it do something."""
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End all of it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    @staticmethod
    def workers() -> list[int]:
        """List the processes of ours on the nodes."""
        return [int(one.name) for one in Path("/proc").glob("[0-9]*") if _says(one, "ray::RayWorker")]


def _says(process: Path, name: str) -> bool:
    try:
        return (process / "cmdline").read_bytes().startswith(name.encode())
    except OSError:
        return False


@dataclass
class Scene:
    """One output with its store in a shared folder, and one provider."""

    nodes: RayNodes
    root: Path
    handle: Handle
    drivers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def store(self) -> str:
        """Where images go."""
        return f"file://{self.root / 'shared'}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a driver."""
        return quiet(DRIVERS_KEY)

    def manifest(self, jobs: int, *, linger: float = 60.0, concurrency: int = 8, limits: str = "") -> Path:
        """Write a manifest."""
        path = self.root / "lamps.yaml"
        path.write_text(
            f"""\
name: lamps
limits: {{max_cost: 100, concurrency: {concurrency}{limits}}}
engine: {{ray: {{address: "{self.nodes.address}", linger: {linger}, per_node: 16}}}}
output: {{store: "{self.store}"}}
defaults: {{model: gpt-image-2, size: 1024x1024, quality: low}}
jobs:
  - id: "lamp-{{{{ n }}}}"
    prompt: "lamp {{{{ n }}}}"
    matrix: {{n: [{", ".join(map(str, range(jobs)))}]}}
""",
            encoding="utf-8",
        )
        return path

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a driver."""
        command = [sys.executable, "-m", "batchgen", "run", "lamps.yaml", "--base-url", self.handle.base_url, "--json"]
        errors = (self.root / f"driver-{len(self.drivers)}.err").open("wb")
        process = subprocess.Popen(
            [*command, *words], cwd=self.root, env=self.environment, stdout=subprocess.PIPE, stderr=errors
        )
        errors.close()
        self.drivers.append(process)
        return process

    def end(self, process: "subprocess.Popen[bytes]", seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for the end of a run; its summary."""
        told, _ = process.communicate(timeout=seconds)
        number = self.drivers.index(process)
        assert told, (self.root / f"driver-{number}.err").read_text("utf-8")
        summary: dict[str, Any] = json.loads(told)
        return summary

    def run(self, *words: str) -> dict[str, Any]:
        """Run to the end."""
        return self.end(self.start(*words))

    @property
    def port(self) -> int:
        """Where the provider listens."""
        return urlsplit(self.handle.base_url).port or 0

    @property
    def asked(self) -> int:
        """Calls that the provider got."""
        return len(self.handle.bill()["requests"])

    @property
    def images(self) -> list[str]:
        """What stands in the store."""
        return sorted(path.name for path in (self.root / "shared" / "images").glob("*"))

    def close(self) -> None:
        """End the drivers that are still at work."""
        for driver in self.drivers:
            if driver.poll() is None:
                driver.kill()
            driver.wait()
            if driver.stdout:
                driver.stdout.close()

    def is_complete(self, jobs: int, summary: dict[str, Any]) -> None:
        """Each job is recorded once, its image stands in the store, and the books are those of the provider."""
        assert summary["exit_code"] == 0, summary
        assert len(self.images) == jobs
        with Ledger.open(self.root / "output/lamps/ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
            stored = [image.path for image in ledger.images.stored()]
        assert len(stored) == len(set(stored)) == jobs


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """Begin two nodes."""
    cluster = RayNodes(2, tmp_path_factory.mktemp("ray"))
    yield cluster
    cluster.close()


@pytest.fixture
def scene(nodes: RayNodes, tmp_path: Path) -> Iterator[Scene]:
    """Return an empty output, and a provider that takes only the key of the nodes."""
    handle = start_embedded(MockConfig(key=NODES_KEY, latency=(LATENCY, LATENCY)))
    found = Scene(nodes, tmp_path, handle)
    yield found
    found.close()
    handle.stop()
