"""Commands that look after an output folder read the ledger, and find it wherever it is."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output import maintain
from batchgen.app.output.maintain import DEAD
from batchgen.errors import InputError
from batchgen.ledger import Ledger, RunStart
from batchgen.money import MicroUSD, from_usd
from batchgen.runtime.clock import SystemClock
from tests.rehearsal import Rehearsal

JOBS: list[dict[str, Any]] = [{"id": "lamp", "prompt": "A lamp", "n": 2}, {"id": "chair", "prompt": "A chair"}]


def test_verify_finds_every_damaged_and_missing_image(scene: Rehearsal) -> None:
    """A changed byte and a deleted file are both found, and noted for the report."""
    ended = scene.run(scene.manifest(JOBS))
    damaged, missing = ended.image("lamp", 0), ended.image("lamp", 1)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    missing.unlink()
    found = maintain.verify(ended.folder)
    assert found.images == 3
    assert [path for path, _ in found.damaged] == [str(damaged.relative_to(ended.folder))]
    assert list(found.missing) == [str(missing.relative_to(ended.folder))]
    maintain.write_report(ended.folder)
    assert {row["fault"] for row in ended.images("lamp")} == {"missing", "damaged: " + found.damaged[0][1]}


def test_files_that_others_moved_are_not_paid_again(scene: Rehearsal) -> None:
    """A missing file is told of by `plan` and drawn again only when asked."""
    manifest = scene.manifest(JOBS)
    ended = scene.run(manifest)
    ended.image("chair").unlink()
    calls = len(scene.bill)
    rows, _ = scene.plan(manifest)
    assert rows["chair"].action == "stored"
    assert "--regenerate-missing" in rows["chair"].why
    assert scene.run(manifest).exit == 0
    assert len(scene.bill) == calls
    assert scene.run(manifest, regenerate_missing=True).exit == 0
    assert len(scene.bill) == calls + 1
    assert ended.image("chair").exists()


def test_status_tells_a_dead_run_from_a_living_one(scene: Rehearsal) -> None:
    """A run that was killed never wrote that it ended; it must not look as if it were still drawing."""
    ended = scene.run(scene.manifest(JOBS))
    (file,) = ended.folder.glob("runs/*/status.json")
    now = datetime.now(UTC)
    for age, state in ((5, "drawing"), (600, DEAD)):
        facts = {"state": "drawing", "exit_code": None, "at": (now - timedelta(seconds=age)).isoformat()}
        file.write_text(json.dumps(facts), encoding="utf-8")
        assert maintain.read_status(ended.folder)["live"]["state"] == state


def test_status_tells_of_run_and_folder(scene: Rehearsal) -> None:
    """What scripts read is what the run's own summary said."""
    ended = scene.run(scene.manifest(JOBS))
    told = maintain.read_status(ended.folder)
    assert told["live"]["state"] == "ended"
    assert told["money"] == ended.summary["money"]


def test_the_commands_find_a_ledger_elsewhere(scene: Rehearsal) -> None:
    """A manifest may keep its ledger beside the output folder."""
    ended = scene.run(scene.manifest(JOBS, ledger="books/shared.db"))
    assert (scene.root / "books" / "shared.db").exists()
    assert not (ended.folder / "ledger.db").exists()
    assert maintain.read_status(ended.folder)["images"]["stored"] == 3
    assert maintain.verify(ended.folder).images == 3


@pytest.mark.parametrize(("billed", "cleared"), [("0", True), ("5", False)])
def test_a_bill_settles_what_was_at_risk(scene: Rehearsal, billed: str, cleared: bool) -> None:
    """What the bill does not have is cleared, what it has is confirmed; the sum stays the same."""
    jobs = [{"id": "lost", "prompt": "A lamp [[mock: fault=status_502_html]]"}]
    ended = scene.run(scene.manifest(jobs), on_uncertain=None)
    at_risk = ended.money["at_risk_micro_usd"]
    assert ended.exit == 7
    assert at_risk > 0
    found = maintain.reconcile(ended.folder, billed=from_usd(billed), since=date(2020, 1, 1))
    assert found.confirmed + found.cleared == at_risk
    assert found.billed == found.settled + found.confirmed + found.unexplained
    assert (found.cleared == at_risk) is cleared
    assert maintain.read_status(ended.folder)["money"]["at_risk_micro_usd"] == 0


