"""Large manifests: a million rows through `plan`, and a finished one run again."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.our_side import write_manifest
from benchmarks.processes import Spent, scratch, served, spent
from benchmarks.table import Table, bar

BATCHGEN = [sys.executable, "-m", "batchgen"]
COLUMNS = "sku,name,colour,material,width,height,note"


def run(effort: Effort) -> Iterator[Table]:
    """Plan many rows; finish many jobs, then run them again."""
    with scratch() as folder:
        yield _plan(folder, effort.pick(100_000, 1_000_000))
    with scratch() as folder:
        yield _again(folder, effort.pick(2_000, 20_000, 100_000))


def _plan(folder: Path, rows: int) -> Table:
    small, large = (_planned(folder, count) for count in (1, rows))
    above = large.peak_mib - small.peak_mib
    row = (
        f"{rows:,}",
        f"{large.wall:.0f} s",
        f"{large.cpu:.0f} s",
        f"{large.peak_mib:.0f} MiB",
        f"{above:.0f} MiB",
        "about a minute, <= 300 MiB",
        bar(large.peak_mib, 300) if large.wall <= 90 * rows / 1e6 else "MISSED",
    )
    return Table(
        "Rows of CSV through `plan`", ("rows", "time", "CPU", "peak memory", "above one row's", "bar", ""), [row]
    )


def _planned(folder: Path, rows: int) -> Spent:
    with (folder / "rows.csv").open("w") as file:
        file.write(COLUMNS + "\n")
        file.writelines(f"S{i:07},Chair {i},oak,wood,{i % 90},{i % 70},made by hand\n" for i in range(rows))
    manifest = folder / "rows.yaml"
    manifest.write_text(
        "name: rows\nlimits: {max_cost: 1}\ndefaults: {model: gpt-image-2.5-flare, size: 1024x1024, quality: medium}\n"
        "jobs:\n  - id: '{{ sku }}'\n    rows: rows.csv\n"
        "    prompt: 'Photograph of {{ name }} in {{ colour }}, {{ width }} x {{ height }}'\n"
    )
    return spent(
        [*BATCHGEN, "plan", str(manifest), "--output", str(folder / "out"), "--json"], str(folder / "plan.json")
    )


def _again(folder: Path, jobs: int) -> Table:
    manifest, result = write_manifest(folder, "many", jobs, 1), folder / "result.json"
    rows = []
    with served("benchmarks.server", "tiny") as base_url:
        command = [*BATCHGEN, "run", str(manifest), "--output", str(folder / "out"), "--base-url", base_url, "--json"]
        command += ["--max-images", str(jobs)]
        for name in ("first run", "run again"):
            used = spent([*command, "--concurrency", "64", "--quiet"], str(result))
            sent = json.loads(result.read_text())["this_run"]["attempts"]["sent"]
            passed = "MISSED" if sent else bar(used.wall, 2 + 8 * jobs / 100_000)
            told = ("", "") if name == "first run" else ("no call, a few seconds for 100,000", passed)
            rows.append(
                (
                    name,
                    f"{jobs:,}",
                    f"{sent:,}",
                    f"{used.wall:.1f} s",
                    f"{used.cpu:.1f} s",
                    f"{used.peak_mib:.0f} MiB",
                    *told,
                )
            )
    return Table("A finished manifest, run again", ("", "jobs", "calls", "time", "CPU", "peak memory", "bar", ""), rows)
