"""What version 0.1.0 did, later versions do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat import fixture
from tests.compat.commands import Commands
from tests.compat.samples import SAMPLES, perform
from tests.compat.scene import Scene


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Return gives commands without waiting for imports."""
    with Commands(tmp_path_factory.mktemp("compat")) as started:
        yield started


@pytest.mark.first
@pytest.mark.sample(3)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_run_does_what_it_did_when_it_was_recorded(name: str, tmp_path: Path, commands: Commands) -> None:
    """Exit statuses, JSON, files, hashes, columns, rows, keys and money are those of the fixture."""
    different = fixture.difference(fixture.read(name), perform(name, Scene(tmp_path, commands)))
    assert not different, f"{name} is not what it was (see README.md beside this test):\n{different}"
