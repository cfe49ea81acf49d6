"""What matters first is drawn first, and what a job is does not hang on it."""

from typing import Any

import pytest

from batchgen.money import MicroUSD
from tests.rehearsal import Rehearsal

IDS = {"a": "low", "b": "", "c": "2", "d": "high", "e": "normal", "f": "-3"}
JOBS = [{"id": name, "prompt": f"A {name}", "priority": priority} for name, priority in IDS.items()]


def test_a_limit_ends_behind_the_jobs_of_the_largest_priority(scene: Rehearsal) -> None:
    """Ties go by the manifest; the rest comes with the next run, and changed priorities buy nothing."""
    manifest = scene.manifest(JOBS)
    drawn, exits = [], []
    for _ in range(3):
        ended = scene.run(manifest, max_images=2, concurrency=1)
        exits.append(ended.exit)
        rows, _ = scene.plan(manifest)
        drawn.append({name for name, item in rows.items() if item.action.value == "stored"})
    assert drawn == [{"c", "d"}, {"b", "c", "d", "e"}, set(IDS)]
    assert exits[-1] == 0
    again = scene.manifest([{**job, "priority": "7"} for job in JOBS])
    rows, _ = scene.plan(again)
    assert {item.action.value for item in rows.values()} == {"stored"}


def test_a_plan_says_where_the_limit_of_a_run_will_end_it(scene: Rehearsal) -> None:
    """What remains then is what the run leaves, by priority; it begins with the same job."""
    manifest = scene.manifest([{**job, "n": 1 + len(job["priority"]) % 2} for job in JOBS])
    rows, estimate = scene.plan(manifest, max_images=4)
    assert estimate.reach
    end = estimate.reach.expected
    assert end
    assert (end.limit.kind.value, end.job, end.jobs) == ("max_images", "e", 3)
    scene.run(manifest, max_images=4, concurrency=1)
    rows, _ = scene.plan(manifest)
    assert [name for name, item in rows.items() if item.slots] == ["a", "e", "f"]


def test_a_job_that_another_needs_is_drawn_no_later_than_it(scene: Rehearsal) -> None:
    """A hat that hardly matters is drawn first for the man who wears it and matters most; so is its own input."""
    jobs: list[dict[str, Any]] = [
        *({"id": f"other{n}", "prompt": f"A {n}"} for n in range(3)),
        {"id": "felt", "prompt": "Felt", "priority": "low"},
        {"id": "hat", "prompt": "A hat", "images": ["@felt"]},
        {"id": "man", "prompt": "A man", "images": ["@hat"], "priority": "high"},
    ]
    manifest = scene.manifest(jobs)
    _, estimate = scene.plan(manifest, max_images=2)
    assert estimate.reach
    assert estimate.reach.worst
    assert (estimate.reach.worst.job, estimate.reach.worst.jobs) == ("man", 4)
    scene.run(manifest, max_images=1, concurrency=1)
    rows, _ = scene.plan(manifest)
    assert [name for name, item in rows.items() if item.action.value == "stored"] == ["felt"]


@pytest.mark.parametrize("limit", [{"max_images": 2}, {"max_cost": MicroUSD(30_000)}])
def test_jobs_that_matter_less_leave_what_a_waiting_one_needs(scene: Rehearsal, limit: dict[str, Any]) -> None:
    """A man waits for his hat while there is room for others to start: the limit still ends behind him, as planned."""
    jobs: list[dict[str, Any]] = [
        *({"id": f"other{n}", "prompt": f"A {n}"} for n in range(6)),
        {"id": "hat", "prompt": "A hat"},
        {"id": "man", "prompt": "A man", "images": ["@hat"], "priority": "high"},
    ]
    manifest = scene.manifest(jobs)
    _, estimate = scene.plan(manifest, **limit)
    assert estimate.reach
    assert estimate.reach.worst
    assert estimate.reach.worst.job.startswith("other")
    assert scene.run(manifest, **limit, concurrency=8).exit == 4
    rows, _ = scene.plan(manifest)
    stored = {name for name, item in rows.items() if item.action.value == "stored"}
    assert {"hat", "man"} <= stored


def test_a_job_that_is_tried_again_still_goes_before_those_that_matter_less(scene: Rehearsal) -> None:
    """While it waits for its next try nobody takes what it needs."""
    jobs: list[dict[str, Any]] = [
        {"id": "first", "prompt": "A [[mock: fault=429_rate times=2]]", "priority": "high"},
        *({"id": f"other{n}", "prompt": f"A {n}"} for n in range(6)),
    ]
    scene.run(scene.manifest(jobs), max_images=1, concurrency=8)
    rows, _ = scene.plan(scene.manifest(jobs))
    assert [name for name, item in rows.items() if item.action.value == "stored"] == ["first"]
