"""A manifest of which some jobs go by calls and others in batches: each at the price of its own way."""

from typing import Any

import pytest

from batchgen.model import RouteChoice
from tests.batch.scene import QuickClock, adds_up, attempts, created, jobs
from tests.rehearsal import Rehearsal


def routes(ended: Any) -> dict[str, str]:
    """Say which way each job went."""
    return {row.job_id: row.route.value for row in attempts(ended.folder)}


def test_each_job_goes_its_own_way(scene: Rehearsal) -> None:
    """By `defaults`, by a field of its own, by a row and by an axis; plan and estimate price each by its own."""
    rows = {"id": "{{ sku }}", "prompt": "A {{ sku }}", "route": "{{ way }}"}
    table = [{"sku": "chair", "way": "sync"}, {"sku": "sofa", "way": ""}]
    axis = {"id": "v-{{ route }}", "prompt": "A vase {{ route }}", "matrix": {"route": ["sync", "batch"]}}
    wanted = [*jobs(1), {"id": "own", "prompt": "A lamp", "route": "sync"}, {**rows, "rows": table}, axis]
    manifest = scene.manifest(wanted, route="sync", defaults={**scene.settings["defaults"], "route": "batch"})
    planned, estimate = scene.plan(manifest)
    ended = scene.run(manifest, wait=True, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    ways = {"j0": "batch", "own": "sync", "chair": "sync", "sofa": "batch", "v-sync": "sync", "v-batch": "batch"}
    assert routes(ended) == ways
    low, high = planned["sofa"].quote, planned["chair"].quote
    assert low
    assert high
    assert abs(2 * low.high - high.high) <= 12
    assert estimate.high >= scene.billed
    adds_up(scene, ended)


def test_a_run_that_does_not_wait_draws_calls_and_submits_batches(scene: Rehearsal) -> None:
    """It ends with 9; the next one collects; a route on the command line is that of all jobs; none is drawn twice."""
    wanted = jobs(2)
    wanted[0]["route"] = "sync"
    manifest = scene.manifest(wanted)
    ended = scene.run(manifest)
    assert ended.exit == 9, ended.summary
    assert ended.summary["images"]["stored"] == 1
    ended = scene.run(manifest, wait=True, clock=QuickClock())
    assert (ended.exit, created(scene)) == (0, 1), ended.summary
    adds_up(scene, ended)
    assert scene.run(scene.manifest([{**one, "route": "batch"} for one in wanted])).exit == 0
    adds_up(scene, ended)
    other = scene.run(scene.manifest(wanted, "other"), route=RouteChoice.SYNC)
    assert other.exit == 0, other.summary
    assert set(routes(other).values()) == {"sync"}


def test_what_waits_is_waited_for(scene: Rehearsal) -> None:
    """`--wait` collects what an earlier run submitted, also when nothing new is wanted."""
    manifest = scene.manifest(jobs(2))
    assert scene.run(manifest).exit == 9
    ended = scene.run(manifest, wait=True, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


@pytest.mark.parametrize(
    ("job", "whole", "word"),
    [("auto", "sync", "whole manifest"), ("batch", "auto", "in time"), ("bus", "batch", "sync or batch")],
)
def test_a_route_that_a_job_cannot_have_is_an_error_of_check(scene: Rehearsal, job: str, whole: str, word: str) -> None:
    """At its place."""
    wanted = [{**jobs(1)[0], "route": job}]
    errors = scene.check(scene.manifest(wanted, route=whole, batch={"ready_by": "6h"})).errors
    assert any(word in one.message and one.place for one in errors), errors


def test_jobs_of_calls_are_drawn_beside_the_automatic_route(scene: Rehearsal) -> None:
    """At once, while the batches of the others are on their way."""
    wanted = jobs(3)
    wanted[0]["route"] = "sync"
    ended = scene.run(scene.manifest(wanted, route="auto", batch={"ready_by": "6h"}), clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert routes(ended) == {"j0": "sync", "j1": "batch", "j2": "batch"}
    adds_up(scene, ended)
