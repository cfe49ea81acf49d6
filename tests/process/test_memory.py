"""Too little memory is a matter of the machine: exit 8 with words, wherever it strikes, and nothing is bought twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchgen.errors import NO_MEMORY
from tests.wire.scene import QUICK, dot, scene

CHILD = """
import re, resource, sys
from batchgen.cli.main import main
import batchgen.app.run.start, batchgen.app.run.run_loop, batchgen.cli.commands.run, batchgen.reporter.folder  # a run's
import PIL.Image, uvloop
from batchgen.pricing import tokens
tokens.text_tokens("a lamp")  # its vocabulary: the library aborts where it cannot have that
more = int(sys.argv[1]) << 20
held = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (held + more, held + more))
sys.exit(main(sys.argv[2:]))
"""


def run(folder: Path, more: int, base_url: str) -> subprocess.CompletedProcess[str]:
    """Run the manifest with so many MiB beyond what the loaded program holds."""
    words = [sys.executable, "-c", CHILD, str(more), "run", "m.yaml", "--base-url", base_url]
    env = {**os.environ, "OPENAI_API_KEY": "sk-test-0123456789", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize(
    "more", [160, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, 8, 64, 240, 300, 330, 360, 450, 550))]
)
def test_too_little_memory_is_told_as_such(work: Path, more: int) -> None:
    """Before the first call, between calls or in the report: 0, or 8 with the words; the books cover the bill."""
    lines = [f"  - {{id: lamp-{at}, prompt: Lamp {at}, n: 4}}" for at in range(8)]
    head = ["name: m", "provider: openai", "limits: {max_cost: 50, concurrency: 8}", f"retry: {QUICK}", "jobs:"]
    (work / "m.yaml").write_text("\n".join([*head, *lines]) + "\n")
    with scene(work, fixed_bytes=dot(1600, 1600, "PNG")) as here:
        first = run(work, more, here.handle.base_url)
        said = " ".join((first.stderr + first.stdout).split())
        assert first.returncode in {0, 8}, said
        assert first.returncode == 0 or NO_MEMORY.partition(":")[0] in said
        assert "Traceback" not in said
        if here.bill():
            with here.ledger("m") as ledger:
                money = ledger.accounts.totals().money
                open_ones = sum(one.reserved for one in ledger.report_rows.attempts())
            assert here.billed <= money.confirmed + money.estimated + money.at_risk + open_ones
