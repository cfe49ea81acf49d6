"""How long `--help` takes, over the bare start of an interpreter."""

import os
import sys
from collections.abc import Iterator
from statistics import median

from benchmarks.effort import Effort
from benchmarks.processes import spent
from benchmarks.table import Table, bar, times


def run(effort: Effort) -> Iterator[Table]:
    """Take turns, and the medians of CPU time."""
    commands = {"python -c pass": ["-c", "pass"], "batchgen --help": ["-m", "batchgen", "--help"]}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(effort.pick(5, 25)):
        for name, words in commands.items():
            taken[name].append(spent([sys.executable, *words], os.devnull).cpu)
    bare, ours = (median(times) for times in taken.values())
    row = ("CPU", f"{bare * 1000:.0f} ms", f"{ours * 1000:.0f} ms", times(ours / bare), "<= 6", bar(ours / bare, 6, 3))
    yield Table("Start", ("", *commands, "ratio", "bar", ""), [row])
