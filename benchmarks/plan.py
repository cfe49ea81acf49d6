"""Rows of CSV through `plan`, against a bare loop over the same rows in the same run."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.bare import TEMPLATE
from benchmarks.effort import Effort
from benchmarks.processes import Spent, scratch, spent
from benchmarks.table import Bar, Figure, Table, compared

COLUMNS = "sku,name,colour,material,width,height,note"
SHORTER = 5
SIDES = ("loop", "plan")
MANIFEST = f"""\
name: rows
limits: {{max_cost: 1}}
defaults: {{model: gpt-image-2.5-flare, size: 1024x1024, quality: medium}}
jobs:
  - id: "{{{{ sku }}}}"
    rows: rows.csv
    prompt: "{TEMPLATE}"
"""


Found = dict[tuple[str, int], list[Spent]]


def run(effort: Effort) -> Iterator[Table]:
    """Take turns; the million rows are for a long effort, as fewer tell the same by their slope."""
    rows, rounds = effort.pick(50_000, 100_000, 1_000_000), effort.pick(1, 3, 1)
    found: Found = {}
    for _ in range(rounds):
        for count in (rows // SHORTER, rows):
            with scratch() as folder:
                _write(folder, count)
                for side in SIDES:
                    found.setdefault((side, count), []).append(_spent(side, folder))
    yield _table(found, rows)


def _table(found: Found, rows: int) -> Table:
    peak, small = (max(one.peak_mib for one in found["plan", count]) for count in (rows, rows // SHORTER))
    whole = [median(one.wall for one in found[side, rows]) for side in SIDES]
    figures = [
        _slope("a million rows by the slope", found, rows, "wall", Bar(4, 2.5)),
        _slope("CPU of a million rows by the slope", found, rows, "cpu"),
        Figure(f"{rows:,} rows, with the start", f"{whole[0]:.1f} s", f"{whole[1]:.1f} s", whole[1] / whole[0]),
        Figure("peak memory, MiB", "", f"{peak:.0f} MiB", peak, Bar(300)),
        Figure(f"above that of {rows // SHORTER:,} rows, MiB", "", f"{peak - small:.0f} MiB", peak - small),
    ]
    return compared("Rows of CSV through `plan`", figures, against="bare loop")


def _slope(what: str, found: Found, rows: int, of: str, bar: Bar | None = None) -> Figure:
    """Say what a million rows more take: a run's start falls out of the difference of two lengths."""
    long, short = (
        [median(getattr(one, of) for one in found[side, n]) for side in SIDES] for n in (rows, rows // SHORTER)
    )
    bare, ours = ((much - few) * 1_000_000 / (rows - rows // SHORTER) for much, few in zip(long, short, strict=True))
    return Figure(what, f"{bare:.0f} s", f"{ours:.0f} s", ours / bare, bar)


def _write(folder: Path, rows: int) -> None:
    with (folder / "rows.csv").open("w") as file:
        file.write(COLUMNS + "\n")
        file.writelines(f"S{i:07},Chair {i},oak,wood,{i % 90},{i % 70},made by hand\n" for i in range(rows))
    (folder / "rows.yaml").write_text(MANIFEST)


def _spent(side: str, folder: Path) -> Spent:
    if side == "loop":
        command = ["-m", "benchmarks.bare", str(folder / "rows.csv"), str(folder / "bare.db")]
    else:
        command = ["-m", "batchgen", "plan", str(folder / "rows.yaml"), "--output", str(folder / "out"), "--json"]
    return spent([sys.executable, *command], str(folder / f"{side}.json"))
