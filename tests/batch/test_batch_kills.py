"""Runs that are killed at any durable step of a batch: the next ones lose nothing and pay for nothing twice."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.batch.scene import BATCH, Died, QuickClock, adds_up, attempts, created, dies_at, jobs
from tests.rehearsal import KEY, Ended, Rehearsal, rehearsal

pytestmark = pytest.mark.sample(5)

STEPS = (
    "prepare",
    "batch_upload",
    "batch_creating",
    "batch_submitted",
    "batch_told",
    "settle",
    "batch_end",
    "batch_cleaned",
)
POINTS = tuple(f"ledger.{step}.{moment}" for step in STEPS for moment in ("before_commit", "after_commit"))


def killed(scene: Rehearsal, manifest: Any, point: str, which: int = 1) -> Ended | None:
    """Run until a point, where the run dies; what it came to when it never got there."""
    try:
        return scene.run(manifest, dies_at(point, which), clock=QuickClock())
    except BaseException as error:
        if not isinstance(error, Died) and not getattr(error, "exceptions", None):
            raise
        return None


def to_the_end(scene: Rehearsal, manifest: Any, runs: int = 9) -> Ended:
    """Run until nothing waits any more."""
    for _ in range(runs):
        ended = scene.run(manifest, clock=QuickClock())
        if ended.exit != 9:
            return ended
    raise AssertionError("still waiting")


def is_complete(scene: Rehearsal, ended: Ended, images: int, calls: int) -> None:
    """Everything is stored, was drawn once, and the books are the bill."""
    assert ended.exit == 0, ended.summary
    assert ended.summary["images"]["stored"] == images
    assert sum(bool(entry["charged_micro_usd"]) for entry in scene.bill) == calls
    adds_up(scene, ended)


@pytest.mark.sample(3)
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_step_loses_nothing_and_pays_nothing_twice(scene: Rehearsal, point: str) -> None:
    """Whatever had been committed by then, every image is drawn once."""
    manifest = scene.manifest(jobs(3, n=2))
    for _ in range(6):
        if killed(scene, manifest, point) is None:
            break
    is_complete(scene, to_the_end(scene, manifest), 6, 3)


def test_a_batch_that_nobody_can_ask_about_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run dies before it knows whether its batch was created, and the next one's key is refused: exit 5 or 6."""
    with rehearsal(tmp_path, BATCH, key=KEY) as scene:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        manifest = scene.manifest(jobs(2))
        killed(scene, manifest, "ledger.batch_submitted.before_commit")
        monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}-of-yesterday")
        assert scene.run(manifest, clock=QuickClock()).exit in {5, 6}
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        is_complete(scene, to_the_end(scene, manifest), 2, 2)


def history(scene: Rehearsal, seed: int) -> None:
    """Kill runs at random steps, then let one come to its end."""
    chance = random.Random(seed)
    manifest = scene.manifest(jobs(chance.randint(1, 5), n=chance.randint(1, 2)), name=f"h{seed}")
    for _ in range(chance.randint(1, 6)):
        killed(scene, manifest, chance.choice(POINTS), chance.randint(1, 3))
    ended = to_the_end(scene, manifest)
    assert ended.exit == 0, ended.summary
    ids = [row.id for row in attempts(ended.folder) if row.cost]
    assert len(ids) == len({(row.job_key, row.slots) for row in attempts(ended.folder) if row.cost})
    assert not list((ended.folder / "spool").glob("*"))


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(6))
def test_random_histories_keep_the_books(scene: Rehearsal, seed: int) -> None:
    """The provider's bill is the ledger's, to the micro-dollar."""
    history(scene, seed)
    with_bill(scene)


@pytest.mark.slow
def test_two_hundred_random_histories_keep_the_books(scene: Rehearsal) -> None:
    """The same, over many."""
    for seed in range(100, 300):
        history(scene, seed)
        with_bill(scene)


def with_bill(scene: Rehearsal) -> None:
    """Compare what all folders settled with the bill, and the batches that live with those that were asked for."""
    folders = [path for path in (scene.root / "output").iterdir() if (path / "ledger.db").exists()]
    assert sum(row.cost for folder in folders for row in attempts(folder)) == scene.billed
    assert created(scene) >= 1
