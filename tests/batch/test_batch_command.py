"""`batchgen batches`: what waits where, for people and scripts, and cancelling it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from batchgen.app.output.maintain import read_status
from batchgen.cli.main import main
from tests.batch.scene import QuickClock, adds_up, batches, jobs, until_collected
from tests.rehearsal import Rehearsal


def test_batches_are_listed_with_counts_money_and_times(scene: Rehearsal, capsys: pytest.CaptureFixture[str]) -> None:
    """The shape that scripts rely on; what is reserved becomes what is confirmed."""
    manifest = scene.manifest(jobs(3, n=2))
    folder = scene.run(manifest).folder
    capsys.readouterr()
    assert main(["batches", str(folder), "--json"]) == 0
    (before,) = json.loads(capsys.readouterr().out)["batches"]
    assert before["provider_id"].startswith("batch_")
    assert (before["lines"], before["images"], before["route"], before["ended_at"]) == (3, 6, "batch", None)
    assert before["reserved_micro_usd"] > before["confirmed_micro_usd"] == 0
    until_collected(scene, manifest)
    capsys.readouterr()
    assert main(["batches", str(folder), "--json"]) == 0
    (after,) = json.loads(capsys.readouterr().out)["batches"]
    assert after["reserved_micro_usd"] == 0
    assert after["confirmed_micro_usd"] == scene.billed
    assert (after["state"], after["completed"], after["failed"]) == ("completed", 3, 0)
    assert after["ended_at"]
    assert main(["batches", str(folder)]) == 0
    assert before["id"] in capsys.readouterr().out


def test_a_cancelled_batch_brings_what_it_has(scene: Rehearsal, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what may still come; the rest is submitted again by the next run."""
    manifest = scene.manifest(jobs(4))
    folder = scene.run(manifest).folder
    scene.run(manifest)
    capsys.readouterr()
    assert main(["batches", str(folder), "--cancel", "all"]) == 0
    assert "still comes and is charged" in " ".join(capsys.readouterr().out.split())
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)
    assert main(["batches", str(folder), "--cancel", "nothing"]) == 2


def test_an_estimate_shows_the_other_route_beside_it(scene: Rehearsal, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice the price at once, or half of it within a day; nothing where a provider has no batches."""
    url = ("--base-url", scene.handle.base_url)
    half = str(scene.manifest(jobs(3)))
    assert main(["estimate", half, "--json", *url]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["other_route"]["route"] == "sync"
    assert abs(told["other_route"]["expected_micro_usd"] - 2 * told["expected_micro_usd"]) <= 6
    assert main(["estimate", str(scene.manifest(jobs(3), "calls", route="sync")), *url]) == 0
    assert "In batches: $0.0089 expected" in capsys.readouterr().out
    assert main(["estimate", str(scene.manifest(jobs(3), "other", route="sync", provider="apiyi")), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["other_route"] is None


def test_status_and_report_say_how_far_each_batch_is(scene: Rehearsal) -> None:
    """While it waits, and when it has come."""
    manifest = scene.manifest([*jobs(2), {"id": "m", "prompt": "A lamp", "model": "gpt-image-2"}])
    scene.run(manifest)
    ended = scene.run(manifest)
    status = read_status(ended.folder)["live"]
    assert status is not None
    away = sorted((one["model"], one["lines"], one["completed"], one["state"]) for one in status["open_batches"])
    assert [one[:2] for one in away] == [("gpt-image-2", 1), ("gpt-image-2.5-flare", 2)]
    assert all(state == "in_progress" and completed > 0 for _, _, completed, state in away)
    told = ended.summary["batches"]
    assert (told["open"], told["lines"], told["completed"]) == (2, 3, sum(one[2] for one in away))
    assert told["reserved_micro_usd"] == ended.money["reserved_micro_usd"] > 0
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.summary["batches"]["open"] == 0
    assert {row["state"] for row in ended.table("batches")} == {"completed"}
    assert sum(int(row["confirmed_micro_usd"]) for row in ended.table("batches")) == scene.billed


def test_a_pause_that_the_provider_asks_for_holds_for_later_runs(scene: Rehearsal) -> None:
    """A cron line that comes too early asks nothing; whatever a clock says, nobody waits longer than an hour."""
    wanted = jobs(2)
    wanted[0]["prompt"] += " [[mock: fault=batch_poll_429 after=300]]"
    manifest = scene.manifest(wanted)
    folder = scene.run(manifest).folder
    begun = datetime.now(UTC)
    polls = []
    for minutes in (1, 2, 3, 60):
        scene.run(manifest, clock=QuickClock(begun + timedelta(minutes=minutes)))
        (row,) = batches(folder)
        polls.append(sum(one["path"].endswith(f"/batches/{row.provider_id}") for one in scene.handle.requests()))
    assert polls == [1, 1, 1, 2]
