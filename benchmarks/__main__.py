"""`python -m benchmarks [NAME ...] [--short]`."""

import argparse
import os
import platform
import sys

from benchmarks import pictures, rate, scale, startup

BENCHES = {"pictures": pictures.run, "rate": rate.run, "scale": scale.run, "startup": startup.run}


def main() -> None:
    """Run what was asked for, and print tables as they come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="batchgen beside a plain SDK script.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--short", action="store_true", help="fewer repetitions and smaller counts")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores\n",
        flush=True,
    )
    for name in chosen.names or BENCHES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        for table in BENCHES[name](short=chosen.short):
            print(table, flush=True)


if __name__ == "__main__":
    main()
