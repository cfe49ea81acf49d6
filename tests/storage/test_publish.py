"""Laws of images in the output folder."""

import threading
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.storage import Folder
from tests.storage.conftest import Put


def inside(root: Path) -> dict[str, bytes]:
    """Read every image file below the folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.parts[len(root.parts)] in {"images", "superseded"}
    }


def test_a_image_appears_whole_under_its_name(folder: Folder, put: Put) -> None:
    """Its bytes are those that came, readable for everybody; its spool is private."""
    facts = put(b"an image")
    assert folder.publish(facts.path, "sku/a-0.png") is None
    folder.spool("one").remove()
    final = folder.root / "images/sku/a-0.png"
    assert final.read_bytes() == b"an image"
    assert final.stat().st_mode & 0o777 == 0o644
    assert (folder.root / "spool").stat().st_mode & 0o777 == 0o700
    assert folder.spools() == ()
    assert list(folder.images()) == ["images/sku/a-0.png"]


def test_a_foreign_file_is_never_overwritten(folder: Folder, put: Put) -> None:
    """What somebody put there stays, and the paid bytes stay in the spool."""
    final = folder.root / "images/a.png"
    final.parent.mkdir(parents=True)
    final.write_bytes(b"mine")
    facts = put(b"paid")
    with pytest.raises(StorageError, match="did not write"):
        folder.publish(facts.path, "a.png")
    assert final.read_bytes() == b"mine"
    assert facts.path.read_bytes() == b"paid"


def test_publishing_twice_is_publishing_once(folder: Folder, put: Put) -> None:
    """After a crash it is simply done again, before and after its part is gone."""
    facts = put(b"paid")
    for _ in range(2):
        folder.publish(facts.path, "a.png")
    facts.path.unlink()
    folder.publish(facts.path, "a.png", sha256=facts.sha256)
    with pytest.raises(StorageError, match="gone"):
        folder.publish(facts.path, "a.png", sha256="0" * 64)
    assert inside(folder.root) == {"images/a.png": b"paid"}


def test_a_replaced_image_steps_aside_with_its_key(folder: Folder, put: Put) -> None:
    """Nothing that was paid is deleted; doing it again gives the same answer."""
    folder.publish(put(b"old", "one").path, "sku/a.png")
    new = put(b"new", "two")
    for _ in range(2):
        gone = folder.publish(new.path, "sku/a.png", replaces="abcdef0123456789")
        assert gone == "superseded/sku/a.abcdef012345.png"
    assert inside(folder.root) == {"images/sku/a.png": b"new", f"{gone}": b"old"}


def test_a_image_that_is_the_same_to_the_last_byte_steps_aside_too(folder: Folder, put: Put) -> None:
    """It was paid for by another job: each job keeps its own."""
    for turn, key in enumerate((None, "a" * 64, "b" * 64, "b" * 64)):
        gone = folder.publish(put(b"dot", f"try-{turn}").path, "a.png", replaces=key)
        assert gone == (key and f"superseded/a.{key[:12]}{'~2' if turn == 3 else ''}.png")
    assert len(inside(folder.root)) == 4


def test_nothing_to_replace_is_no_fault(folder: Folder, put: Put) -> None:
    """The user had moved the old image away."""
    assert folder.publish(put().path, "a.png", replaces="abcdef0123456789") is None


def test_images_of_one_job_can_step_aside_more_than_once(folder: Folder, put: Put) -> None:
    """Each keeps a name of its own."""
    gone = [folder.publish(put(f"{n}".encode(), f"try-{n}").path, "a.png", replaces="k" * 64) for n in range(4)]
    assert gone == [None, *(f"superseded/a.{'k' * 12}{end}.png" for end in ("", "~2", "~3"))]
    assert sorted(inside(folder.root).values()) == [b"0", b"1", b"2", b"3"]


class Stop(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("point", ["after_aside", "before_name", "before_sync", "after_sync"])
@pytest.mark.parametrize("replaces", [None, "k" * 64])
def test_a_crash_at_any_step_is_made_good_by_doing_it_again(tmp_path: Path, point: str, replaces: str | None) -> None:
    """The old image is aside, the new one in place, each once."""

    def at(name: str) -> None:
        if name == f"storage.publish.{point}":
            raise Stop

    good = Folder(tmp_path / "out")
    if replaces:
        part = good.spool("old").part(0)
        part.write(b"old")
        good.publish(part.close().path, "a.png")
    part = good.spool("new").part(0)
    part.write(b"new")
    facts = part.close()
    good.spool("new").finish({})
    with suppress(Stop):
        Folder(tmp_path / "out", at=at).publish(facts.path, "a.png", replaces=replaces)
    gone = good.publish(facts.path, "a.png", replaces=replaces)
    expected = {"images/a.png": b"new"} | ({f"superseded/a.{'k' * 12}.png": b"old"} if replaces else {})
    assert inside(good.root) == expected
    assert gone == (f"superseded/a.{'k' * 12}.png" if replaces else None)


@pytest.mark.parametrize("path", ["../a.png", "/etc/a.png", "a/../../b.png", "", ".", "a\0.png"])
def test_no_path_leads_outside(folder: Folder, put: Put, path: str) -> None:
    """Whatever the caller asks for."""
    facts = put()
    with pytest.raises(StorageError):
        folder.publish(facts.path, path)
    assert inside(folder.root) == {}


@pytest.mark.parametrize(
    "link",
    ["images", "images/sku", "images/sku/deep", "images/sku/deep/a.png", "superseded", "superseded/sku", "spool"],
)
def test_no_symlink_is_followed(folder: Folder, put: Put, tmp_path: Path, link: str) -> None:
    """A planted link refuses the image and writes nothing on its other side."""
    outside, planted = tmp_path / "outside", folder.root / link
    outside.mkdir()
    old = folder.root / "images/sku/deep/a.png"
    if link.startswith("superseded"):
        old.parent.mkdir(parents=True)
        old.write_bytes(b"old")
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(outside / "a.png" if link.endswith(".png") else outside)
    with pytest.raises(StorageError):
        folder.publish(put(b"new").path, "sku/deep/a.png", replaces=None if link.endswith(".png") else "k" * 64)
    assert list(outside.iterdir()) == []


def test_a_link_swapped_in_during_the_run_catches_nothing(folder: Folder, put: Put, tmp_path: Path) -> None:
    """50 races between publishing and somebody who plants links: nothing lands outside."""
    outside, place = tmp_path / "outside", folder.root / "images/sku"
    outside.mkdir()
    place.mkdir(parents=True)
    done = threading.Event()

    def swap() -> None:
        for turn in count():
            if done.is_set():
                break
            with suppress(OSError):  # the folder may be made anew at any moment
                place.rename(folder.root / f"images/aside-{turn}")
                place.symlink_to(outside)
                place.unlink()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(50):
            facts = put(b"x", f"race-{number}", finished=False)
            try:
                folder.publish(facts.path, f"sku/{number}.png")
            except StorageError:
                continue
    finally:
        done.set()
        swapper.join()
    assert list(outside.iterdir()) == []


def test_small_files_are_replaced_whole(folder: Folder) -> None:
    """Reports for everybody, runs for their user; no temporary file stays."""
    for data in (b"{}", b'{"a": 1}'):
        folder.write_atomic("runs/r1/status.json", data)
        folder.write_atomic("report/summary.json", data)
    status, summary = folder.root / "runs/r1/status.json", folder.root / "report/summary.json"
    assert status.read_bytes() == summary.read_bytes() == b'{"a": 1}'
    assert status.stat().st_mode & 0o777 == 0o600
    assert summary.stat().st_mode & 0o777 == 0o644
    assert list(status.parent.iterdir()) == [status]


def test_free_bytes_are_known_before_the_folder_exists(folder: Folder) -> None:
    """The nearest folder above answers."""
    assert folder.free_bytes() > 0
    assert not folder.root.exists()
