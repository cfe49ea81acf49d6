"""The driver of a cluster alone beside version 0.1.0, which is driver and node in one: attempts a second."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.effort import Effort
from benchmarks.our_side import write_manifest
from benchmarks.processes import scratch, served, spent
from benchmarks.table import Bar, Figure, Table, compared
from benchmarks.version import HERE, version_0_1_0

AT_ONCE = 64
TITLE = "A driver whose nodes answer at once, beside version 0.1.0"
SPAN = "SELECT count(*), min(started), max(ended) FROM attempts"


def run(effort: Effort) -> Iterator[Table]:
    """Take both in turn."""
    calls, rounds = effort.pick(1_000, 4_000, 20_000), effort.pick(1, 3, 5)
    with scratch() as folder:
        first = folder / "0.1.0"
        if why := version_0_1_0(first):
            yield Table(TITLE, ("", ""), [("against version 0.1.0", why)])
            return
        manifest = write_manifest(folder, "real", calls, 1)
        found = [(_first(manifest, first), _driver(manifest, calls)) for _ in range(rounds)]
    theirs, ours = (median(pair[side] for pair in found) for side in (0, 1))
    ratio = median(ours / theirs for theirs, ours in found)
    yield compared(
        TITLE,
        [Figure("attempts a second", f"{theirs:.0f}", f"{ours:.0f}", ratio, Bar(4.0, least=True))],
        "From the start of the first attempt to the end of the last one, as the ledgers have them. Version 0.1.0 calls "
        "a server that answers at once with 48 KiB.",
        against="version 0.1.0",
    )


def _first(manifest: Path, code: Path) -> float:
    """Say how many attempts a second version 0.1.0 makes."""
    with scratch() as folder, served("benchmarks.server", "tiny") as base_url:
        words = ["run", str(manifest), "--base-url", base_url, "--output", str(folder / "out"), "--quiet"]
        command = [sys.executable, "-m", "batchgen", *words, "--concurrency", str(AT_ONCE)]
        spent(command, str(folder / "said"), code=code)
        return _rate(folder / "out")


def _driver(manifest: Path, calls: int) -> float:
    """Say how many attempts a second the driver books and hands out."""
    with scratch() as folder:
        facts = {"manifest": str(manifest), "output": str(folder / "out"), "at_once": AT_ONCE, "calls": calls}
        spent([sys.executable, "-m", "benchmarks.driver_side", json.dumps(facts)], str(folder / "said"), code=HERE)
        return _rate(folder / "out")


def _rate(output: Path) -> float:
    with closing(sqlite3.connect(output / "ledger.db")) as db:
        count, started, ended = db.execute(SPAN).fetchone()
    return float(count / (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds())
