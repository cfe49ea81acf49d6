"""Real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.kit import ram_folder, the_launcher
from tests.process.launcher import Launcher


@pytest.fixture
def launcher() -> Launcher:
    """Return starts real processes in no time."""
    return the_launcher()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder."""
    with ram_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    return tmp_path
