"""A folder and a mock server for runs that ask in batches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.scene import BATCH
from tests.rehearsal import KEYS, Rehearsal, rehearsal


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Return a rehearsal at the official provider's address, which is the mock's; every poll is one stage further."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with rehearsal(tmp_path, BATCH) as ready:
        yield ready
