"""A folder and a mock server for jobs that take the images of other jobs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rehearsal import KEYS, Rehearsal, rehearsal

SMALL = {"model": "gpt-image-1", "quality": "low", "output_format": "jpeg"}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rehearsal]]:
    """Start a scene; `config` is the server's."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(
            rehearsal(tmp_path, {"provider": "openai", "defaults": {"quality": "low"}}, **config)
        )
