"""Commands given in process."""

from typing import Any

import pytest

from batchgen.cli.main import main
from batchgen.errors import Place, Problem, Severity
from tests.cli.fakes import Ended, FakeDoor, Give


@pytest.fixture
def give(capsys: pytest.CaptureFixture[str]) -> Give:
    """Give a command in process: `give("plan", "m.yaml", plan=answer)`."""

    def giving(*words: str, door: FakeDoor | None = None, **answers: Any) -> Ended:
        door = door or FakeDoor(**answers)
        status = main(words, app=door)
        out, err = capsys.readouterr()
        return Ended(status, out, err, door)

    return giving


@pytest.fixture
def warning() -> Problem:
    """A problem that stops nothing."""
    return Problem("gpt-image-1 was shut down on 2026-10-23", Place("m.yaml", 3, 7), Severity.WARNING)


@pytest.fixture
def error() -> Problem:
    """A problem that stops a run."""
    return Problem("unknown key 'promt'; did you mean 'prompt'?", Place("m.yaml", 9, 5))
