"""Trials whose runs are killed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.launcher import Launcher

RAM = Path("/dev/shm")


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts real processes in no time."""
    with Launcher(tmp_path_factory.mktemp("said")) as launcher:
        yield launcher


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on a RAM disk where there is one: a kill needs no real disk, and many trials need speed."""
    if not RAM.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="batchgen-", dir=RAM))
    yield folder
    shutil.rmtree(folder)
