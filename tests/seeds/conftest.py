"""A mock server that speaks one gateway's dialect, and a server that says word for word what a guide shows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal import KEYS, Rehearsal, rehearsal
from tests.script import Script


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rehearsal]]:
    """Start a server that speaks a dialect."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield lambda dialect, **config: stack.enter_context(rehearsal(tmp_path, dialect=dialect, **config))


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Script, Rehearsal]]]:
    """Start a server that gives these answers."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    started: list[Script] = []

    def start(*answers: Any) -> tuple[Script, Rehearsal]:
        started.append(Script(*answers))
        return started[-1], Rehearsal(tmp_path, started[-1])  # type: ignore[arg-type]

    yield start
    for script in started:
        script.stop()
