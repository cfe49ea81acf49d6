"""A decision is the same decision, whichever way it comes: by the live page, as its file, or as a table."""

import csv
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output.maintain import opened
from batchgen.app.review.decisions import decide, review
from batchgen.storage import Workspace
from tests.review.conftest import Looked

SAID = (
    ("chair", 0, "approved", ""),
    ("chair", 1, "rejected", "the legs  are\n too long"),
    ("lamp", 0, "rejected", ""),
    ("lamp", 1, "approved", "só"),
    ("chair", 1, "approved", "after all"),
)


def page(folder: Path, told: Sequence[Mapping[str, Any]]) -> None:
    """One request after the other, as somebody who looks decides."""
    for one in told:
        assert decide(folder, [one]) == [""]


def file(folder: Path, told: Sequence[Mapping[str, Any]]) -> None:
    """Give what the static page exports."""
    path = folder.parent / "review.json"
    path.write_text(json.dumps({"batchgen_review": 1, "decisions": told}), "utf-8")
    assert review(path, folder).left_out == ()


def table(folder: Path, told: Sequence[Mapping[str, Any]]) -> None:
    """Give what somebody made in a spreadsheet."""
    path = folder.parent / "review.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, list(told[0]))
        rows.writeheader()
        rows.writerows(told)
    assert review(path, folder).left_out == ()


def reviews(folder: Path) -> list[tuple[Any, ...]]:
    """Say what the ledger knows of decisions, but for when they were made."""
    with sqlite3.connect(folder / "ledger.db") as db:
        asked = "SELECT catalogue, job_key, slot, attempt_id, decision, note, after_seq FROM reviews ORDER BY 2, 3"
        return list(db.execute(asked))


@pytest.fixture
def told(looked: Looked) -> list[dict[str, Any]]:
    """Decisions about the images of a run."""
    jobs = [{"id": name, "prompt": f"a {name}", "n": 2} for name in ("chair", "lamp")]
    ended = looked.run(looked.manifest(jobs))
    return [looked.said(ended, *one) for one in SAID]


def test_three_ways_lead_to_the_same_ledger(looked: Looked, told: list[dict[str, Any]]) -> None:
    """Page, file and table write the very same rows, and taking all back on the page leaves none."""
    found = []
    for way in (page, file, table):
        way(looked.folder, told)
        found.append(reviews(looked.folder))
        assert decide(looked.folder, [{**one, "decision": ""} for one in told]) == [""] * len(told)
        assert reviews(looked.folder) == []
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 4


def test_decisions_need_no_lock_of_the_run(looked: Looked, told: list[dict[str, Any]]) -> None:
    """While a run is at work, page and file are taken; the report is the run's to write."""
    before = (looked.folder / "report" / "report.html").stat().st_mtime_ns
    with Workspace(looked.folder).lock():
        page(looked.folder, told[:1])
        path = looked.root / "review.json"
        path.write_text(json.dumps({"batchgen_review": 1, "decisions": told}), "utf-8")
        assert review(path, looked.folder).at_work
    assert (looked.folder / "report" / "report.html").stat().st_mtime_ns == before
    with opened(looked.folder, readonly=True) as output:
        said = [row.review for row in output.ledger.report_rows.images()]
    assert said == ["approved", "approved", "rejected", "approved"]


WRONG: tuple[Any, ...] = (
    3, None, [], {}, {"key": "x"}, {"decision": "perhaps"}, {"slot": -1}, {"slot": True}, {"sha256": "../.."},
    {"note": "a\x00b"}, {"note": "x" * 5000}, {"note": {"a": 1}}, {"slot": 10**9}, {"key": "é" * 64},
)  # fmt: skip


def test_what_is_no_decision_is_left_out_with_a_word(looked: Looked, told: list[dict[str, Any]]) -> None:
    """Whatever a browser sends, the others are taken, and nothing else happens."""
    sent = [{**told[0], **one} if isinstance(one, dict) and one else one for one in WRONG]
    why = decide(looked.folder, [*sent, told[0]])
    assert all(why[:-1])
    assert why[-1] == ""
    assert len(reviews(looked.folder)) == 1


def test_what_is_approved_while_it_waits_to_be_drawn_again_stays(looked: Looked, told: list[dict[str, Any]]) -> None:
    """A person changes their mind while a run draws: what was not asked for yet is never asked for, nor replaced."""
    rejected = [{**one, "decision": "rejected"} for one in told]
    page(looked.folder, rejected)
    before, calls, said = looked.images(), len(looked.bill), list[str]()

    def at(step: str) -> None:
        if step == "ledger.reserve.before_begin" and not said:
            said.extend(decide(looked.folder, [{**one, "decision": "approved"} for one in told]))

    again = looked.run(looked.root / "scene.yaml", at, rejected=True)
    assert said == [""] * len(told)
    assert (again.exit, again.summary["images"]["stored"]) == (0, 4)
    assert len(looked.bill) == calls
    assert looked.images() == before
    looked.agree(again)
