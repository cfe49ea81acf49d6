"""`python -m benchmarks [NAME ...] [--quick | --long] [--disk FOLDER]`."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import (
    again,
    calls,
    cluster,
    collect,
    derivatives,
    driver,
    functions,
    plan,
    rate,
    refused,
    report,
    startup,
    view,
)
from benchmarks.effort import Effort
from benchmarks.processes import DISK
from benchmarks.table import Table, worst

BENCHES: dict[str, Callable[[Effort], Iterator[Table]]] = {
    **calls.BENCHES,
    "functions": functions.run,
    "refused": refused.run,
    "rate": rate.run,
    "plan": plan.run,
    "again": again.run,
    "report": report.run,
    "view": view.run,
    "collect": collect.run,
    "derivatives": derivatives.run,
    "startup": startup.run,
    "driver": driver.run,
    "cluster": cluster.run,
}


def main() -> None:
    """Run what was asked for, and print tables as they come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="batchgen beside a plain SDK script.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)} (default: all)")
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--quick", action="store_true", help="one round and smaller counts, no real waiting")
    much.add_argument("--long", action="store_true", help="more rounds, a million rows, 100,000 jobs")
    parser.add_argument("--disk", type=Path, metavar="FOLDER", help="write there, instead of to memory")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if chosen.disk:
        os.environ[DISK] = str(chosen.disk)
    effort = Effort.QUICK if chosen.quick else Effort.LONG if chosen.long else Effort.NORMAL
    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores\n",
        flush=True,
    )
    tables = []
    for name in chosen.names or BENCHES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        for table in BENCHES[name](effort):
            tables.append(table)
            print(table, flush=True)
    print(worst(tables))


if __name__ == "__main__":
    main()
