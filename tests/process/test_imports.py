"""Between the last byte of a paid answer and its finished spool runs nothing that can fail, such as an import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchgen.mock import Rule
from tests.wire.scene import QUICK, scene

pytestmark = pytest.mark.sample(2)

CHILD = """
import sys
forbidden = tuple(sys.argv[1].split(",")) if sys.argv[1] else ()
class Wall:
    up = not forbidden
    met = []
    def find_spec(self, name, path=None, target=None):
        if (self.between if not forbidden else name.partition(".")[0] in forbidden):
            self.met.append(name)
            raise ImportError(f"{name} cannot be loaded")
    between = False
wall = Wall()
sys.meta_path.insert(0, wall)
from batchgen.cli.main import main
def at(step):
    # Up from the moment at which a call is reserved until its answer is durable.
    if step == "ledger.reserve.after_commit":
        wall.between = True
    if step == "storage.finish.after_answer":
        wall.between = False
status = main(sys.argv[2:], at=at)
wall.between = False
import json
print(json.dumps(wall.met), file=sys.stderr)
sys.exit(status)
"""
ANSWERS = ["", "blank_picture", "wrong_format", "image_avif", "chunked", "gzip", "stream", "shape_nested", "body_png"]


def run(folder: Path, forbidden: str, base_url: str) -> subprocess.CompletedProcess[str]:
    """Run the manifest in a process in which these modules cannot be loaded; without any, none while a call is open."""
    words = [sys.executable, "-c", CHILD, forbidden, "run", "m.yaml", "--base-url", base_url]
    env = {**os.environ, "OPENAI_API_KEY": "sk-test-0123456789"}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)


def manifest(folder: Path) -> None:
    """Write a manifest of some jobs that are drawn one after the other."""
    lines = [f"  - {{id: lamp-{at}, prompt: Lamp {at}, size: 1024x1024, output_format: png}}" for at in range(3)]
    head = ["name: m", "provider: openai", "limits: {max_cost: 50, concurrency: 1}", f"retry: {QUICK}", "jobs:"]
    (folder / "m.yaml").write_text("\n".join([*head, *lines]) + "\n")


@pytest.mark.sample(1)
@pytest.mark.parametrize("fault", ANSWERS)
def test_nothing_is_loaded_between_the_call_and_the_finished_spool(work: Path, fault: str) -> None:
    """What would have to be loaded then fails: every image is stored all the same, and none is bought again."""
    manifest(work)
    with scene(work, fixed_bytes=None, rules=(Rule(fault),) if fault else ()) as here:
        first = run(work, "", here.handle.base_url)
        assert first.returncode == 0, first.stderr
        assert len(here.bill()) == 3
        with here.ledger("m") as ledger:
            assert len(list(ledger.images.stored())) == 3


@pytest.mark.sample(1)
@pytest.mark.parametrize("broken", ["PIL", "jinja2", "pandas,pyarrow", "xlsxwriter", "apprise", "rich", "bpe_openai"])
def test_a_library_that_cannot_be_loaded_costs_no_image(work: Path, broken: str) -> None:
    """Whatever is broken: refused before the first call, or every paid image is stored and never bought again."""
    manifest(work)
    with scene(work, fixed_bytes=None) as here:
        run(work, broken, here.handle.base_url)
        bought = len(here.bill())
        assert bought in {0, 3}
        again = run(work, "no_such_library", here.handle.base_url)
        assert again.returncode == 0, again.stderr
        assert len(here.bill()) == 3
        assert json.loads(again.stderr.splitlines()[-1]) == []
