"""What people install: built, put into an empty environment with its pinned libraries, and run there."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("batchgen", "pyproject.toml", "README.md", "LICENSE")
LIBRARIES = ROOT / "requirements-run.lock"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
MANIFEST = """\
name: two
provider: mock
defaults: {size: 1024x1024, quality: low}
jobs: [{id: lamp, prompt: A lamp}, {id: chair, prompt: A chair}]
"""


def told(*command: str | Path, cwd: Path) -> str:
    """Say what a command says that ends well; nothing of the source tree is on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(root: Path) -> dict[str, bytes]:
    """Every file of a package but what Python makes of it."""
    below = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in below}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Build the wheel from the source distribution, as `make build` does."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    told(sys.executable, "-m", "build", "--no-isolation", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    assert built.with_name(f"batchgen_images-{VERSION}.tar.gz").exists()
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """Return an environment that holds the wheel and the libraries it runs with, and nothing else."""
    asked = [*PIP, "download", "--no-deps", "--dest", str(tmp_path), "--retries", "1", "tzdata"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("the package registry cannot be reached: nothing can be installed into an empty environment")
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    into = (*PIP, "--python", str(home), "install", "--no-deps", "--no-compile")
    told(*into, "--require-hashes", "-r", LIBRARIES, cwd=tmp_path)
    told(*into, wheel, cwd=tmp_path)
    return home


def test_every_file_of_the_package_is_packed() -> None:
    """Whatever is no code is named by an ending in the build's settings."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    below = {path for path in files(ROOT / "batchgen") if not path.endswith(".py")}
    assert below == {
        path for path in below for form in packed["batchgen"] if PurePath(path).match(form.removeprefix("**/"))
    }


@pytest.mark.first
def test_the_wheel_is_whole_and_runs_with_its_libraries_alone(installed: Path, tmp_path: Path) -> None:
    """Code and data are there, byte by byte; it tells its version and its schema, and draws two jobs on the mock."""
    (package,) = installed.glob("lib/python*/site-packages/batchgen")
    assert files(package) == files(ROOT / "batchgen")
    command = installed / "bin" / "batchgen"
    assert told(command, "--version", cwd=tmp_path) == f"batchgen {VERSION}\n"
    assert json.loads(told(command, "schema", cwd=tmp_path))["type"] == "object"
    (tmp_path / "two.yaml").write_text(MANIFEST, "utf-8")
    ended = json.loads(told(command, "run", "two.yaml", "--output", "out", "--json", cwd=tmp_path))
    assert ended["images"]["stored"] == 2
    assert (tmp_path / "out" / "report" / "report.html").exists()
