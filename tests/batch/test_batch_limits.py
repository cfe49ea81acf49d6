"""How batches are cut, what a full queue teaches, and limits of money that are never passed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.batch.scene import BATCH, QuickClock, adds_up, attempts, batches, created, jobs, until_collected
from tests.rehearsal import KEY, KEYS, Rehearsal, rehearsal

pytestmark = pytest.mark.sample(1)


def test_a_batch_has_at_most_so_many_lines(scene: Rehearsal) -> None:
    """The others go into further batches, and each is collected for itself."""
    manifest = scene.manifest(jobs(5), batch={"max_lines": 2})
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert [row.lines for row in batches(ended.folder)] == [2, 2, 1]
    adds_up(scene, ended)


def test_each_model_and_endpoint_has_its_own_batch(scene: Rehearsal, make_image: Callable[[Path], None]) -> None:
    """A file holds one model and one endpoint; an input image is uploaded once for all lines that take it."""
    make_image(scene.root / "in.png")
    edits = [{"id": f"e{i}", "prompt": f"Red {i}", "images": ["in.png"], "mask": "mask.png"} for i in range(3)]
    make_image(scene.root / "mask.png")
    manifest = scene.manifest([*jobs(2), {"id": "m", "prompt": "A lamp", "model": "gpt-image-2"}, *edits])
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    found = sorted((row.model, row.endpoint, row.lines) for row in batches(ended.folder))
    flare = "gpt-image-2.5-flare"
    assert found == [
        ("gpt-image-2", "/v1/images/generations", 1),
        (flare, "/v1/images/edits", 3),
        (flare, "/v1/images/generations", 2),
    ]
    uploads = [one for one in scene.handle.requests() if one["method"] == "POST" and one["path"].endswith("/files")]
    assert len(uploads) == 3 + 2
    adds_up(scene, ended)


@pytest.mark.parametrize("lines", [1, 2.5, 4])
def test_no_limit_of_money_is_passed(scene: Rehearsal, lines: float) -> None:
    """As many lines are submitted as fit; the same command with more room submits the others."""
    manifest = scene.manifest(jobs(6))
    high = scene.plan(manifest)[1].high
    cap = int(high / 6 * lines)
    ended = scene.run(manifest, max_cost=cap, wait=True, clock=QuickClock())
    assert ended.exit == 4, ended.summary
    assert 0 < scene.billed <= cap
    ended = scene.run(manifest, wait=True, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


def test_a_budget_counts_what_waits(scene: Rehearsal) -> None:
    """What is submitted is gone from the budget of the day until it is settled."""
    high = scene.plan(scene.manifest(jobs(6)))[1].high
    manifest = scene.manifest(jobs(6), budget={"day": round(high / 6 * 2.2 / 1e6, 6)})
    assert scene.run(manifest).exit == 4
    assert scene.run(manifest).exit == 4
    assert len([row for row in attempts(scene.root / "output" / "scene") if row.reserved]) == 2


def test_a_full_queue_teaches_how_much_may_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was billed; smaller batches go one after the other, also in the next run."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with rehearsal(tmp_path, BATCH, batch_queue_tokens=45) as scene:
        manifest = scene.manifest(jobs(8))
        ended = scene.run(manifest, wait=True, clock=QuickClock())
        assert ended.exit == 0, ended.summary
        assert batches(ended.folder)[0].status == "failed"
        assert max(row.lines for row in batches(ended.folder)[1:]) <= 4
        adds_up(scene, ended)
        before = created(scene)
        more = scene.run(
            scene.manifest(jobs(8, words="more"), "more", ledger="output/scene/ledger.db"),
            wait=True,
            clock=QuickClock(),
        )
        assert more.exit == 0, more.summary
        assert "failed" not in {row.status for row in batches(ended.folder)[-1:]}
        assert created(scene) > before


def test_files_are_gone_from_the_provider_unless_they_are_to_stay(scene: Rehearsal) -> None:
    """Input and output are deleted once everything is stored."""
    for name, keep in (("gone", False), ("kept", True)):
        ended = until_collected(scene, scene.manifest(jobs(2, words=name), name, batch={"keep_files": keep}))
        assert ended.exit == 0, ended.summary
        deleted = [one for one in scene.handle.requests() if one["method"] == "DELETE"]
        assert len(deleted) == 2
        assert not any(row.files_left for row in batches(ended.folder))


def test_a_model_without_batches_is_an_error_of_check(scene: Rehearsal) -> None:
    """With its place, and what to do."""
    checked = scene.check(scene.manifest([{"id": "a", "prompt": "A lamp", "model": "gpt-image-2.6-flare"}]))
    (error,) = checked.errors
    assert "route: sync" in error.message
    assert error.place


def test_an_input_image_that_the_provider_lost_is_uploaded_again(
    scene: Rehearsal, make_image: Callable[[Path], None]
) -> None:
    """Within a day what was uploaded is believed to be there; after that it is asked for once in a run, for nothing."""
    make_image(scene.root / "in.png")
    edits = [{"id": f"e{i}", "prompt": f"Red {i}", "images": ["in.png"]} for i in range(2)]
    for day, wanted in ((0, edits[:1]), (3, edits)):
        clock = QuickClock(datetime.now(UTC) + timedelta(days=day))
        ended = until_collected(scene, scene.manifest(wanted), clock=clock)
        assert ended.exit == 0, ended.summary
        adds_up(scene, ended)
        lose_images(scene)
    asked = [one["method"] for one in scene.handle.requests() if one["path"].endswith("/files")]
    assert asked.count("POST") == 4, "two input files, and the image twice"


def lose_images(scene: Rehearsal) -> None:
    """Delete every uploaded image at the provider."""
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{scene.handle.base_url}/files"
    with urlopen(Request(f"{url}?purpose=vision", headers=headers)) as told:
        files = [one["id"] for one in json.load(told)["data"]]
    for name in files:
        urlopen(Request(f"{url}/{name}", headers=headers, method="DELETE")).close()


def test_a_line_that_costs_more_than_its_bound_stops_what_is_not_submitted(scene: Rehearsal) -> None:
    """As with calls: the price is too low, and so would be every reservation; with the right price it goes on."""
    wanted = jobs(2, words="[[mock: fault=usage_10x]]") + jobs(4)[2:]
    for _ in range(3):
        assert scene.run(scene.manifest(wanted[:2]), clock=QuickClock()).exit == 9
    ended = scene.run(scene.manifest(wanted), clock=QuickClock())
    assert (ended.exit, created(scene)) == (4, 1), ended.summary
    assert "is too low" in ended.summary["why"]
    assert ended.summary["images"]["stored"] == 2
    prices = {"gpt-image-2.5-flare": {"token_prices": {"text_in": 50, "image_in": 80, "image_out": 400}}}
    ended = until_collected(scene, scene.manifest(wanted, prices=prices), clock=QuickClock())
    assert (ended.exit, created(scene)) == (0, 2), ended.summary
    assert ended.problems == ()
