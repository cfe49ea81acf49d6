"""How often a manifest is walked: twice, never while money is spent, and not at all when nothing changed."""

import os
import sys
from types import FrameType
from typing import Any

import pytest

from batchgen import manifest
from tests.rehearsal import Ended, Rehearsal

JOB = {"id": "lamp-{{ sku }}", "rows": "walked.csv", "prompt": "A lamp {{ sku }} --ar 3:2", "tags": {"room": "hall"}}
ROWS = "sku\n" + "".join(f"{number:04}\n" for number in range(3))
PAID = "paid"
_EVENTS: list[str] = []


def _watch(event: str, words: tuple[Any, ...]) -> None:
    """Take note of a row file that is opened to be walked."""
    if event != "open" or not str(words[0]).endswith("/walked.csv"):
        return
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_code is not manifest.expand.__code__:
        frame = frame.f_back
    if frame:
        _EVENTS.append("walk")


sys.addaudithook(_watch)  # for as long as the process lives


def walked(scene: Rehearsal) -> tuple[Ended, int, int]:
    """Run; give how it ended, and the walks until the first call was reserved and from then on."""
    path = scene.manifest([JOB])
    if not (rows := scene.root / "walked.csv").exists():
        rows.write_text(ROWS)
    _EVENTS.clear()
    ended = scene.run(path, lambda step: _EVENTS.append(PAID) if step.startswith("ledger.reserve") else None)
    first = _EVENTS.index(PAID) if PAID in _EVENTS else len(_EVENTS)
    return ended, _EVENTS[:first].count("walk"), _EVENTS[first:].count("walk")


def test_a_manifest_is_walked_twice_before_money_is_spent(scene: Rehearsal) -> None:
    """For its check and for its plan."""
    ended, before, after = walked(scene)
    assert (ended.exit, len(scene.bill), before, after) == (0, 3, 2, 0)


def test_a_finished_manifest_is_not_walked_again(scene: Rehearsal) -> None:
    """What its check found is told all the same, to the last doubt."""
    first, *_ = walked(scene)
    again, before, _ = walked(scene)
    assert (again.exit, len(scene.bill), before) == (0, 3, 0)
    assert "--ar" in " ".join(problem.message for problem in again.problems)
    assert again.problems == first.problems
    for name in ("jobs", "images", "money", "rows"):
        assert first.summary[name] == again.summary[name], name


def test_rows_that_changed_behind_the_back_of_their_date_are_walked(scene: Rehearsal) -> None:
    """Bytes count: another cell of the same length, with the date of the file as it was."""
    walked(scene)
    rows = scene.root / "walked.csv"
    was = rows.stat()
    rows.write_text(ROWS.replace("0001", "0009"))
    os.utime(rows, ns=(was.st_atime_ns, was.st_mtime_ns))
    ended, before, _ = walked(scene)
    assert (ended.exit, len(scene.bill), before) == (0, 4, 2)


def test_an_image_that_is_gone_is_missed_without_a_change_of_the_manifest(scene: Rehearsal) -> None:
    """The manifest is planned, so it is walked once; nothing is drawn unless it is asked for."""
    ended, *_ = walked(scene)
    ended.image("lamp-0001").unlink()
    _, before, _ = walked(scene)
    assert (len(scene.bill), before) == (3, 1)


@pytest.mark.parametrize("setting", [{"defaults": {"quality": "high"}}, {"provider": "apiyi"}])
def test_a_setting_that_changed_is_walked(scene: Rehearsal, setting: dict[str, Any]) -> None:
    """Whatever decides what is drawn, or what is said of it, is looked at anew."""
    walked(scene)
    scene.settings |= setting
    _, before, _ = walked(scene)
    assert before == 2
