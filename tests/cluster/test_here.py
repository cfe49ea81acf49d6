"""A run on all cores of this machine through Ray, beside the same run without."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import NODES_KEY, has_ray, quiet
from tests.patience import PATIENCE

JOBS = 6
MANIFEST = f"""\
name: lamps
provider: mock
defaults: {{size: 1024x1024, quality: low}}
jobs: [{{id: "lamp-{{{{ n }}}}", prompt: "lamp {{{{ n }}}}", matrix: {{n: [{", ".join(map(str, range(JOBS)))}]}}}}]
"""
OWN = frozenset({"run", "run_id", "started", "finished", "stored", "seconds", "request_id", "attempt", "attempts"})
"""Columns in which two runs always differ."""


def run(folder: Path, *words: str) -> dict[str, Any]:
    """Run the manifest in a folder of its own; the summary."""
    folder.mkdir()
    (folder / "lamps.yaml").write_text(MANIFEST, "utf-8")
    command = [sys.executable, "-m", "batchgen", "run", "lamps.yaml", "--json", *words]
    done = subprocess.run(command, cwd=folder, env=quiet(NODES_KEY), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def table(folder: Path) -> list[dict[str, str]]:
    """Read the table of images, without what is of one run alone."""
    with (folder / "output/lamps/report/images.csv").open(encoding="utf-8-sig", newline="") as file:
        return [{name: cell for name, cell in row.items() if name not in OWN} for row in csv.DictReader(file)]


def files(folder: Path) -> list[str]:
    """List what a run left behind, but for its own folder."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in found if "/runs/" not in name)


@pytest.mark.first
@has_ray
def test_all_cores_of_this_machine_draw_what_one_process_draws(tmp_path: Path) -> None:
    """The same images, the same report, the same money; nothing of Ray is printed."""
    here, there = run(tmp_path / "local"), run(tmp_path / "ray", "--engine", "ray")
    assert there["images"] == here["images"]
    assert there["this_run"]["money"] == here["this_run"]["money"]
    assert table(tmp_path / "ray") == table(tmp_path / "local")
    assert files(tmp_path / "ray") == files(tmp_path / "local")
