"""Places to work in, for runs that tell somebody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notify.listener import Listener, listening
from tests.process.kit import the_launcher
from tests.process.launcher import Launcher


@pytest.fixture
def place_of_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is the working directory, with a key in the environment and no .env near."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    return tmp_path


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Somebody who is told."""
    with listening() as ready:
        yield ready


@pytest.fixture
def told(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Listener:
    """Somebody who is told, by the usual variables."""
    for name, value in listener.variables.items():
        monkeypatch.setenv(name, value)
    return listener


@pytest.fixture
def launcher() -> Launcher:
    """Return starts real processes in no time."""
    return the_launcher()
