"""What a provider says of a batch is believed only as far as it shows it: what may be paid is never asked for again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.batch.scene import (
    BATCH,
    Died,
    QuickClock,
    adds_up,
    attempts,
    batches,
    created,
    dies_at,
    jobs,
    until_collected,
)
from tests.rehearsal import Rehearsal, rehearsal

pytestmark = pytest.mark.sample(2)


@pytest.mark.parametrize("ends", ["completed", "cancelled"])
@pytest.mark.parametrize("fault", ["batch_output_gone", "batch_no_output"])
def test_what_was_drawn_and_cannot_be_had_is_held(scene: Rehearsal, fault: str, ends: str) -> None:
    """A batch says how much it drew: without its file nobody knows which lines those are, whatever its state."""
    wanted = jobs(3)
    wanted[1]["prompt"] += f" [[mock: fault={fault} ends={ends}]]"
    ended = until_collected(scene, scene.manifest(wanted), clock=QuickClock())
    assert ended.exit == 7, ended.summary
    assert scene.billed > 0
    assert ended.money["at_risk_micro_usd"] >= scene.billed
    assert scene.run(scene.root / "scene.yaml", clock=QuickClock()).exit == 7
    assert created(scene) == 1


def test_a_batch_is_collected_under_its_providers_new_name(scene: Rehearsal) -> None:
    """It is found by the address to which it went."""
    scene.settings["providers"] = [{"name": "openai", "label": "first"}]
    del scene.settings["provider"]
    folder = scene.run(scene.manifest(jobs(3))).folder
    scene.settings["providers"] = [{"name": "openai", "label": "second"}]
    ended = until_collected(scene, scene.manifest(jobs(3)), clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    assert not any(row.files_left for row in batches(folder))
    adds_up(scene, ended)


def test_a_batch_that_a_key_does_not_see_stays_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another project's key collects nothing and asks for nothing again, until nothing of it can be had any more."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first")
    with rehearsal(tmp_path, BATCH, project_per_key=True) as scene:
        seen, unseen = scene.manifest(jobs(2)), scene.manifest(jobs(2), "unseen")
        folders = [scene.run(one).folder for one in (seen, unseen)]
        monkeypatch.setenv("OPENAI_API_KEY", "sk-second")
        for one in (seen, unseen):
            assert scene.run(one).exit == 9
        assert created(scene) == 2
        later = QuickClock(batches(folders[1])[0].created + timedelta(days=31))
        held = scene.run(unseen, clock=later)
        assert held.exit == 7, held.summary
        assert {row.state for row in attempts(folders[1])} == {"at_risk"}
        monkeypatch.setenv("OPENAI_API_KEY", "sk-first")
        ended = until_collected(scene, seen, clock=QuickClock())
        assert ended.exit == 0, ended.summary
        assert created(scene) == 2
        adds_up(scene, ended)


@pytest.mark.parametrize("days", [-400, 400])
@pytest.mark.parametrize("point", ["ledger.batch_creating.after_commit", "ledger.batch_submitted.after_commit"])
def test_a_clock_that_is_set_loses_nothing(scene: Rehearsal, point: str, days: int) -> None:
    """Whatever day the next runs think it is: a batch is found, collected, and neither created nor paid for twice."""
    manifest = scene.manifest(jobs(2))
    with pytest.raises((Died, ExceptionGroup)):
        scene.run(manifest, dies_at(point), clock=QuickClock())
    other = QuickClock(datetime.now(UTC) + timedelta(days=days))
    ended = until_collected(scene, manifest, clock=other)
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    adds_up(scene, ended)
