"""Every line of a batch has one right end, whatever stands in its files."""

from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from batchgen.model import AttemptState
from tests.batch.scene import BATCH, QuickClock, adds_up, attempts, batches, created, jobs, until_collected
from tests.rehearsal import KEYS, Ended, Rehearsal, rehearsal

pytestmark = pytest.mark.sample(2)


def ends(scene: Rehearsal, fault: str, **options: Any) -> Ended:
    """Draw three jobs, of which the second has a fault."""
    prompts = ("A lamp", f"A chair [[mock: fault={fault}]]", "A sofa")
    manifest = scene.manifest([{"id": f"j{i}", "prompt": prompt} for i, prompt in enumerate(prompts)])
    return until_collected(scene, manifest, clock=QuickClock(), **options)


@pytest.mark.parametrize("fault", ["line_doubled", "line_foreign", "line_in_both"])
def test_lines_too_many_change_nothing(scene: Rehearsal, fault: str) -> None:
    """The first line of an attempt counts; one of somebody else is passed over."""
    ended = ends(scene, fault)
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


@pytest.mark.parametrize("fault", ["line_missing", "line_broken", "line_empty"])
def test_what_may_be_paid_and_cannot_be_read_is_held(scene: Rehearsal, fault: str) -> None:
    """At risk, held over runs, the others unharmed; asked for again only when the command says so."""
    ended = ends(scene, fault)
    assert ended.exit == 7, ended.summary
    assert ended.summary["images"]["stored"] == 2
    assert ended.summary["images"]["uncertain"] == 1
    assert ended.money["at_risk_micro_usd"] > 0
    assert scene.run(scene.root / "scene.yaml").exit == 7
    assert created(scene) == 1


@pytest.mark.parametrize("fault", ["line_no_response", "line_expired"])
def test_what_was_not_performed_is_free_and_wanted_again(scene: Rehearsal, fault: str) -> None:
    """The next batch brings it."""
    ended = ends(scene, f"{fault} times=1")
    assert ended.exit == 0, ended.summary
    assert created(scene) == 2
    adds_up(scene, ended)


def test_a_prompt_that_is_moderated_is_tried_once_more(scene: Rehearsal) -> None:
    """Then it is moderated, and stands in moderated.csv."""
    ended = ends(scene, "moderation_input")
    assert ended.exit == 3, ended.summary
    assert ended.summary["images"]["moderated"] == 1
    assert [row["id"] for row in ended.table("moderated")] == ["j1"]
    assert len([row for row in attempts(ended.folder) if row.job_id == "j1"]) == 2


@pytest.mark.parametrize(
    "fault", ["batch_output_cut", "batch_output_500", "batch_output_404", "batch_output_short", "batch_output_no_range"]
)
def test_a_broken_download_is_resumed(scene: Rehearsal, fault: str) -> None:
    """Behind the last line that was settled."""
    ended = ends(scene, fault)
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    adds_up(scene, ended)


@pytest.mark.parametrize("fault", ["batch_expired", "batch_cancelled"])
def test_a_batch_that_ends_early_brings_what_it_has(scene: Rehearsal, fault: str) -> None:
    """The rest is free and asked for again."""
    ended = ends(scene, f"{fault} times=1")
    assert ended.exit == 0, ended.summary
    assert created(scene) == 2
    adds_up(scene, ended)


@pytest.mark.parametrize("fault", ["batch_create_500", "batch_create_cut", "batch_late late=2"])
def test_a_batch_is_never_created_twice(scene: Rehearsal, fault: str) -> None:
    """What was created is found in the provider's list and adopted."""
    ended = ends(scene, fault)
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    adds_up(scene, ended)


def test_a_batch_that_never_began_is_made_anew(scene: Rehearsal) -> None:
    """Once its input file is gone, so that a late creation would fail."""
    ended = ends(scene, "batch_create_lost times=1")
    assert ended.exit == 0, ended.summary
    assert created(scene) == 2
    assert [row.status for row in batches(ended.folder)] == ["withdrawn", "completed"]
    adds_up(scene, ended)


def test_a_failed_validation_fails_the_job_that_it_names(scene: Rehearsal) -> None:
    """With line and code; the others are submitted again."""
    ended = ends(scene, "batch_validation")
    assert ended.exit == 3, ended.summary
    assert ended.summary["images"] | {"stored": 2, "failed": 1} == ended.summary["images"]
    (row,) = ended.images("j1")
    assert "line 2" in row["reason"]
    assert "invalid_value" in row["reason"]
    adds_up(scene, ended)


