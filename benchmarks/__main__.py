"""`python -m benchmarks [NAME ...] [--short | --long]`."""

import argparse
import os
import platform
import sys

from benchmarks import images, rate, scale, startup
from benchmarks.effort import Effort

BENCHES = {"pictures": images.run, "rate": rate.run, "scale": scale.run, "startup": startup.run}


def main() -> None:
    """Run what was asked for, and print tables as they come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="batchgen beside a plain SDK script.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)} (default: all)")
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--short", action="store_true", help="fewer repetitions and smaller counts, no real waiting")
    much.add_argument("--long", action="store_true", help="more repetitions, and 100,000 jobs really run")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    effort = Effort.SHORT if chosen.short else Effort.LONG if chosen.long else Effort.NORMAL
    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores\n",
        flush=True,
    )
    for name in chosen.names or BENCHES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        for table in BENCHES[name](effort):
            print(table, flush=True)


if __name__ == "__main__":
    main()
