"""`batchgen view` as people start and end it."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from batchgen.app.view.serve import view
from batchgen.errors import InputError
from batchgen.ledger import Ledger
from batchgen.runtime.clock import SystemClock
from tests.patience import PATIENCE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an output in which nothing was drawn yet."""
    Ledger.open(tmp_path / "ledger.db", ".", clock=SystemClock()).close()
    return tmp_path


def test_it_prints_its_address_last_and_ends_quietly(folder: Path) -> None:
    """The last line of stdout opens the page, another address does not; Ctrl-C is no error and leaves no word."""
    words = [sys.executable, "-m", "batchgen", "view", str(folder), "--no-open"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        address = child.stdout.readline().strip()
        with pytest.raises(HTTPError, match="401"):
            urlopen(address.partition("?")[0])
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert address.startswith("http://127.0.0.1:")
    assert "/?token=" in address
    assert (child.returncode, out) == (0, "")
    assert err == f"batchgen: output folder {folder}\n"


def test_an_address_that_cannot_be_had_is_told(folder: Path) -> None:
    """A port that is taken, and a name that is not an address of this machine: both say what to do."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(InputError, match="is taken: choose another --port"),
    ):
        view(folder, lambda _address: None, port=taken.getsockname()[1])
    for host in ("192.0.2.1", "no.such.name.invalid", "a" * 300):
        with pytest.raises(InputError, match="is not an address of this machine"):
            view(folder, lambda _address: None, host=host)


def test_a_folder_without_a_ledger_is_told(tmp_path: Path) -> None:
    """There is nothing to show."""
    with pytest.raises(InputError, match="has no ledger"):
        view(tmp_path, lambda _address: None)
