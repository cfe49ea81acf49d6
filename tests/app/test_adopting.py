"""A lost ledger is rebuilt, so that nothing is paid again."""

import shutil
from pathlib import Path

import pytest

from batchgen import app
from batchgen.errors import InputError
from tests.rehearsal import Rehearsal

JOBS = [{"id": "lamp", "prompt": "A lamp", "n": 2}, {"id": "=chair", "prompt": "=A chair"}]


def lose_ledger(folder: Path) -> None:
    """Delete the ledger with everything that belongs to it."""
    for path in folder.glob("ledger.db*"):
        path.unlink()


@pytest.mark.parametrize("left", ["report", "logs", "both"])
def test_what_is_adopted_is_not_paid_again(scene: Rehearsal, left: str) -> None:
    """A run refuses pictures that no ledger knows; after `adopt` it makes no call."""
    manifest = scene.manifest(JOBS)
    first = scene.run(manifest)
    lose_ledger(first.folder)
    if left == "report":
        shutil.rmtree(first.folder / "runs")
        (first.folder / "runs").mkdir()
    if left == "logs":
        shutil.rmtree(first.folder / "report")
    calls = len(scene.bill)
    refused = scene.run(manifest)
    assert refused.exit == 2
    assert "batchgen adopt" in refused.why
    taken = app.adopt(first.folder)
    assert (taken.jobs, taken.images, taken.unknown) == (2, 3, ())
    again = scene.run(manifest)
    assert again.exit == 0
    assert len(scene.bill) == calls
    assert again.charged == first.charged


def test_a_picture_that_changed_is_not_adopted(scene: Rehearsal) -> None:
    """What differs from what was paid for is named and left alone."""
    first = scene.run(scene.manifest(JOBS))
    changed = first.picture("lamp")
    changed.write_bytes(changed.read_bytes() + b"x")
    (first.folder / "images" / "holiday.png").write_bytes(b"not ours")
    lose_ledger(first.folder)
    taken = app.adopt(first.folder)
    assert taken.images == 2
    assert set(taken.unknown) == {"images/holiday.png", str(changed.relative_to(first.folder))}


def test_adopting_twice_takes_nothing_twice(scene: Rehearsal) -> None:
    """A second `adopt` finds everything known."""
    first = scene.run(scene.manifest(JOBS))
    lose_ledger(first.folder)
    app.adopt(first.folder)
    assert app.adopt(first.folder).images == 0


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """The message says which folder is missing."""
    with pytest.raises(InputError, match="nowhere is no folder"):
        app.adopt(tmp_path / "nowhere")
