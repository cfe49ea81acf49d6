"""Files of decisions come from anybody: every fault is told with its place, and nothing is half kept."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output.maintain import opened
from batchgen.app.review import decisions
from batchgen.errors import InputError
from batchgen.ledger import Review
from tests.review.conftest import Looked

GOOD = {"job": "lamp", "key": "a" * 64, "slot": 0, "sha256": "b" * 64, "decision": "approved", "note": "so"}


def written(path: Path, *decisions: Any, **head: Any) -> Path:
    """Return a file as the page exports it."""
    path.write_text(json.dumps({"batchgen_review": 1, "decisions": decisions, **head}, indent=1), "utf-8")
    return path


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"key": "a" * 63}, "`key`"),
        ({"key": None}, "`key`"),
        ({"slot": -1}, "`slot`"),
        ({"slot": True}, "`slot`"),
        ({"slot": 1e300}, "`slot`"),
        ({"sha256": "B" * 64}, "`sha256`"),
        ({"decision": "perhaps"}, "approved or rejected"),
        ({"note": "x" * 5000}, "longer than"),
        ({"note": "a\x07b"}, "control"),
        ({"note": "\ud800"}, "control"),
        ({"note": ["a"], "slot": {}}, "`slot`"),
    ],
)
def test_a_wrong_decision_is_named(tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
    """By file and line, with what it should be."""
    path = written(tmp_path / "review.json", GOOD, {**GOOD, **wrong})
    with pytest.raises(InputError) as refused:
        decisions.read(path)
    (problem,) = refused.value.problems
    assert told in problem.message
    assert str(problem.place).startswith(f"{path}:12:")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "{}",
        '{"batchgen_review": 2, "decisions": []}',
        '{"batchgen_review": 1, "decisions": {}}',
        '{"batchgen_review": 1, "decisions": [1, null, []]}',
        "[" * 100_000,
        "1" * 10_000,
        "\x00\x01",
    ],
)
def test_what_is_no_review_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever it is, it ends in words."""
    path = tmp_path / "review.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"review\.json:\d"):
        decisions.read(path)


def test_a_file_that_is_too_large_or_none_is_refused(tmp_path: Path) -> None:
    """It is not even read."""
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    for path in (huge, tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            decisions.read(path)


def test_a_table_says_the_same_as_the_export(tmp_path: Path) -> None:
    """Edited in a spreadsheet: other case, blanks, undecided rows, an apostrophe before what looks like a formula."""
    path = tmp_path / "decided.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=decisions.COLUMNS)
        writer.writeheader()
        writer.writerow({**GOOD, "decision": " Approved "})
        writer.writerow({**GOOD, "decision": ""})
        writer.writerow({**GOOD, "slot": 1, "decision": "rejected", "note": "'-2 legs"})
    found = [one.judged for one in decisions.read(path)]
    assert [(one.slot, one.decision, one.note) for one in found] == [
        (0, Review.APPROVED, "so"),
        (1, Review.REJECTED, "-2 legs"),
    ]


def test_decisions_about_another_output_are_refused(looked: Looked) -> None:
    """By the name of the file and the folder that was meant; nothing is kept. A file that names none is taken."""
    ended = looked.run(looked.manifest([{"id": "lamp", "prompt": "A lamp"}]))
    right = looked.said(ended, "lamp", 0, "approved")
    page = (ended.folder / "report" / "report.html").read_text("utf-8")
    with opened(looked.folder, readonly=True) as output:
        mine = output.ledger.stores.known_identity()
    assert f'"output":"{mine}"' in page
    for other in ("f" * 32, 7, ["a"]):
        with pytest.raises(InputError, match=rf"review\.json.*another output than {looked.folder}"):
            decisions.review(written(looked.root / "review.json", right, output=other), looked.folder)
        assert [row["review"] for row in ended.table("images")] == [""]
    for head in ({"output": mine}, {"output": ""}, {}):
        assert decisions.review(written(looked.root / "review.json", right, **head), looked.folder).approved == 1


def test_what_is_another_image_by_now_is_left_out(looked: Looked) -> None:
    """Others of the same file are kept; a file with one fault keeps nothing."""
    ended = looked.run(looked.manifest([{"id": "lamp", "prompt": "A lamp", "n": 2}]))
    right = looked.said(ended, "lamp", 0, "approved")
    with pytest.raises(InputError):
        looked.review(right, {**right, "slot": "one"})
    assert {row["review"] for row in ended.table("images")} == {""}
    result = looked.review(
        right, {**right, "slot": 1}, {**right, "key": "c" * 64}, {**right, "slot": 7}, {**right, "sha256": "d" * 64}
    )
    assert (result.approved, result.rejected, len(result.left_out)) == (1, 0, 4)
    assert "review.json" in str(result.left_out[0])
    assert [row["review"] for row in ended.table("images")] == ["approved", ""]
    assert decisions.review(written(looked.root / "none.json"), looked.folder).left_out == ()
