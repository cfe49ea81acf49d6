"""A finished manifest run again, against version 0.1.0 in the same run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

from benchmarks.effort import Effort
from benchmarks.finished import finish
from benchmarks.our_side import write_manifest
from benchmarks.processes import KEY, Spent, scratch, served, spent
from benchmarks.table import Bar, Figure, Table, compared
from benchmarks.version import HERE, version_0_1_0

TITLE = "A finished manifest run again"
NOBODY = "http://127.0.0.1:9/v1"
"""No server answers here: a call would fail."""


def run(effort: Effort) -> Iterator[Table]:
    """Let version 0.1.0 finish the manifest, then run both again on copies of it, in turns."""
    jobs, rounds = effort.pick(10_000, 100_000), effort.pick(1, 2, 5)
    with scratch() as folder:
        first = folder / "0.1.0"
        if why := version_0_1_0(first):
            yield Table(TITLE, ("", ""), [("against version 0.1.0", why)])
            return
        manifest, sides = write_manifest(folder, "many", jobs, 1), {"first": first, "present": HERE}
        _draw_one(first, manifest, folder / "out-first")
        finish(folder / "out-first")
        shutil.copytree(folder / "out-first", folder / "out-present", copy_function=_copy)
        found: dict[str, list[Spent]] = {side: [] for side in sides}
        for side, code in sides.items():  # the first time each writes its report, and what it does not know yet
            _again(code, manifest, folder / f"out-{side}")
        for _ in range(rounds):
            for side, code in sides.items():
                found[side].append(_again(code, manifest, folder / f"out-{side}"))
    yield compared(f"{TITLE}: {jobs:,} jobs", _figures(found), "No call is made.", against="version 0.1.0")


def _figures(found: dict[str, list[Spent]]) -> Iterator[Figure]:
    for what, bar in (("wall", Bar(0.47)), ("cpu", None), ("peak_mib", None)):
        theirs, ours = (median(getattr(one, what) for one in runs) for runs in found.values())
        unit, name = ("MiB", "peak memory") if what == "peak_mib" else ("s", "time" if what == "wall" else "CPU")
        yield Figure(name, f"{theirs:.1f} {unit}", f"{ours:.1f} {unit}", ours / theirs, bar)


def _draw_one(code: Path, manifest: Path, output: Path) -> None:
    """Remember all jobs, and draw one."""
    with served("benchmarks.server", "tiny") as base_url:
        command = [*_command(manifest, output, base_url), "--max-images", "1"]
        env = os.environ | KEY | {"PYTHONPATH": str(code)}
        done = subprocess.run(command, cwd=code, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 4:
        raise SystemExit(f"version 0.1.0 ended with status {done.returncode}: {done.stderr[-1000:]}")


def _again(code: Path, manifest: Path, output: Path) -> Spent:
    result = manifest.parent / "result.json"
    used = spent(_command(manifest, output, NOBODY), str(result), code=code)
    sent = json.loads(result.read_text())["this_run"]["attempts"]["sent"]
    if sent:
        raise SystemExit(f"{code}: {sent} calls were made for a finished manifest")
    return used


def _command(manifest: Path, output: Path, base_url: str) -> list[str]:
    words = ["run", str(manifest), "--output", str(output), "--base-url", base_url, "--json", "--quiet"]
    return [sys.executable, "-m", "batchgen", *words]


def _copy(source: str, target: str) -> None:
    """Copy a file; an image, which no run changes, gets one more name instead, where the file system gives one."""
    if source.endswith(".png"):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
