"""What was accepted: approved in review, counted by what drew it, with its price."""

from batchgen.app.output import maintain
from batchgen.app.output.maintain import opened
from batchgen.ledger import Judged, Review
from tests.rehearsal import Ended, Rehearsal


def judge(ended: Ended, *approved: str) -> None:
    """Approve the first image of these jobs, and write the report again."""
    with opened(ended.folder, readonly=False) as (ledger, _, _):
        told = [row for row in ended.table("images") if row["job_id"] in approved and row["slot"] == "0"]
        ledger.reviews.record([Judged(row["job_key"], 0, row["sha256"], Review.APPROVED, "") for row in told])
    maintain.write_report(ended.folder)


def test_what_was_accepted_has_its_price(scene: Rehearsal) -> None:
    """All that was charged is shared by what was approved; what is not approved is not accepted."""
    ended = scene.run(
        scene.manifest([{"id": "lamp", "prompt": "Lamp", "n": 2}, {"id": "sofa", "prompt": "Sofa", "n": 2}])
    )
    assert {row["accepted"] for row in ended.table("images")} == {"false"}
    (usage,) = ended.table("usage")
    assert (usage["accepted"], usage["cost_per_accepted_micro_usd"]) == ("0", "")
    judge(ended, "lamp", "sofa")
    assert [row["accepted"] for row in ended.table("images")] == ["true", "false"] * 2
    (usage,) = ended.table("usage")
    charged = int(usage["confirmed_micro_usd"]) + int(usage["estimated_micro_usd"])
    assert (usage["accepted"], usage["cost_per_accepted_micro_usd"]) == ("2", str(round(charged / 2)))


def test_each_way_of_drawing_has_its_own_share(scene: Rehearsal) -> None:
    """By model, size and quality."""
    jobs = [{"id": q, "prompt": "Lamp", "quality": q} for q in ("low", "high")]
    ended = scene.run(scene.manifest(jobs))
    judge(ended, "low")
    assert {row["quality"]: row["accepted"] for row in ended.table("usage")} == {"low": "1", "high": "0"}
