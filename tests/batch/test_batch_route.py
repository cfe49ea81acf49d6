"""The way of a batch: submitted by one run, collected by another, at half the price."""

from tests.batch.scene import QuickClock, adds_up, attempts, batches, created, jobs, until_collected
from tests.rehearsal import Rehearsal


def test_one_run_submits_and_a_later_one_collects(scene: Rehearsal) -> None:
    """The first ends with 9 and everything reserved; the same command brings the images, and asks for nothing again."""
    manifest = scene.manifest(jobs(5, n=2))
    first = scene.run(manifest)
    assert first.exit == 9, first.summary
    assert first.summary["images"]["submitted"] == 10
    assert "10 images wait at the provider" in first.summary["why"]
    assert scene.billed == 0
    ended = until_collected(scene, manifest)
    assert ended.exit == 0, ended.summary
    assert ended.summary["images"]["stored"] == 10
    assert created(scene) == 1
    assert {row.code for row in attempts(ended.folder)} == {"ok"}
    adds_up(scene, ended)
    again = scene.run(manifest)
    assert again.exit == 0
    assert created(scene) == 1


def test_a_batch_costs_half(scene: Rehearsal) -> None:
    """Reserved, estimated, settled and reported at half of what calls cost."""
    manifest = scene.manifest(jobs(3))
    half = scene.plan(manifest)[1]
    whole = scene.plan(scene.manifest(jobs(3), "calls", route="sync"))[1]
    assert abs(2 * half.expected - whole.expected) <= 6
    scene.run(manifest)
    assert sum(row.reserved for row in attempts(scene.root / "output" / "scene")) == half.high
    ended = until_collected(scene, manifest)
    dear = scene.run(scene.root / "calls.yaml")
    assert abs(2 * ended.charged - dear.charged) <= 6


def test_a_run_that_waits_collects_everything(scene: Rehearsal) -> None:
    """With --wait one command is the whole operation."""
    ended = scene.run(scene.manifest(jobs(3)), wait=True, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert ended.summary["images"]["stored"] == 3
    adds_up(scene, ended)
    (batch,) = batches(ended.folder)
    assert (batch.status, batch.lines, batch.open) == ("completed", 3, 0)
