"""A folder and a mock server for the commands that look after an output folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal import KEYS, Rehearsal, rehearsal


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Return a rehearsal at the official provider's address, which is the mock's."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    defaults = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    with rehearsal(tmp_path, {"provider": "openai", "defaults": defaults}) as ready:
        yield ready
