"""A lost ledger is rebuilt, so that nothing is paid again."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output import adopt, maintain
from batchgen.app.output.maintain import opened
from batchgen.app.review import decisions
from batchgen.errors import InputError
from batchgen.ledger import AttemptRow
from batchgen.runtime.clock import SystemClock
from tests.batch.scene import BATCH, Died, QuickClock, adds_up, created, dies_at, jobs, until_collected
from tests.rehearsal import Rehearsal

JOBS: list[dict[str, Any]] = [{"id": "lamp", "prompt": "A lamp", "n": 2}, {"id": "=chair", "prompt": "=A chair"}]


def lose_ledger(folder: Path) -> None:
    """Delete the ledger with everything that belongs to it."""
    for path in folder.glob("ledger.db*"):
        path.unlink()


@pytest.mark.parametrize("left", ["report", "logs", "both"])
def test_what_is_adopted_is_not_paid_again(scene: Rehearsal, left: str) -> None:
    """A run and a plan refuse images that no ledger knows; after `adopt` a run makes no call."""
    manifest = scene.manifest(JOBS)
    first = scene.run(manifest)
    lose_ledger(first.folder)
    if left == "report":
        shutil.rmtree(first.folder / "runs")
        (first.folder / "runs").mkdir()
    if left == "logs":
        shutil.rmtree(first.folder / "report")
    calls = len(scene.bill)
    refused = scene.run(manifest)
    assert refused.exit == 2
    assert "batchgen adopt" in refused.why
    with pytest.raises(InputError, match="batchgen adopt"):
        scene.plan(manifest)
    taken = adopt.adopt(first.folder)
    assert (taken.jobs, taken.images, taken.unknown) == (2, 3, ())
    again = scene.run(manifest)
    assert again.exit == 0
    assert len(scene.bill) == calls
    assert again.charged == first.charged


def test_an_older_copy_of_the_ledger_learns_what_was_drawn_since(scene: Rehearsal) -> None:
    """A run draws nothing over images that such a ledger does not know; it names `adopt`, and then pays for nothing."""
    first = scene.run(scene.manifest(JOBS[:1]))
    older = {path: path.read_bytes() for path in first.folder.glob("ledger.db*")}
    manifest = scene.manifest(JOBS)
    second = scene.run(manifest)
    calls = len(scene.bill)
    lose_ledger(first.folder)
    for path, data in older.items():
        path.write_bytes(data)
    refused = scene.run(manifest)
    assert refused.exit == 2
    assert f"batchgen adopt {first.folder}" in refused.summary["why"]
    assert adopt.adopt(first.folder).images == 1
    again = scene.run(manifest)
    assert (again.exit, len(scene.bill), again.charged) == (0, calls, second.charged)


def test_what_is_adopted_stands_on_the_day_on_which_it_was_drawn(scene: Rehearsal) -> None:
    """The logs know it, so that images of last week use up no budget of today."""
    last_week = SystemClock().now() - timedelta(days=7)
    first = scene.run(scene.manifest(JOBS), clock=QuickClock(last_week))
    lose_ledger(first.folder)
    adopt.adopt(first.folder)
    with opened(first.folder, readonly=True) as there:
        started = {row.started for row in there.ledger.report_rows.attempts()}
    assert all(abs(moment - last_week) < timedelta(hours=1) for moment in started)


def test_a_call_of_a_lost_ledger_is_that_call_again(scene: Rehearsal) -> None:
    """The logs know its id, all images that it brought, what it cost, and when it was made: a bill counts calls."""
    folder = scene.run(scene.manifest(JOBS), clock=QuickClock()).folder

    def calls() -> dict[str, AttemptRow]:
        with opened(folder, readonly=True) as there:
            return {row.id: row for row in there.ledger.report_rows.attempts()}

    before = calls()
    lose_ledger(folder)
    adopt.adopt(folder)
    assert calls().keys() == before.keys()
    for name, call in calls().items():
        assert (sorted(call.slots), call.cost) == (sorted(before[name].slots), before[name].cost)
        assert abs(call.started - before[name].started) < timedelta(minutes=2)


@pytest.mark.sample(1)
@pytest.mark.parametrize("left", ["report", "logs", "both"])
def test_the_money_of_what_is_adopted_is_kept_to_the_micro_dollar(scene: Rehearsal, left: str) -> None:
    """Summary and tables tell what was paid, in a folder of any name, also where a cost did not split evenly."""
    jobs = [{"id": "lamp", "prompt": "A small red lamp", "n": 7, "tags": {"room": "hall"}}]
    prices = {"gpt-image-2.5-flare": {"token_prices": {"text_in": 5, "image_in": 8, "image_out": 30.001}}}
    manifest, folder = scene.manifest(jobs, prices=prices), scene.root / "elsewhere"
    first = scene.run(manifest, output=folder)
    assert first.charged % 7
    lose_ledger(folder)
    if left == "logs":
        shutil.rmtree(folder / "report")
    if left == "report":
        shutil.rmtree(folder / "runs")
        (folder / "runs").mkdir()
    adopt.adopt(folder)
    again = scene.run(manifest, output=folder)
    assert again.charged == first.charged
    told = [int(row["confirmed_micro_usd"]) + int(row["estimated_micro_usd"]) for row in again.table("usage")]
    assert sum(told) == first.charged
    if left != "logs":
        (job,) = (row for row in again.table("images")[:1])
        assert (job["prompt"], job["room"]) == ("A small red lamp", "hall")


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("slot", "1.0E+00"),
        ("slot", "-1"),
        ("slot", "99999999999999999999999999"),
        ("bytes", "NaN"),
        ("width", "-640"),
        ("height", "1e400"),
        ("cost_micro_usd", "-5"),
        ("cost_micro_usd", "99999999999999999999999999"),
    ],
)
def test_a_report_that_somebody_spoiled_is_passed_over(scene: Rehearsal, column: str, value: str) -> None:
    """A spreadsheet may have rewritten numbers: such a row explains nothing, and breaks nothing."""
    first = scene.run(scene.manifest(JOBS))
    lose_ledger(first.folder)
    shutil.rmtree(first.folder / "runs")
    (first.folder / "runs").mkdir()
    table = first.folder / "report" / "images.csv"
    head, *rows = table.read_text("utf-8-sig").splitlines()
    at = head.split(",").index(column)
    spoiled = [",".join([*cells[:at], value, *cells[at + 1 :]]) for cells in (row.split(",") for row in rows)]
    table.write_text("\n".join([head, *spoiled, "lamp,,0"]), "utf-8")
    taken = adopt.adopt(first.folder)
    assert (taken.images, len(taken.unknown)) == (0, 3)


@pytest.mark.parametrize(
    ("point", "lost"), [("batch_end.before_commit", 1), ("batch_cleaned.after_commit", 0)], ids=["open", "cleaned"]
)
def test_a_batch_that_an_older_ledger_still_awaits_is_booked_once(scene: Rehearsal, point: str, lost: int) -> None:
    """Its images lie in the store, all or some, and the ledger's copy there is from before they came."""
    store = scene.root / "store"
    store.mkdir()
    scene.settings |= BATCH
    manifest = scene.manifest(jobs(2, n=2), output={"store": store.as_uri(), "sidecars": True})
    with pytest.raises((Died, ExceptionGroup)):
        until_collected(scene, manifest, at=dies_at(f"ledger.{point}"), clock=QuickClock())
    for path in sorted((store / "images").glob("*.webp"))[:lost]:
        path.unlink()
    elsewhere = scene.root / "elsewhere"
    assert adopt.adopt(elsewhere, address=store.as_uri()).images == 4 - lost
    ended = until_collected(scene, manifest, output=elsewhere, clock=QuickClock())
    assert (ended.exit, created(scene), ended.summary["images"]["stored"]) == (0, 1, 4)
    adds_up(scene, ended)


