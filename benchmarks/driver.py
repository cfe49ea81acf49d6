"""The driver of a cluster alone beside version 0.1.0, which is driver and node in one: attempts a second."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.effort import Effort
from benchmarks.our_side import write_manifest
from benchmarks.processes import Spent, scratch, served, spent
from benchmarks.table import Bar, Figure, Table, compared
from benchmarks.version import HERE, version_0_1_0

AT_ONCE = 64
SHORTER = 4
TITLE = "A driver whose nodes answer at once, beside version 0.1.0"


def run(effort: Effort) -> Iterator[Table]:
    """Take both in turn, a short and a long run each: what one attempt more takes."""
    calls, rounds = effort.pick(1_000, 4_000, 8_000), effort.pick(1, 3, 5)
    with scratch() as folder:
        first = folder / "0.1.0"
        if why := version_0_1_0(first):
            yield Table(TITLE, ("", ""), [("against version 0.1.0", why)])
            return
        found = [(_slope(folder, calls, first), _slope(folder, calls, None)) for _ in range(rounds)]
    theirs, ours = ([pair[side] for pair in found] for side in (0, 1))
    wall = (median(one.wall for one in theirs), median(one.wall for one in ours))
    cpu = (median(one.cpu for one in theirs), median(one.cpu for one in ours))
    yield compared(
        TITLE,
        [
            Figure(
                "attempts a second, start-up left out",
                f"{1 / wall[0]:.0f}",
                f"{1 / wall[1]:.0f}",
                median(one.wall / other.wall for one, other in found),
                Bar(4.0, least=True),
            ),
            Figure("CPU of an attempt, ms", f"{cpu[0] * 1000:.2f}", f"{cpu[1] * 1000:.2f}", cpu[1] / cpu[0]),
        ],
        "Version 0.1.0 calls a server that answers at once with 48 KiB.",
        against="version 0.1.0",
    )


def _slope(folder: Path, calls: int, code: Path | None) -> Spent:
    """Say what one attempt more takes."""
    few = calls // SHORTER
    short, long = (_ran(folder, count, code) for count in (few, calls))
    more = calls - few
    return Spent((long.cpu - short.cpu) / more, (long.wall - short.wall) / more, long.peak_mib)


def _ran(folder: Path, calls: int, code: Path | None) -> Spent:
    with scratch() as output:
        manifest = write_manifest(folder, "real", calls, 1)
        if code is None:
            facts = {"manifest": str(manifest), "output": str(output / "out"), "at_once": AT_ONCE, "calls": calls}
            command = [sys.executable, "-m", "benchmarks.driver_side", json.dumps(facts)]
            return spent(command, str(output / "said"), code=HERE)
        with served("benchmarks.server", "tiny") as base_url:
            words = ["run", str(manifest), "--base-url", base_url, "--output", str(output / "out"), "--quiet"]
            command = [sys.executable, "-m", "batchgen", *words, "--concurrency", str(AT_ONCE)]
            return spent(command, str(output / "said"), code=code)
