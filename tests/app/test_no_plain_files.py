"""Pipes, devices and sockets where files belong are refused at once, with their place: a hang looks like work."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE

pytestmark = pytest.mark.sample(4)

JOB = "name: m\nprovider: mock\njobs:\n  - {id: a, prompt: Lamp}\n"


def pipe(path: Path) -> None:
    """Make a pipe that nobody writes to and nobody reads."""
    os.mkfifo(path)


def listener(path: Path) -> None:
    """Make a socket."""
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def device(path: Path) -> None:
    """Make a link to a device that never ends."""
    path.symlink_to("/dev/zero")


def said(folder: Path, *words: str) -> tuple[int, str]:
    """Give a command that must end by itself; its exit status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "batchgen", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


CASES: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "manifest": ("x.yaml", {}, ("run", "x.yaml")),
    "sheet": ("x.csv", {}, ("run", "x.csv", "--provider", "mock")),
    "rows": ("x.csv", {"m.yaml": JOB.replace("id: a", "rows: x.csv")}, ("run", "m.yaml")),
    "reference": ("x.png", {"m.yaml": JOB.replace("id: a", "images: [x.png]")}, ("run", "m.yaml")),
    "mask": (
        "x.png",
        {"m.yaml": JOB.replace("id: a", "images: [x.png], mask: x.png")},
        ("run", "m.yaml"),
    ),
    "provider": ("x.yaml", {"m.yaml": JOB}, ("run", "m.yaml", "--provider", "./x.yaml")),
    "settings": (".env", {"m.yaml": JOB}, ("run", "m.yaml")),
    "log": ("x.log", {"m.yaml": JOB}, ("run", "m.yaml", "--log-json", "x.log")),
    "review": ("review.json", {"output/m/x": ""}, ("review", "review.json", "output/m")),
    "rewording": ("x.csv", {"m.yaml": JOB}, ("run", "m.yaml", "--reworded", "x.csv")),
    "place of an image": ("output/m/images/a-0.png", {"m.yaml": JOB}, ("run", "m.yaml")),
    "output": ("x", {"m.yaml": JOB}, ("run", "m.yaml", "--output", "x")),
    "ledger": ("output/m/ledger.db", {"m.yaml": JOB}, ("run", "m.yaml")),
}


SLOW = [pytest.param(make, marks=pytest.mark.slow) for make in (listener, device)]


@pytest.mark.sample(2)
@pytest.mark.parametrize("make", [pipe, *SLOW])
@pytest.mark.parametrize("case", CASES)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, case: str, make: Callable[[Path], None]) -> None:
    """Exit 2 or 8 that names it, and nothing is drawn."""
    odd, texts, command = CASES[case]
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    path = tmp_path / odd
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    status, words = said(tmp_path, *command)
    assert status in {2, 8}, words
    assert path.name in words
    assert "Traceback" not in words
    assert not list(tmp_path.glob("output/m/images/*.webp"))
    assert os.path.lexists(path)
