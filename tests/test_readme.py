"""The README is true: every command in it runs, and its tables are those of the program."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batchgen import manifest
from batchgen.app.config.environment import environment
from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.notify.delivery import problems, recipients
from batchgen.app.preview import check
from batchgen.catalog import provider, providers
from batchgen.cli.index import COMMANDS
from batchgen.errors import Exit
from batchgen.model import Notify

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a newcomer would, in a folder of its own, with no key anywhere."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    found = {**clean, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"}
    return subprocess.run(command, cwd=folder, env=found, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a working directory with the repository's sample manifests in it."""
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    return tmp_path


@pytest.mark.timeout(300)
def test_every_command_runs_in_the_order_of_the_page(shop: Path) -> None:
    """Every `batchgen` command of the README ends with status 0."""
    commands = [line.split("#")[0].split() for block in blocks("sh") for line in block.splitlines()]
    mine = [words for words in commands if words and words[0] == "batchgen"]
    assert len(mine) > 10
    for words in mine:
        done = run(words, shop)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def test_the_make_targets_exist() -> None:
    """Every make target that the README names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE))
    assert len(targets) > 4
    for first, second in targets:
        assert re.search(rf"^{first or second}:", makefile, re.MULTILINE)


def test_the_python_example_runs(shop: Path) -> None:
    """The example of the Python API runs as it stands."""
    (example,) = blocks("python")
    done = run([sys.executable, "-c", example], shop)
    assert done.returncode == 0, done.stderr
    assert "cost_micro_usd" in done.stdout


def test_the_manifest_example_passes_check(tmp_path: Path, make_image: Callable[[Path], None]) -> None:
    """The manifest by example is a manifest without errors."""
    example, _gateway = blocks("yaml")
    (tmp_path / "shop.yaml").write_text(example, encoding="utf-8")
    (tmp_path / "products.csv").write_text("sku,name,colour,category\n0007,Fjord stool,oak,seating\n", encoding="utf-8")
    make_image(tmp_path / "photos" / "0007.jpg")
    result = check.check(open_project(tmp_path / "shop.yaml", Options()))
    assert result.errors == ()
    assert result.census.planned == 3


def test_the_gateway_example_is_a_provider(tmp_path: Path) -> None:
    """The provider file by example is accepted as it stands."""
    _example, gateway = blocks("yaml")
    path = tmp_path / "my-gateway.yaml"
    path.write_text(gateway, encoding="utf-8")
    assert provider(str(path)).max_n == 4


def test_the_environment_by_example_tells_people(tmp_path: Path) -> None:
    """The lines for `.env` are read as they stand, and their addresses are ones that Apprise knows."""
    (example,) = blocks("ini")
    (tmp_path / ".env").write_text(example, encoding="utf-8")
    variables = environment(tmp_path)
    assert len(recipients(Notify(), variables).urls) == 2
    assert list(problems(Notify(), variables, None)) == []


def test_every_provider_and_exit_status_is_in_the_readme() -> None:
    """The tables name every provider, and every exit status."""
    for known in providers():
        assert f"| `{known.name}` |" in README
    for status in Exit:
        assert re.search(rf"^\|[ \d,]*\b{int(status)}\b[ \d,]*\|", README, re.MULTILINE), status


def test_every_dependency_has_a_reason() -> None:
    """Every dependency of the distribution stands in the README's table."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.findall(r'^  "([A-Za-z0-9_-]+)>=', project.partition("[dependency-groups]")[0], re.MULTILINE)
    table = README.partition("## Dependencies")[2].lower()
    for name in declared:
        assert name.lower() in table, name


def test_every_sample_manifest_is_named_and_loads() -> None:
    """Every manifest beside the README's samples loads."""
    for path in sorted((ROOT / "manifests").glob("*.yaml")):
        assert manifest.load(path).settings.name


def test_every_command_is_described() -> None:
    """The commands that people meet first are in the README."""
    for name in (command.name for command in COMMANDS):
        if name in {"mock", "schema", "adopt", "resolve", "reconcile", "doctor", "init", "run", "plan", "estimate"}:
            assert f"batchgen {name}" in README or f"`{name}`" in README, name