@pytest.mark.parametrize("stays", [False, True])
def test_what_a_shared_ledger_has_booked_is_not_booked_again(scene: Rehearsal, stays: object) -> None:
    """An output that was moved or copied is taken in at no cost: its images were paid for once."""
    manifest = scene.manifest(JOBS, ledger=str(scene.root / "books.db"))
    first = scene.run(manifest)
    elsewhere = first.folder.with_name("elsewhere")
    shutil.copytree(first.folder, elsewhere)
    if not stays:
        shutil.rmtree(first.folder)
    calls = len(scene.bill)
    assert scene.run(manifest, output=elsewhere).exit == 2
    assert adopt.adopt(elsewhere).images == 3
    again = scene.run(manifest, output=elsewhere)
    assert (again.exit, len(scene.bill), again.charged) == (0, calls, 0)


def test_a_image_that_changed_is_not_adopted(scene: Rehearsal) -> None:
    """What differs from what was paid for is named and left alone."""
    first = scene.run(scene.manifest(JOBS))
    changed = first.image("lamp")
    changed.write_bytes(changed.read_bytes() + b"x")
    (first.folder / "images" / "holiday.png").write_bytes(b"not ours")
    lose_ledger(first.folder)
    taken = adopt.adopt(first.folder)
    assert taken.images == 2
    assert set(taken.unknown) == {"images/holiday.png", str(changed.relative_to(first.folder))}


def test_adopting_twice_takes_nothing_twice(scene: Rehearsal) -> None:
    """A second `adopt` finds everything known."""
    first = scene.run(scene.manifest(JOBS))
    lose_ledger(first.folder)
    adopt.adopt(first.folder)
    assert adopt.adopt(first.folder).images == 0


def test_what_people_said_is_adopted_with_the_images(scene: Rehearsal) -> None:
    """Approved images stay frozen under the new ledger."""
    first = scene.run(scene.manifest(JOBS))
    row = first.images("lamp")[1]
    decided = scene.root / "decided.csv"
    decided.write_text(
        f"job,key,slot,sha256,decision,note\nlamp,{row['job_key']},1,{row['sha256']},approved,=so\n", "utf-8"
    )
    assert decisions.review(decided, first.folder).approved == 1
    lose_ledger(first.folder)
    adopt.adopt(first.folder)
    planned, _ = scene.plan(scene.manifest([{**JOBS[0], "prompt": "Another lamp"}]))
    assert planned["lamp"].action == "frozen"
    maintain.write_report(first.folder)
    assert [(row["review"], row["note"]) for row in first.images("lamp")] == [("", ""), ("approved", "'=so")]


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """The message says which folder is missing."""
    with pytest.raises(InputError, match="nowhere is not a folder"):
        adopt.adopt(tmp_path / "nowhere")
