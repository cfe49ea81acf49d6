"""Memory while a large output is collected: as much as for a small one."""

import io
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.batch.scene import BATCH, jobs
from tests.rehearsal import KEYS, rehearsal

MOST_MORE = 64 * 1024
"""KiB above what a small batch takes."""


def noise(edge: int) -> bytes:
    """Return a PNG that does not compress."""
    data = random.Random(0).randbytes(edge * edge * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (edge, edge), data).save(out, "PNG", compress_level=0)
    return out.getvalue()


def peak(root: Path, name: str, lines: int) -> int:
    """Submit and collect a batch in child processes; the most memory of any child so far, in KiB."""
    defaults = {**BATCH["defaults"], "output_format": "png"}
    with rehearsal(root, BATCH | {"defaults": defaults}, fixed_bytes=noise(1400)) as scene:
        manifest = scene.manifest(jobs(lines), name, retry={"attempts": 1})
        command = [sys.executable, "-m", "batchgen", "run", str(manifest), "--base-url", scene.handle.base_url]
        command += ["--output", str(root / "output" / name), "--json", "--quiet"]
        ended = subprocess.run(command, env=os.environ | KEYS, capture_output=True, check=False)
        while ended.returncode == 9:
            ended = subprocess.run(command, env=os.environ | KEYS, capture_output=True, check=False)
        assert ended.returncode == 0, ended.stderr.decode()[-2000:]
        assert json.loads(ended.stdout)["images"]["stored"] == lines
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def is_flat(root: Path, lines: int) -> None:
    """Compare a batch of many lines with one of two."""
    small = peak(root, "small", 2)
    assert peak(root, "large", lines) - small <= MOST_MORE


@pytest.mark.first
def test_memory_is_flat_over_a_large_output(tmp_path: Path) -> None:
    """A hundred megabytes, which would show."""
    is_flat(tmp_path, 13)


@pytest.mark.slow
def test_memory_is_flat_over_three_gigabytes(tmp_path: Path) -> None:
    """The same for an output that no machine would hold."""
    is_flat(tmp_path, 390)
