"""Laws of images in a local folder; the laws of every store are in `conformance/`."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.storage import LocalStore, Workspace
from tests.storage.conftest import Put


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Let new files lack these rights."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_rights_are_ours_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    """Images and reports for everybody to read, answers and runs for their user; nothing for others to write."""
    workspace = Workspace(tmp_path / "deep" / "out")
    store = LocalStore(workspace.root)
    with umask(mask), workspace.lock():
        store.ready()
        spool = workspace.spool("one")
        part = spool.part(0)
        part.write(b"x")
        facts = part.close()
        spool.finish({})
        store.put(facts.path, "images/sku/a.png", facts.sha256)
        store.write_sidecar("images/sku/a.png", b'{\n  "sidecar": 1}')
        workspace.write("report/summary.json", b"{}")
        workspace.write("runs/r1/status.json", b"{}")
        workspace.append("runs/r1/log.jsonl").close()
        with workspace.stage("report") as stage:
            (stage.path / "report.html").touch()
            stage.publish("report.html")
    spool.remove()
    for path in (workspace.root.parent, workspace.root, *workspace.root.rglob("*")):
        private = {"spool", "runs", ".lock"} & {*path.relative_to(workspace.root.parent).parts[1:2]}
        folder, file = (0o700, 0o600) if private else (0o755, 0o644)
        assert path.stat().st_mode & 0o777 == (folder if path.is_dir() else file), path


@pytest.mark.parametrize(
    "link",
    ["images", "images/sku", "images/sku/deep", "images/sku/deep/a.png", "superseded", "superseded/sku", "spool"],
)
def test_no_symlink_is_followed(store: LocalStore, put: Put, tmp_path: Path, link: str) -> None:
    """A planted link refuses the image and writes nothing on its other side."""
    outside, planted = tmp_path / "outside", store.root / link
    outside.mkdir()
    old = store.root / "images/sku/deep/a.png"
    if link.startswith("superseded"):
        old.parent.mkdir(parents=True)
        old.write_bytes(b"old")
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(outside / "a.png" if link.endswith(".png") else outside)
    with pytest.raises(StorageError):
        store.put(put(b"new").path, "images/sku/deep/a.png", replacing=None if link.endswith(".png") else "k" * 64)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("link", ["images", "images/sku"])
def test_no_image_is_looked_for_through_a_link(store: LocalStore, tmp_path: Path, link: str) -> None:
    """What lies on the other side is no image of ours, and no room for one either: the way is blocked."""
    outside, planted, path = tmp_path / "outside", store.root / link, "images/sku/a.png"
    file = outside / ("sku/a.png" if link == "images" else "a.png")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"mine")
    Path(f"{file}.json").write_bytes(b'{\n  "sidecar": 1}')
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(outside)
    asked: list[Callable[[], object]] = [
        lambda: store.open(path),
        lambda: store.head(path),
        lambda: store.local_path(path),
        lambda: store.read_sidecar(path),
        lambda: store.write_sidecar(path, b'{\n  "sidecar": 2}'),
        lambda: store.set_aside(path, "k" * 64),
        lambda: store.move(path, "images/b.png", "0" * 64),
    ]
    for ask in asked:
        with pytest.raises(StorageError, match="link"):
            ask()
    if link == "images":
        with pytest.raises(StorageError, match="link"):
            list(store.listing())
    else:
        assert list(store.listing()) == []
    assert store.taken([path, "images/sku/none.png"]) == {path, "images/sku/none.png"}
    assert sorted(path.read_bytes() for path in outside.rglob("a.*")) == [b"mine", b'{\n  "sidecar": 1}']


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_plain_file_is_no_image(store: LocalStore, put: Put, plant: Callable[[Path], object]) -> None:
    """A pipe, a folder or a link under an image's name: nothing waits for it, nothing removes it."""
    path, facts = "images/a.png", put()
    store.ready()
    plant(store.root / path)
    plant(store.root / f"{path}.json")
    assert store.head(path, sha256=True) is None
    assert store.local_path(path) is None
    assert list(store.listing(sha256=True)) == []
    assert store.taken([path]) == {path}
    assert store.read_sidecar(path) is None
    assert not store.write_sidecar(path, b'{\n  "sidecar": 1}')
    with pytest.raises(StorageError):
        store.open(path)
    with pytest.raises(StorageError):
        store.put(facts.path, path, facts.sha256)
    facts.path.unlink()
    with pytest.raises(StorageError):
        store.put(facts.path, path, facts.sha256)
    assert os.path.lexists(store.root / path)


def test_a_file_in_the_way_of_a_folder_is_noticed(store: LocalStore) -> None:
    """Before an image is paid that could not be put there."""
    store.ready()
    (store.root / "images/sku").write_text("a file")
    assert store.taken(["images/sku/a.png", "images/other/a.png"]) == {"images/sku/a.png"}


def test_a_link_swapped_in_during_the_run_catches_nothing(store: LocalStore, put: Put, tmp_path: Path) -> None:
    """50 races between putting and somebody who plants links: nothing lands outside."""
    outside, place = tmp_path / "outside", store.root / "images/sku"
    outside.mkdir()
    place.mkdir(parents=True)
    done = threading.Event()

    def swap() -> None:
        for turn in count():
            if done.is_set():
                break
            with suppress(OSError):  # the folder may be made anew at any moment
                place.rename(store.root / f"images/aside-{turn}")
                place.symlink_to(outside)
                place.unlink()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(50):
            facts = put(b"x", f"race-{number}", finished=False)
            with suppress(StorageError):
                store.put(facts.path, f"images/sku/{number}.png")
    finally:
        done.set()
        swapper.join()
    assert list(outside.iterdir()) == []
