"""However many jobs take one image, each is drawn once, whenever that image comes."""

from typing import Any

import pytest

from tests.rehearsal import Rehearsal


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        ({}, 151),
        ({"canary": {"first": 2, "until": "checked"}, "checks": {"blur": {"min": 0.01}}}, 151),
        ({"on_check": "retry-once", "checks": {"blur": {"min": 255}}}, 302),
    ],
)
@pytest.mark.parametrize("rows", [5, pytest.param(150, marks=pytest.mark.slow)])
def test_jobs_that_are_queued_when_their_input_comes_are_drawn(
    scene: Rehearsal, rows: int, settings: dict[str, Any], calls: int
) -> None:
    """More jobs than are looked ahead at, with checks and canaries beside, and each failing image once more."""
    jobs: list[dict[str, Any]] = [
        {"id": "base", "prompt": "a base"},
        {"id": "{{ k }}", "rows": [{"k": f"r{k}"} for k in range(rows)], "prompt": "{{ k }}", "images": ["@base"]},
    ]
    ended = scene.run(scene.manifest(jobs, limits={"max_cost": 100, "concurrency": 2}, **settings))
    assert (ended.exit, ended.summary["images"]["stored"]) == (0, rows + 1)
    assert len(scene.bill) == calls // 151 * (rows + 1)
