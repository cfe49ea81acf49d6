"""Laws of answers on their way."""

import errno
import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.storage import Folder
from tests.storage.conftest import Put


def test_a_part_knows_what_it_got(folder: Folder) -> None:
    """Bytes, hash and head, however they were cut."""
    part = folder.spool("one").part(3)
    for piece in (b"ab", bytearray(b"cd"), memoryview(b"e" * 100)):
        part.write(piece)
    facts = part.close()
    data = b"abcd" + b"e" * 100
    assert (facts.index, facts.bytes, facts.head) == (3, 104, data[:64])
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.path.read_bytes() == data
    assert facts.path.stat().st_mode & 0o777 == 0o600


def test_an_interrupted_download_goes_on_at_its_end(folder: Folder, put: Put) -> None:
    """Or begins anew, when it is not told to."""
    put(b"half", finished=False)
    part = folder.spool("one").part(0, resume=True)
    part.write(b" and half")
    facts = part.close()
    assert (facts.bytes, facts.sha256) == (13, hashlib.sha256(b"half and half").hexdigest())
    again = folder.spool("one").part(0)
    again.write(b"x")
    assert again.close().path.read_bytes() == b"x"


def test_an_answer_is_there_whole_or_not_at_all(folder: Folder, put: Put) -> None:
    """Only a finished spool can be read."""
    put(finished=False)
    spool = folder.spool("one")
    assert spool.read() is None
    spool.finish({"usage": {"total": 3}, "text": "\U0001f600"})
    assert folder.spool("one").read() == {"usage": {"total": 3}, "text": "\U0001f600"}
    assert folder.spool("unknown").read() is None


@pytest.mark.parametrize("torn", [b"", b"{", b"[1]", b"\xff"])
def test_a_torn_answer_is_no_answer(folder: Folder, put: Put, torn: bytes) -> None:
    """Whatever stands in its file."""
    (put().path.parent / "answer.json").write_bytes(torn)
    assert folder.spool("one").read() is None


def test_quarantine_keeps_everything_with_the_reason(folder: Folder, put: Put) -> None:
    """Also when the same attempt comes there twice."""
    for place in ("quarantine/one", "quarantine/one.2"):
        put(b"half an image")
        assert folder.quarantine("one", {"status": 200, "why": "truncated"}) == place
        kept = folder.root / place
        assert (kept / "0.part").read_bytes() == b"half an image"
        assert json.loads((kept / "why.json").read_text())["why"] == "truncated"
    assert folder.spools() == ()
    assert (folder.root / "quarantine").stat().st_mode & 0o777 == 0o700


def test_a_removed_spool_leaves_nothing(folder: Folder, put: Put) -> None:
    """Removing it again is harmless."""
    put()
    for _ in range(2):
        folder.spool("one").remove()
    assert folder.spools() == ()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", ".hidden"])
def test_an_attempts_name_cannot_lead_elsewhere(folder: Folder, name: str) -> None:
    """It names a folder directly below the spool."""
    with pytest.raises(StorageError):
        folder.spool(name)


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
        part = Folder(root).spool("one").part(0)
        part.write(b"paid")
        facts = part.close()

        def steps(folder: Folder, facts_path: Path = facts.path) -> None:
            folder.spool("one").finish({"a": 1})
            folder.publish(facts_path, "a.png", replaces="k" * 64)
            folder.spool("one").remove()

        if said := complaint(lambda: steps(Folder(root, at=fault))):  # noqa: B023 - called at once
            assert str(root) in said
            assert advice in said
            steps(Folder(root))
        assert (root / "images/a.png").read_bytes() == b"paid"
        assert Folder(root).spools() == ()
        if fault.left > 0:
            break
    assert number >= 7


SCRIPT = """
import resource, sys
from pathlib import Path
from batchgen.errors import StorageError
from batchgen.storage import Folder
part = Folder(Path(sys.argv[1])).spool("one").part(0)
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