def test_a_bill_that_lacks_what_is_confirmed_settles_nothing(scene: Rehearsal) -> None:
    """A slip of the pen, or a bill of another time, clears no money at risk: the next run would pay again."""
    lost = {"id": "lost", "prompt": "A lamp [[mock: fault=status_502_html]]"}
    ended = scene.run(scene.manifest([*JOBS, lost]), on_uncertain=None)
    before = ended.money
    assert before["at_risk_micro_usd"] > 0
    with pytest.raises(InputError, match=r"a bill of \$0\.00 is less than the \$0\.\d+ that answered calls cost"):
        maintain.reconcile(ended.folder, billed=MicroUSD(0), since=None)
    assert maintain.read_status(ended.folder)["money"] == before
    assert [held.job_id for held in maintain.resolve(ended.folder)] == ["lost"]


def test_held_jobs_wait_for_a_decision(scene: Rehearsal) -> None:
    """`--on-uncertain hold` makes one call; `resolve retry` lets the next run make another."""
    jobs = [{"id": "lost", "prompt": "A lamp [[mock: fault=status_502_html times=1]]"}]
    manifest = scene.manifest(jobs, on_uncertain="hold")
    assert scene.run(manifest).exit == 7
    assert scene.run(manifest).exit == 7
    assert len(scene.bill) == 1
    folder = scene.root / "output" / "scene"
    (held,) = maintain.resolve(folder)
    assert held.job_id == "lost"
    assert maintain.resolve(folder, decision="retry", only=("other-*",)) == []
    assert len(maintain.resolve(folder, decision="retry")) == 1
    assert scene.run(manifest).exit == 0
    assert len(scene.bill) == 2


def test_what_a_run_writes_down_is_private(scene: Rehearsal) -> None:
    """Ledger, logs and summaries of runs are for the user alone; images and the report are for everybody."""
    ended = scene.run(scene.manifest(JOBS))
    private = [ended.folder / "ledger.db", *(ended.folder / "runs").glob("*/*")]
    assert len(private) == 4
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    public = [ended.image("chair"), ended.folder / "report" / "report.html"]
    assert {path.stat().st_mode & 0o777 for path in public} == {0o644}


def test_a_bill_settles_what_a_killed_run_left_open(scene: Rehearsal) -> None:
    """Right after a kill, before any other run, a bill confirms the call that nobody saw the end of."""

    def dies(where: str) -> None:
        if where == "storage.finish.before_parts":
            raise KeyboardInterrupt(where)

    with pytest.raises(BaseException, match=r"before_parts|unhandled"):
        scene.run(scene.manifest(JOBS[1:]), at=dies)
    found = maintain.reconcile(scene.root / "output" / "scene", billed=from_usd("1"))
    assert found.confirmed >= scene.billed > 0
    assert found.unexplained == found.billed - found.confirmed


def test_status_shows_the_run_that_began_last(tmp_path: Path) -> None:
    """Not the one whose name sounds youngest: the clock was set back between them."""
    with Ledger.open(tmp_path / "ledger.db", ".", clock=SystemClock()) as ledger:
        for run_id in ("2026-11-20T02-00-00Z-a", "2026-11-19T02-00-00Z-b"):
            ledger.runs.begin(RunStart(run_id, "catalogue", "mock"))
            (tmp_path / "runs" / run_id).mkdir(parents=True)
            (tmp_path / "runs" / run_id / "status.json").write_text(json.dumps({"run_id": run_id, "exit_code": 0}))
    told = maintain.read_status(tmp_path)
    assert told["run_id"] == told["live"]["run_id"] == "2026-11-19T02-00-00Z-b"
