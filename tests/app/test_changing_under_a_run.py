"""A manifest that somebody edits while a run reads it: what was read first is drawn, and nothing breaks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.rehearsal import NO_PACE, Rehearsal

pytestmark = pytest.mark.sample(3)

ROWS = "sku\n" + "".join(f"{at}\n" for at in range(6))
JOB = {"id": "lamp-{{ sku }}", "rows": "rows.csv", "prompt": "A lamp {{ sku }}"}


def once(step: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Act at the first passing of a step."""
    left = [step]

    def at(name: str) -> None:
        if name in left:
            left.remove(name)
            act()

    return at


def rewritten(path: Path, text: str) -> Callable[[], object]:
    """Write a file anew."""
    return lambda: path.write_text(text)


EDITS = {
    "a row more": ROWS + "new\n",
    "a row in front": "sku\nnew\n" + ROWS.removeprefix("sku\n"),
    "a row less": ROWS.removesuffix("5\n"),
    "a cell": ROWS.replace("3\n", "other\n"),
    "another order": "sku\n" + "".join(f"{at}\n" for at in range(5, -1, -1)),
    "nothing left": "sku\n",
    "no table any more": "\0",
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("edit", EDITS)
def test_rows_that_change_after_they_were_written_down(scene: Rehearsal, edit: str) -> None:
    """What the run has written down is drawn, whatever stands there by now; the same command draws the rest."""
    rows = scene.root / "rows.csv"
    rows.write_text(ROWS)
    manifest = scene.manifest([JOB], limits={"max_cost": 10, "concurrency": 1})
    ended = scene.run(manifest, at=once("ledger.expect.after_commit", rewritten(rows, EDITS[edit])))
    assert ended.exit == 0, ended
    assert {entry["prompt"] for entry in scene.bill} == {f"A lamp {at}" for at in range(6)}
    assert len(scene.bill) == ended.summary["images"]["stored"] == 6
    assert ended.charged == scene.billed
    if edit != "no table any more":
        assert scene.run(manifest).exit == 0
    assert len(scene.bill) == len({entry["prompt"] for entry in scene.bill})


@pytest.mark.parametrize("step", ["ledger.queue.after_commit", "ledger.expect.after_commit"])
def test_an_input_image_that_changes_before_it_is_sent(scene: Rehearsal, step: str) -> None:
    """A job stands for the image that was read: with another one nothing is sent, and the same command goes on."""
    image = scene.root / "room.png"
    Image.new("RGB", (64, 64), "red").save(image)
    manifest = scene.manifest([{"id": "room", "prompt": "A lamp in it", "images": ["room.png"]}])
    ended = scene.run(manifest, at=once(step, lambda: Image.new("RGB", (64, 64), "blue").save(image)))
    assert ended.exit == 3, ended
    assert scene.bill == []
    assert any("was changed after this run read it" in str(problem) for problem in ended.problems)
    assert scene.run(manifest).exit == 0
    assert len(scene.bill) == 1


def test_an_input_image_that_moves_is_found_where_it_is_now(scene: Rehearsal) -> None:
    """The bytes of an image decide what a job is, and the manifest of today where they are."""
    Image.new("RGB", (64, 64), "red").save(scene.root / "old.png")
    job = {"id": "room", "prompt": "A lamp in it", "n": 2}
    stopped = scene.run(
        scene.manifest([{**job, "images": ["old.png"]}], limits={**NO_PACE, "max_images": 1}, images_per_request=1)
    )
    assert stopped.exit == 4
    (scene.root / "old.png").rename(scene.root / "new.png")
    assert scene.run(scene.manifest([{**job, "images": ["new.png"]}])).exit == 0
    assert len(scene.bill) == 2


@pytest.mark.parametrize("edit", ["a row more", "a row less"])
def test_rows_that_change_after_they_were_counted(scene: Rehearsal, edit: str) -> None:
    """Before anything was sent the run says so and ends: exit 2, and the same command goes on."""
    rows = scene.root / "rows.csv"
    rows.write_text(ROWS)
    manifest = scene.manifest([JOB])
    ended = scene.run(manifest, at=once("ledger.begin.after_commit", rewritten(rows, EDITS[edit])))
    assert ended.exit == 2
    assert "changed while it was read" in ended.summary["why"]
    assert scene.bill == []
    assert scene.run(manifest).exit == 0
