"""Commands given in process, and a small output folder that is finished."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from batchgen.cli.group import root
from batchgen.cli.main import main
from batchgen.errors import Place, Problem, Severity

MANIFEST = """\
name: shop
provider: mock
defaults: {size: 1024x1024, quality: low, output_format: webp, n: 2}
jobs:
  - {id: "{{ thing }}", matrix: {thing: [sofa, lamp]}, prompt: "A {{ thing }}", tags: {category: "{{ thing }}s"}}
"""
OUTPUT = Path("output/shop")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Give = Callable[..., Ended]


@pytest.fixture
def give(capsys: pytest.CaptureFixture[str]) -> Give:
    """Give a command in process: `give("plan", "m.yaml")`."""

    def giving(*words: str, **how: Any) -> Ended:
        status = main(words, **how)
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return giving


def parsed(name: str, *words: str) -> dict[str, Any]:
    """Say what a command hears of its words."""
    command = root.get_command(click.Context(root), name)
    assert command
    return command.make_context(name, list(words)).params


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory with a manifest, `m.yaml`, of two jobs of two images each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST, "utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Check that a working directory whose manifest was run once; nobody writes to it."""
    folder, before = tmp_path_factory.mktemp("finished"), Path.cwd()
    (folder / "m.yaml").write_text(MANIFEST, "utf-8")
    os.chdir(folder)
    try:
        assert main(["run", "m.yaml", "--quiet"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def shop(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the finished working directory, which commands may change."""
    folder = tmp_path / "shop"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def warning() -> Problem:
    """Return a problem that stops nothing."""
    return Problem("gpt-image-1 was shut down on 2026-10-23", Place("m.yaml", 3, 7), Severity.WARNING)


@pytest.fixture
def error() -> Problem:
    """Return a problem that stops a run."""
    return Problem("unknown key 'promt'; did you mean 'prompt'?", Place("m.yaml", 9, 5))
