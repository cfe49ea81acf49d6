"""Real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.kit import ram_folder
from tests.process.launcher import Launcher


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts real processes in no time."""
    with Launcher(tmp_path_factory.mktemp("said")) as launcher:
        yield launcher


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """An empty folder."""
    with ram_folder(tmp_path) as folder:
        yield folder
