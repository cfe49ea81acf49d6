"""Previews first, finals for what was approved."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen import manifest
from batchgen.errors import InputError
from batchgen.model import Job
from tests.review.conftest import Looked

STAGES = {"preview": {"quality": "low", "n": 1}, "final": {"quality": "medium"}}
JOBS = [{"id": name, "prompt": f"A {name}", "n": 2} for name in ("lamp", "chair")]


def jobs_of(folder: Path, **keys: Any) -> list[Job]:
    """Return the jobs of a manifest."""
    path = folder / "staged.yaml"
    path.write_text(yaml.safe_dump({"name": "staged", **keys}), "utf-8")
    return [job for job in manifest.expand(manifest.load(path)) if isinstance(job, Job)]


def test_a_row_makes_a_preview_and_a_final(tmp_path: Path) -> None:
    """Each has its parameters, its name and its folder; the final is the job that it was without stages."""
    plain = jobs_of(tmp_path, jobs=[{**job, "quality": "medium"} for job in JOBS])
    staged = jobs_of(tmp_path, jobs=JOBS, stages=STAGES)
    assert [(job.id, job.n, job.request.param("quality"), job.after) for job in staged[:2]] == [
        ("lamp.preview", 1, "low", None),
        ("lamp", 2, "medium", "lamp.preview"),
    ]
    assert [job.path(0, "png") for job in staged[:2]] == ["preview/lamp-0.png", "lamp-0.png"]
    assert [job.key for job in staged[1::2]] == [job.key for job in plain]
    assert len({job.key for job in staged}) == 4


def test_a_chained_preview_takes_previews(tmp_path: Path) -> None:
    """What is cheap to look at does not wait for what is dear."""
    chained = [*JOBS, {"id": "both", "prompt": "Both", "images": ["@lamp", "@chair[0]"]}]
    staged = {job.id: job for job in jobs_of(tmp_path, jobs=chained, stages=STAGES)}
    assert staged["both.preview"].waits_for == ("lamp.preview", "chair.preview")
    assert staged["both"].waits_for == ("lamp", "chair")


def test_a_stage_that_cannot_be_is_told_with_its_place(tmp_path: Path) -> None:
    """A number that is none is found where it stands."""
    with pytest.raises(InputError, match=r"staged\.yaml:\d+:\d+: error: `n` is 1 to 10"):
        jobs_of(tmp_path, jobs=JOBS, stages={"preview": {"n": 40}})


def test_finals_are_drawn_for_approved_previews_only(looked: Looked) -> None:
    """Cheap ones first, both prices in the estimate; then the dear ones of the approved rows, as they were seen."""
    staged = looked.manifest(JOBS, stages=STAGES)
    planned, estimate = looked.plan(staged)
    assert {name: item.action for name, item in planned.items()} == {
        "lamp.preview": "new",
        "lamp": "wait",
        "chair.preview": "new",
        "chair": "wait",
    }
    assert [(row.quality, row.images) for row in estimate.rows] == [("low", 2)]
    assert [(row.quality, row.images) for row in estimate.later] == [("medium", 4)]
    ended = looked.run(staged)
    assert ended.exit == 0
    assert looked.images().keys() == {"preview/lamp-0.webp", "preview/chair-0.webp"}
    looked.review(
        looked.said(ended, "lamp.preview", 0, "rejected", "in brass"),
        looked.said(ended, "chair.preview", 0, "approved"),
    )
    ended = looked.run(staged, rejected=True)
    assert looked.bill[-1]["prompt"] == "A lamp\nin brass"
    assert len(looked.bill) == 3
    looked.review(looked.said(ended, "lamp.preview", 0, "approved"))
    before = looked.images()
    ended = looked.run(staged)
    assert ended.exit == 0
    finals = [(call["prompt"], call["quality"], call["n"]) for call in looked.bill[3:]]
    assert sorted(finals) == [("A chair", "medium", 2), ("A lamp\nin brass", "medium", 2)]
    after = looked.images()
    assert after.keys() == before.keys() | {f"{name}-{slot}.webp" for name in ("lamp", "chair") for slot in (0, 1)}
    assert {name: after[name] for name in before} == before
    edited = looked.manifest([{**JOBS[0], "prompt": "A tall lamp"}, JOBS[1]], stages=STAGES)
    assert looked.plan(edited)[0]["lamp"].action == "wait", "nobody has seen the new words"
    for asked in (staged, edited, staged):
        ended = looked.run(asked)
        assert ended.exit == 0
    assert len(looked.bill) == 5
    assert looked.images() == after
    looked.agree(ended)
