"""A manifest that somebody edits while a run reads it: what was read first is drawn, and nothing breaks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rehearsal import Rehearsal

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
    "a row more": (ROWS + "new\n", 6, 3),
    "a row in front": ("sku\nnew\n" + ROWS.removeprefix("sku\n"), 6, 3),
    "a row less": (ROWS.removesuffix("5\n"), 5, 3),
    "a cell": (ROWS.replace("3\n", "other\n"), 5, 3),
    "another order": ("sku\n" + "".join(f"{at}\n" for at in range(5, -1, -1)), 6, 0),
}


@pytest.mark.parametrize("edit", EDITS)
def test_rows_that_change_after_they_were_written_down(scene: Rehearsal, edit: str) -> None:
    """Only what the run knows of is drawn; the same command draws the rest."""
    text, drawn, status = EDITS[edit]
    rows = scene.root / "rows.csv"
    rows.write_text(ROWS)
    manifest = scene.manifest([JOB], limits={"max_cost": 10, "concurrency": 1})
    ended = scene.run(manifest, at=once("ledger.expect.after_commit", rewritten(rows, text)))
    assert ended.exit == status, ended
    assert len(scene.bill) == ended.summary["images"]["stored"] == drawn
    assert ended.charged == scene.billed
    last = scene.run(manifest)
    assert last.exit == 0
    assert len(scene.bill) == len({entry["prompt"] for entry in scene.bill})


@pytest.mark.parametrize("edit", ["a row more", "a row less"])
def test_rows_that_change_after_they_were_counted(scene: Rehearsal, edit: str) -> None:
    """Before anything was sent the run says so and ends: exit 2, and the same command goes on."""
    rows = scene.root / "rows.csv"
    rows.write_text(ROWS)
    manifest = scene.manifest([JOB])
    ended = scene.run(manifest, at=once("ledger.begin.after_commit", rewritten(rows, EDITS[edit][0])))
    assert ended.exit == 2
    assert "changed while it was read" in ended.summary["why"]
    assert scene.bill == []
    assert scene.run(manifest).exit == 0
