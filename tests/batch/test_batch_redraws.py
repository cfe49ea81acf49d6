"""Images that are drawn anew in batches: each is asked for once, however often the command comes."""

import csv

from batchgen.app.review.decisions import review
from batchgen.model import OnUncertain
from tests.batch.scene import QuickClock, adds_up, created, jobs, until_collected
from tests.rehearsal import Rehearsal


def test_a_redraw_that_waits_at_the_provider_is_not_asked_for_again(scene: Rehearsal) -> None:
    """Not even by a command that asks once more for what may have been paid; it ends with 9, and then it is there."""
    manifest = scene.manifest(jobs(2))
    ended = until_collected(scene, manifest, clock=QuickClock())
    rows = [row for row in ended.table("images") if row["job_id"] == "j0"]
    with (scene.root / "decided.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["job", "key", "slot", "sha256", "decision", "note"])
        out.writerows([row["job_id"], row["job_key"], row["slot"], row["sha256"], "rejected", ""] for row in rows)
    review(scene.root / "decided.csv", ended.folder)
    for at_risk in (None, OnUncertain.RETRY):
        assert scene.run(manifest, rejected=True, on_uncertain=at_risk).exit == 9
    assert created(scene) == 2
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert created(scene) == 2
    adds_up(scene, ended)
