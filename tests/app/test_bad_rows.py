"""Bad rows beside good ones: with `bad_rows: skip` the good ones are drawn and the bad ones are listed."""

import csv
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import Exit
from tests.rehearsal import Rehearsal

ROWS = [
    "id,prompt,size,n,image",
    "a,A cat,1024x1024,1,",
    "b,,1024x1024,1,",
    "c,A dog,17x17,1,",
    "d,A cow,1024x1024,99,",
    "e,A bee",
    "f,A fox,1024x1024,1,nowhere.png",
    "a,A hen,1024x1024,1,",
    "g,A pig,1024x1024,1,",
    ",,,,",
]
BAD = {3: "the prompt is empty", 4: "17x17", 5: "`n` is 1 to 10", 6: "2 cells for 5", 7: "no file", 8: "the id 'a'"}


def table(scene: Rehearsal, *rows: str) -> Path:
    """Return a manifest of these lines."""
    path = scene.root / "scene.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def rejected(scene: Rehearsal) -> list[dict[str, str]]:
    """Return the rows of report/rejected.csv; none without it."""
    path = scene.root / "output" / "scene" / "report" / "rejected.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_bad_rows_are_refused_unless_they_may_be_skipped(scene: Rehearsal) -> None:
    """Nothing is drawn, and nothing listed."""
    ended = scene.run(table(scene, *ROWS), provider="mock")
    assert ended.exit == Exit.INPUT
    assert not scene.bill
    assert rejected(scene) == []


def test_good_rows_are_drawn_and_bad_ones_listed(scene: Rehearsal) -> None:
    """Each bad row with its line and reason; exit 3, and 0 once that was told; mended, the list goes."""
    manifest = table(scene, *ROWS)
    for status, strict in ((Exit.SOME_FAILED, False), (Exit.OK, False), (Exit.SOME_FAILED, True)):
        ended = scene.run(manifest, provider="mock", skip_bad_rows=True, strict=strict)
        assert (ended.exit, len(scene.bill)) == (status, 2)
        assert ended.summary["images"]["wanted"] == ended.summary["images"]["stored"] == 2
        assert ended.summary["rows"] == {"rows": 9, "planned": 2, "skipped": 1, "rejected": 6}
        listed = {int(row["line"]): row["reason"] for row in rejected(scene)}
        assert listed.keys() == BAD.keys()
        assert all(words in listed[line] for line, words in BAD.items())
        assert {row["file"] for row in rejected(scene)} == {str(manifest)}
    mended = table(scene, *ROWS[:2], ROWS[8])
    ended = scene.run(mended, provider="mock", skip_bad_rows=True)
    assert (ended.exit, len(scene.bill), rejected(scene)) == (0, 2, [])


def test_the_manifest_may_say_so(scene: Rehearsal) -> None:
    """Then plan and estimate leave the same rows out, and check lists them without an error."""
    table(scene, *ROWS)
    job = {"id": "{{ id }}", "rows": "scene.csv", "prompt": "{{ prompt }}", "size": "{{ size }}", "n": "{{ n }}"}
    manifest = scene.manifest([job], bad_rows="skip")
    rows, estimate = scene.plan(manifest)
    assert (set(rows), estimate.images) == ({"a", "f", "g"}, 3)
    found = scene.check(manifest)
    assert found.errors == ()
    assert [row.place.line for row in found.manifest_summary.left_out if row.kind == "bad" and row.place] == [
        3,
        4,
        5,
        6,
        8,
    ]
    assert sum("left out: " in problem.message for problem in found.problems) == 5


def test_what_is_wrong_with_the_manifest_is_told_once_and_not_as_bad_rows(scene: Rehearsal) -> None:
    """A template that no row can be drawn by has its own place; each row of it counts, without a reason of its own."""
    table(scene, *ROWS)
    found = scene.check(scene.manifest([{"id": "{{ id }}", "rows": "scene.csv", "prompt": "{{ x }}"}], bad_rows="skip"))
    assert [problem.message for problem in found.errors] == [
        "`x` is not defined; defined are `id`, `image`, `n`, `prompt`, `size`"
    ]
    assert all(problem.message and problem.place for problem in found.problems)
    assert found.manifest_summary.rejected == 8


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["id,prompt", "a,", "b,"], "the prompt is empty"),
        (["id,prompt", "a,A cat", 'b,"A dog'], "never closed"),
        (["id,promt", "a,A cat"], "needs a column `prompt`"),
    ],
)
def test_what_is_wrong_with_everything_is_an_error_all_the_same(scene: Rehearsal, rows: list[str], words: str) -> None:
    """All rows, rows that nobody can read, the file."""
    ended = scene.run(table(scene, *rows), provider="mock", skip_bad_rows=True)
    assert ended.exit == Exit.INPUT
    assert words in ended.why
    assert not scene.bill


def test_every_row_of_an_unpriced_model_is_left_out(scene: Rehearsal) -> None:
    """What is said once otherwise holds for each."""
    rows = ["id,prompt,model", "a,A cat,", "b,A dog,no-such-1", "c,A cow,no-such-1"]
    ended = scene.run(table(scene, *rows), provider="openai", skip_bad_rows=True, max_cost=10_000_000)
    assert [row["line"] for row in rejected(scene)] == (["3", "4"] if ended.exit == Exit.SOME_FAILED else [])


def test_a_job_of_which_an_image_costs_too_much_is_an_error(scene: Rehearsal) -> None:
    """The worst case of one image counts, however many are wanted."""
    job: dict[str, Any] = {"id": "a", "prompt": "p", "model": "gpt-image-2.5-flare", "size": "1024x1024", "n": 4}
    jobs = [{**job, "quality": "low"}, {**job, "id": "b", "quality": "high"}]
    assert scene.check(scene.manifest(jobs, provider="openai", limits={"max_cost_per_image": 1.0})).errors == ()
    found = scene.check(scene.manifest(jobs, provider="openai", limits={"max_cost_per_image": 0.02}))
    assert ["max_cost_per_image" in problem.message for problem in found.errors] == [True]
    assert found.errors[0].place is not None
