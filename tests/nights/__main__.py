"""`python -m tests.nights`: live through nights, print the figures, and fail where a law is broken."""

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.nights.figures import Figures
from tests.nights.month import month, through

parser = argparse.ArgumentParser(prog="python -m tests.nights", description=__doc__)
parser.add_argument("--nights", type=int, default=30)
parser.add_argument("--rows", type=int, default=2000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--seeds", type=int, default=1, help="so many months, with this seed and those after it")
parser.add_argument("--keep", type=Path, help="a new folder for what a single month leaves behind, to look at it")


def main() -> int:
    """Live through every month that was asked for; returns how many of them broke a law."""
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    sys.modules["xlsxwriter"] = None  # type: ignore[assignment] # a workbook of the same tables takes half of the time
    broken, lived = 0, list[Figures]()
    for seed in range(asked.seed, asked.seed + asked.seeds):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            root = asked.keep or Path(folder)
            root.mkdir(parents=True, exist_ok=True)
            with month(root, seed, asked.rows, os.environ.__setitem__) as of:
                try:
                    through(asked.nights, of)
                    end = "every law held"
                except Exception as error:  # noqa: BLE001 - whatever broke, the other months go on
                    broken += 1
                    end = f"BROKEN: {type(error).__name__}: {error}"
                lived.append(of.figures)
                seconds = time.monotonic() - begun
                sys.stdout.write(f"seed {seed}: {end}\n")
                sys.stdout.writelines(f"  {line}\n" for line in of.figures.lines())
                sys.stdout.write(f"  {asked.rows:,} rows, {seconds:,.0f} s\n")
                sys.stdout.flush()
    if asked.seeds > 1:
        sys.stdout.write(f"{asked.seeds} months, {broken} broken:\n")
        sys.stdout.writelines(f"  {line}\n" for line in Figures.summed(lived).lines())
    return broken


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
