"""One process beside the nodes of a Ray cluster on this machine: CPU of a call for driver and nodes, calls a second."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.effort import Effort
from benchmarks.our_side import write_manifest
from benchmarks.payload import PAYLOADS
from benchmarks.processes import KEY, Spent, scratch, served, spent
from benchmarks.table import Table

AT_ONCE = 64
FEWER = 8
"""Calls in flight with which the memory of one more is compared."""
SHORTER = 4
NODES = Path(__file__).parents[1] / "tests" / "cluster" / "ray_nodes.py"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
CALLS = {"tiny": 1600, "p1": 320}
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Workers:
    """What the processes on the nodes use, looked at while they live."""

    used: dict[str, float] = field(default_factory=dict)
    peak_mib: float = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look ten times a second."""
        end = threading.Event()

        def look() -> None:
            while not end.wait(0.1):
                self._look()

        thread = threading.Thread(target=look)
        thread.start()
        yield
        end.set()
        thread.join()

    def _look(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if not (process / "cmdline").read_bytes().startswith(b"ray::RayWorker"):
                    continue
                facts = (process / "stat").read_text("ascii").rpartition(")")[2].split()
                pages = int((process / "statm").read_text("ascii").split()[1])
            except OSError:
                continue
            self.used[process.name] = (int(facts[11]) + int(facts[12])) / TICK
            self.peak_mib = max(self.peak_mib, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


@dataclass(frozen=True)
class Used:
    """What one run used."""

    driver: Spent
    nodes: float
    peak_mib: float


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """Begin a cluster of so many nodes; gives its address."""
    command = [sys.executable, str(NODES), str(nodes)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | KEY
    ) as one:
        assert one.stdin
        assert one.stdout
        yield one.stdout.readline().strip()
        one.stdin.close()


def run(effort: Effort) -> Iterator[Table]:
    """Compare one process with one node and with two."""
    os.environ.update(QUIET)
    for payload, calls in CALLS.items():
        rounds, count = effort.pick(1, 1, 3), effort.pick(calls // 2, calls)
        here = _slopes(payload, "", count, rounds)
        for nodes in (1, 2):
            with cluster(nodes) as address:
                there = _slopes(payload, address, count, rounds)
            title = f"{payload}: this process, then a driver with {nodes} node(s), {AT_ONCE} in flight"
            yield Table(title, ("", "this process", "driver and nodes"), list(_rows(here, there)))


def _rows(here: dict[str, float], there: dict[str, float]) -> Iterator[tuple[str, str, str]]:
    for what, name, factor in (
        ("driver: CPU of a call, ms", "driver", 1000),
        ("nodes: CPU of a call, ms", "nodes", 1000),
        ("calls a second, start-up left out", "rate", 1),
        ("driver: peak memory, MiB", "memory", 1),
        ("node: peak memory, MiB", "node_memory", 1),
        ("driver: memory of a call in flight, KiB", "call", 1),
        ("node: memory of a call in flight, KiB", "node_call", 1),
    ):
        yield what, f"{here[name] * factor:.2f}", f"{there[name] * factor:.2f}"


def _slopes(payload: str, address: str, calls: int, rounds: int) -> dict[str, float]:
    """Say what one call more takes, from a short and a long run."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        short, long = (_measured(payload, address, count, AT_ONCE) for count in (calls // SHORTER, calls))
        few, more = _measured(payload, address, calls // SHORTER, FEWER), calls - calls // SHORTER
        in_flight = (AT_ONCE - FEWER) / 1024
        for name, value in {
            "driver": (long.driver.cpu - short.driver.cpu) / more,
            "nodes": (long.nodes - short.nodes) / more,
            "rate": more / max(long.driver.wall - short.driver.wall, 1e-9),
            "memory": long.driver.peak_mib,
            "node_memory": long.peak_mib,
            "call": (short.driver.peak_mib - few.driver.peak_mib) / in_flight,
            "node_call": (short.peak_mib - few.peak_mib) / in_flight,
        }.items():
            found.setdefault(name, []).append(value)
    return {name: median(values) for name, values in found.items()}


def _measured(payload: str, address: str, calls: int, at_once: int) -> Used:
    workers = Workers()
    with served("benchmarks.server", payload) as base_url, scratch() as folder, workers.watched():
        manifest = write_manifest(folder, "real", calls, PAYLOADS[payload].n)
        words = ["run", str(manifest), "--base-url", base_url, "--output", str(folder / "out"), "--quiet"]
        if address:
            engine = f'engine: {{ray: {{address: "{address}", per_node: {AT_ONCE}}}}}\n'
            manifest.write_text(engine + manifest.read_text("utf-8"), "utf-8")
            words += ["--store", f"file://{folder / 'shared'}"]
        command = [sys.executable, "-m", "batchgen", *words, "--concurrency", str(at_once)]
        driver = spent(command, str(folder / "out.txt"))
    nodes = sum(workers.used.values()) if address else 0.0
    return Used(driver, nodes, workers.peak_mib)
