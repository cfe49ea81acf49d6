"""Laws of answers on their way."""

import errno
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import StorageError
from batchgen.storage import LocalStore, Workspace
from batchgen.storage.workspace import nowhere
from tests.storage.conftest import Put


def test_a_part_knows_what_it_got(workspace: Workspace) -> None:
    """Bytes, hash and head, however they were cut."""
    part = workspace.spool("one").part(3)
    pieces: tuple[Any, ...] = (b"ab", bytearray(b"cd"), memoryview(b"e" * 100))
    for piece in pieces:
        part.write(piece)
    facts = part.close()
    data = b"abcd" + b"e" * 100
    assert (facts.index, facts.bytes, facts.head) == (3, 104, data[:64])
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.path.read_bytes() == data
    assert facts.path.stat().st_mode & 0o777 == 0o600


def test_an_interrupted_download_goes_on_at_its_end(workspace: Workspace, put: Put) -> None:
    """Or begins anew, when it is not told to."""
    put(b"half", finished=False)
    part = workspace.spool("one").part(0, resume=True)
    part.write(b" and half")
    facts = part.close()
    assert (facts.bytes, facts.sha256) == (13, hashlib.sha256(b"half and half").hexdigest())
    again = workspace.spool("one").part(0)
    again.write(b"x")
    assert again.close().path.read_bytes() == b"x"


def test_an_answer_is_there_whole_or_not_at_all(workspace: Workspace, put: Put) -> None:
    """Only a finished spool can be read."""
    put(finished=False)
    spool = workspace.spool("one")
    assert spool.read() is None
    spool.finish({"usage": {"total": 3}, "text": "\U0001f600"})
    assert workspace.spool("one").read() == {"usage": {"total": 3}, "text": "\U0001f600"}
    assert workspace.spool("unknown").read() is None


@pytest.mark.parametrize("torn", [b"", b"{", b"[1]", b"\xff"])
def test_a_torn_answer_is_no_answer(workspace: Workspace, put: Put, torn: bytes) -> None:
    """Whatever stands in its file."""
    (put().path.parent / "answer.json").write_bytes(torn)
    assert workspace.spool("one").read() is None


def test_quarantine_keeps_everything_with_the_reason(workspace: Workspace, put: Put) -> None:
    """Also when the same attempt comes there twice."""
    for place in ("quarantine/one", "quarantine/one.2"):
        put(b"half an image")
        assert workspace.quarantine("one", {"status": 200, "why": "truncated"}) == place
        kept = workspace.root / place
        assert (kept / "0.part").read_bytes() == b"half an image"
        assert json.loads((kept / "why.json").read_text())["why"] == "truncated"
    assert workspace.spools() == ()
    assert (workspace.root / "quarantine").stat().st_mode & 0o777 == 0o700


def test_a_removed_spool_leaves_nothing(workspace: Workspace, put: Put) -> None:
    """Removing it again is harmless."""
    put()
    for _ in range(2):
        workspace.spool("one").remove()
    assert workspace.spools() == ()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", ".hidden"])
def test_an_attempts_name_cannot_lead_elsewhere(workspace: Workspace, name: str) -> None:
    """It names a folder directly below the spool."""
    with pytest.raises(StorageError):
        workspace.spool(name)


def complaint(call: Callable[[], None]) -> str:
    """Say what a call refuses with, or nothing."""
    try:
        call()
    except StorageError as error:
        return str(error)
    return ""


class FailsOnce:
    """A fault point that fails at the k-th call."""

    def __init__(self, at_call: int, code: int) -> None:
        self.left, self.code = at_call, code

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError(self.code, "refused")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "read-only"),
        (errno.EMFILE, "too many open files"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "check the disk"),
    ],
)
def test_a_disk_that_refuses_any_step_loses_no_paid_byte(tmp_path: Path, code: int, advice: str) -> None:
    """The error names the path and what to do; the same steps go through afterwards."""
    for number in count(1):
        root, fault = tmp_path / str(number), FailsOnce(number, code)
        part = Workspace(root).spool("one").part(0)
        part.write(b"paid")
        facts = part.close()

        def steps(at: Callable[[str], None] = nowhere, root: Path = root, part: Path = facts.path) -> None:
            spool = Workspace(root, at=at).spool("one")
            spool.finish({"a": 1})
            LocalStore(root, at=at).put(part, "images/a.png", replacing="k" * 64)
            spool.remove()

        if said := complaint(lambda: steps(fault)):  # noqa: B023 - called at once
            assert str(root) in said
            assert advice in said
            steps()
        assert (root / "images/a.png").read_bytes() == b"paid"
        assert Workspace(root).spools() == ()
        if fault.left > 0:
            break
    assert number >= 7


SCRIPT = """
import resource, sys
from pathlib import Path
from batchgen.errors import StorageError
from batchgen.storage import Workspace
part = Workspace(Path(sys.argv[1])).spool("one").part(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
part.write(b"x" * 900)
try:
    part.write(b"x" * 900)
except StorageError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_says_how_much_was_needed(tmp_path: Path) -> None:
    """A real limit of the operating system, in the words of the error."""
    assert resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=True)
    assert "0.part (1,800 bytes to write): the file would be larger" in done.stdout
    assert (tmp_path / "spool/one/0.part").stat().st_size == 1000


def test_what_is_not_ours_is_not_removed(workspace: Workspace, put: Put) -> None:
    """A file or a folder of somebody else in a spool stays, with the spool; nothing ends because of it."""
    spool = put().path.parent
    (spool / "notes.txt").write_text("mine")
    (spool / "7.part").mkdir()
    for _ in range(2):
        workspace.spool("one").remove()
    assert sorted(path.name for path in spool.iterdir()) == ["7.part", "notes.txt"]


def test_what_is_no_answer_is_no_spool(workspace: Workspace, put: Put, tmp_path: Path) -> None:
    """Files, links and hidden folders between the spools are passed over."""
    spool = put().path.parent.parent
    (spool / ".DS_Store").touch()
    (spool / "readme").touch()
    (spool / ".hidden").mkdir()
    (spool / "link").symlink_to(tmp_path)
    assert workspace.spools() == ("one",)


@pytest.mark.parametrize("link", ["spool", "spool/one"])
def test_nothing_is_removed_through_a_link(workspace: Workspace, tmp_path: Path, link: str) -> None:
    """What lies on its other side stays."""
    outside, planted = tmp_path / "outside", workspace.root / link
    victim = outside / ("one/0.part" if link == "spool" else "0.part")
    victim.parent.mkdir(parents=True)
    victim.write_bytes(b"mine")
    planted.parent.mkdir(parents=True)
    planted.symlink_to(outside)
    for ask in (workspace.spool("one").discard, workspace.spool("one").remove):
        with pytest.raises(StorageError, match="link"):
            ask()
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["answer.json", "0.part"])
def test_a_pipe_is_no_answer(workspace: Workspace, put: Put, name: str) -> None:
    """Nobody waits for what may never come."""
    path = put().path.parent / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StorageError, match="pipe"):
        workspace.spool("one").read() if name == "answer.json" else workspace.spool("one").part(0, resume=True)