def test_nothing_of_a_failed_batch_is_charged(scene: Rehearsal) -> None:
    """A batch that fails without a word stops the run, and the same command tries again."""
    ended = ends(scene, "batch_failed times=1")
    assert ended.exit == 6, ended.summary
    assert scene.billed == 0
    assert {row.state for row in attempts(ended.folder)} == {AttemptState.NOT_CHARGED}
    assert until_collected(scene, scene.root / "scene.yaml").exit == 0


@pytest.mark.parametrize("again", [1, 9])
def test_an_image_that_is_not_as_asked_is_asked_for_once_more(scene: Rehearsal, again: int) -> None:
    """Where the manifest says so: by the next batch, once; the first one stays until another takes its place."""
    wanted = jobs(2)
    wanted[1]["prompt"] += f" [[mock: fault=other_size size=1024x1536 times={again}]]"
    manifest = scene.manifest(wanted, on_mismatch="retry-once")
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert created(scene) == 2
    odd = [row["flags"] for row in ended.images("j1")]
    assert ["size" in flags for flags in odd] == [again > 1]
    assert len([row for row in attempts(ended.folder) if row.cost]) == 3
    assert ended.charged >= scene.billed  # what came at another size is settled with its estimate
    assert scene.run(manifest).exit == 0
    assert created(scene) == 2


def test_a_second_try_by_calls_that_fails_leaves_the_first_image_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a batch brought and was paid for stays stored, however its one more try ends; no later run asks again."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    rules = [
        Rule(f"other_size,{then},{then}", prompt=f"lamp {index}", by_prompt=True, options={"size": "1024x1536"})
        for index, then in enumerate(("moderation_output", "fewer_0", "status_500", "ok"))
    ]

    def stand(ended: Ended) -> list[tuple[str, ...]]:
        rows = [row for index in range(4) for row in ended.images(f"j{index}")]
        return [(row["state"], row["path"], row["sha256"], row["flags"]) for row in rows]

    with rehearsal(tmp_path, BATCH, rules=rules) as scene:
        first = stand(until_collected(scene, scene.manifest(jobs(4)), clock=QuickClock()))
        for _ in range(2):
            ended = scene.run(scene.manifest(jobs(4), on_mismatch="retry-once", route="sync"))
            assert (ended.exit, ended.summary["images"]["stored"]) == (0, 4)
            assert stand(ended)[:3] == first[:3]
            assert "size" not in stand(ended)[3][-1], "the last one came as asked"
            assert sorted(one.purpose.value for one in attempts(ended.folder)) == ["first"] * 4 + ["retry"] * 4


@pytest.mark.parametrize("wait", [False, True])
def test_a_stranger_in_an_images_place_keeps_no_other_line_waiting(scene: Rehearsal, *, wait: bool) -> None:
    """The file is named; once it is moved away, the same command stores the image, and nothing was paid twice."""
    manifest = scene.manifest(jobs(4))
    folder = scene.run(manifest, clock=QuickClock()).folder
    strangers = [folder / "images" / f"j{number}-0.webp" for number in (1, 2)]
    for stranger in strangers:
        stranger.write_bytes(b"somebody else's")
    ended = until_collected(scene, manifest, clock=QuickClock(), wait=wait)
    assert ended.exit == 8, ended.summary
    assert "another file stands there" in ended.summary["why"]
    assert ended.summary["images"]["stored"] == 2
    for stranger in strangers:
        assert stranger.read_bytes() == b"somebody else's"
        stranger.unlink()
    ended = until_collected(scene, manifest, clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    adds_up(scene, ended)


@pytest.mark.parametrize("fault", ["status_500", "429_rate"])
def test_a_run_that_waits_does_not_ask_for_ever(scene: Rehearsal, fault: str) -> None:
    """Where batch after batch brings nothing, for nothing, the rest is for a later run."""
    manifest = scene.manifest(jobs(1, words=f"[[mock: fault={fault}]]"))
    ended = scene.run(manifest, clock=QuickClock(), wait=True)
    assert ended.exit == 3, ended.summary
    assert (scene.billed, ended.money["at_risk_micro_usd"]) == (0, 0)
    assert created(scene) < 25
