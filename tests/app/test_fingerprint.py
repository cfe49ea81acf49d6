"""A finished manifest run again: as long as nothing changed, nothing is planned anew; whatever changed is seen."""

import json
from typing import Any

import pytest

from batchgen.app.output import maintain
from tests.rehearsal import Ended, Rehearsal

pytestmark = pytest.mark.sample(3)

STEP = "ledger.want_again.after_commit"
ROWS = [{"sku": "0001"}, {"sku": "0002"}, {"sku": "0003"}]
JOB = {"id": "lamp-{{ sku }}", "rows": ROWS, "prompt": "A lamp {{ sku }}", "tags": {"room": "hall"}}


def again(scene: Rehearsal, jobs: list[dict[str, Any]], **choices: Any) -> tuple[Ended, bool]:
    """Run once more; whether the plan was taken over from the run before."""
    steps: list[str] = []
    more = choices.pop("more", {})
    ended = scene.run(scene.manifest(jobs, **more), at=steps.append, **choices)
    return ended, STEP in steps


def test_what_is_finished_is_taken_over(scene: Rehearsal) -> None:
    """The third run says and reports to the last number what the second one did, which was as good as the first."""
    first = scene.run(scene.manifest([JOB]))
    second, taken = again(scene, [JOB])
    third, taken_again = again(scene, [JOB])
    assert taken
    assert taken_again
    calls = len(scene.bill)
    assert (first.exit, second.exit, third.exit, calls) == (0, 0, 0, 3)
    for name in ("jobs", "images", "money", "rows"):
        assert first.summary[name] == second.summary[name] == third.summary[name], name
    assert third.charged == scene.billed
    maintain.write_report(third.folder)
    told = json.loads((third.folder / "report" / "summary.json").read_bytes())
    assert told["rows"] == third.summary["rows"]
    fourth, taken = again(scene, [{**JOB, "prompt": "A chair {{ sku }}"}])
    assert (fourth.exit, len(scene.bill), taken) == (0, 6, False)


CHANGES: dict[str, tuple[dict[str, Any], int]] = {
    "a row more": ({**JOB, "rows": [*ROWS, {"sku": "0004"}]}, 1),
    "a row less": ({**JOB, "rows": ROWS[1:]}, 0),
    "another order": ({**JOB, "rows": ROWS[::-1]}, 0),
    "another tag": ({**JOB, "tags": {"room": "bath"}}, 0),
    "more images": ({**JOB, "n": 2}, 3),
    "another wording": ({**JOB, "prompt": "A small lamp {{ sku }}"}, 3),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_is_seen(scene: Rehearsal, change: str) -> None:
    """The report tells of the manifest as it is now, and the run after that has nothing to do again."""
    job, calls = CHANGES[change]
    scene.run(scene.manifest([JOB]))
    ended, taken = again(scene, [job])
    assert (ended.exit, len(scene.bill), taken) == (0, 3 + calls, False)
    assert ended.jobs["lamp-0002"]["room"] == job["tags"]["room"]
    assert again(scene, [job])[1]


def test_a_file_that_is_gone_is_missed(scene: Rehearsal) -> None:
    """The plan says so, and nothing is drawn for it; when it is back, all is well."""
    ended = scene.run(scene.manifest([JOB]))
    image = ended.image("lamp-0002")
    data = image.read_bytes()
    image.unlink()
    assert "files are gone" in scene.plan(scene.manifest([JOB]))[0]["lamp-0002"].why
    assert not again(scene, [JOB])[1]
    image.write_bytes(data)
    assert again(scene, [JOB])[1]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "choices", [{"only": ("lamp-0001",)}, {"first": 1}, {"first": 0}, {"sample": 2}, {"rejected": True}]
)
def test_a_choice_of_some_jobs_is_planned(scene: Rehearsal, choices: dict[str, Any]) -> None:
    """What is chosen decides what is counted, so nothing is taken over."""
    scene.run(scene.manifest([JOB]))
    ended, taken = again(scene, [JOB], **choices)
    assert (ended.exit, taken) == (0, False)


def test_an_unfinished_run_is_planned(scene: Rehearsal) -> None:
    """What a limit left over is drawn by the next run."""
    ended = scene.run(scene.manifest([JOB]), max_images=2)
    assert ended.exit == 4
    more, taken = again(scene, [JOB])
    assert (more.exit, len(scene.bill), taken) == (0, 3, False)


def test_sidecars_that_are_wanted_later_are_made(scene: Rehearsal) -> None:
    """Taking the plan over leaves nothing else of the run out."""
    ended = scene.run(scene.manifest([JOB], output={"sidecars": False}))
    _, taken = again(scene, [JOB], more={"output": {"sidecars": True}})
    assert taken
    assert ended.image("lamp-0001").with_name("lamp-0001-0.webp.json").exists()


@pytest.mark.parametrize("step", [STEP, "ledger.want_again.before_commit"])
def test_a_run_that_breaks_while_it_takes_over_leaves_nothing_behind(scene: Rehearsal, step: str) -> None:
    """The next one has the same to tell, and nothing is paid."""
    first = scene.run(scene.manifest([JOB]))

    def at(name: str) -> None:
        if name == step:
            raise RuntimeError(name)

    with pytest.raises(RuntimeError):
        scene.run(scene.manifest([JOB]), at=at)
    ended, _ = again(scene, [JOB])
    assert (ended.exit, len(scene.bill)) == (0, 3)
    assert ended.summary["jobs"] == first.summary["jobs"]
    assert again(scene, [JOB])[1]
