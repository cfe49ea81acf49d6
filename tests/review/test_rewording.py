"""Moderated prompts that somebody reworded in the report's own table."""

import csv
from pathlib import Path

from tests.rehearsal import Ended
from tests.review.conftest import Looked

JOBS = [{"id": name, "prompt": f"A {name} [moderated]", "n": 2} for name in ("lamp", "chair", "stool")]


def reworded(ended: Ended, path: Path, **prompts: str) -> Path:
    """Return the table of moderated jobs, with other prompts for some of them."""
    rows = [{**row, "prompt": prompts.get(row["id"], row["prompt"])} for row in ended.table("moderated")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_exactly_the_reworded_jobs_are_drawn(looked: Looked) -> None:
    """They are stored under their own names; the plain run afterwards, and the same table again, draw nothing."""
    manifest = looked.manifest([*JOBS, {"id": "table", "prompt": "A table"}])
    ended = looked.run(manifest)
    assert ended.exit == 3
    calls = len(looked.bill)
    table = reworded(ended, looked.root / "mine.csv", lamp="A lamp", chair="A chair [moderated] still")
    ended = looked.run(manifest, reworded=table)
    assert ended.exit == 3
    drawn = [call["prompt"] for call in looked.bill[calls:]]
    assert drawn.count("A lamp") == 1
    assert set(drawn) == {"A lamp", "A chair [moderated] still"}
    assert "A chair [moderated] still" in {row["prompt"] for row in ended.table("moderated")}
    assert [row["prompt"] for row in ended.images("lamp")] == ["A lamp [moderated]", "A lamp"], "only what was missing"
    calls = len(looked.bill)
    for again in (None, table):
        assert looked.run(manifest, reworded=again).exit in {0, 3}
    assert len(looked.bill) == calls, "what was refused with these words is not asked again with them"
    ended = looked.run(manifest, reworded=reworded(ended, table, chair="A chair", stool="A stool"))
    assert ended.exit == 0
    assert len(looked.bill) == calls + 2
    looked.agree(ended)


def test_a_table_that_cannot_be_used_changes_nothing(looked: Looked) -> None:
    """An unknown job is told and left out; a table without the columns, or with an empty prompt, ends with status 2."""
    manifest = looked.manifest(JOBS[:1])
    looked.run(manifest)
    calls = len(looked.bill)
    table = looked.root / "mine.csv"
    for text, place in (
        ("id,prompt\nlamp,A lamp\n", "mine.csv:1:1"),
        ("job_key,prompt\nlamp,A lamp\n", "mine.csv:2:1"),
        (f"job_key,prompt\n{'a' * 64},A lamp\n{'b' * 64},\n", "mine.csv:3:1"),
    ):
        table.write_text(text, "utf-8")
        refused = looked.run(manifest, reworded=table)
        assert refused.exit == 2
        assert place in refused.why
    table.write_text(f"job_key,prompt\n{'a' * 64},A lamp\n", "utf-8")
    assert looked.run(manifest, reworded=table).exit == 0
    assert len(looked.bill) == calls
