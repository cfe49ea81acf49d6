"""`batchgen mock`: the local Images API as a command."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from batchgen.cli.commands.mock import DIALECTS as TOLD
from batchgen.mock.dialects import DIALECTS
from tests.cli.conftest import Give
from tests.patience import PATIENCE


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Return a mock server in a process of its own, and its address."""
    command = [sys.executable, "-m", "batchgen", "mock", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_mock_says_where_it_is_serves_and_ends(number: signal.Signals) -> None:
    """The address is the first line, the bill is empty, a signal ends it well."""
    words = "--dialect apiyi --seed 7 --latency 0-0.1 --errors 0.1 --images-per-minute 50 --price-factor 1.5"
    with serving(*words.split()) as (process, address):
        with urlopen(f"{address.removesuffix('/v1')}/bill", timeout=PATIENCE) as answer:
            bill = json.load(answer)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert isinstance(bill, dict)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--latency", "soon"), "neither a number of seconds"),
        (("--latency", "3-1"), "smaller to a larger"),
        (("--latency", "nan"), "smaller to a larger"),
        (("--price-factor", "0"), "not a positive number"),
        (("--price-factor", "x"), "not a positive number"),
        (("--errors", "2"), "0<=x<=1"),
        (("--dialect", "other"), "'openai'"),
        (("--faults", "/nowhere.json"), "/nowhere.json"),
    ],
)
def test_mock_refuses_what_it_cannot_be(give: Give, words: tuple[str, ...], said: str) -> None:
    """Wrong words are exit 2 and say what is wanted."""
    ended = give("mock", *words)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_mock_reads_faults_from_a_file(give: Give, tmp_path: Path) -> None:
    """A fault that does not exist is named."""
    (tmp_path / "faults.json").write_text('[{"fault": "no_such_fault"}]')
    ended = give("mock", "--faults", str(tmp_path / "faults.json"))
    assert ended.status == 2
    assert "no_such_fault" in ended.err


def test_mock_speaks_every_dialect_that_it_has(give: Give) -> None:
    """The command's own list is the server's."""
    assert set(TOLD) == DIALECTS.keys()
    assert "xai" in give("mock", "--help").out
