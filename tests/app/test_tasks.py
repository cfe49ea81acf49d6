"""Providers that draw later: a call is submitted once, and what it brings is asked for until it is here."""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen.app.preview.doctor import examine
from batchgen.catalog import provider
from batchgen.cli.render.catalogue import provider as render_provider
from batchgen.errors import InputError
from batchgen.ledger import AttemptRow, Ledger
from batchgen.mock import Rule
from batchgen.model import AttemptState, OnUncertain
from batchgen.runtime.clock import SystemClock
from tests.app.test_late_results import Died, dies_at
from tests.rehearsal import KEYS, Ended, Rehearsal, rehearsal

pytestmark = pytest.mark.sample(3)

TASK = {
    "id": "data.0.task_id",
    "path": "/tasks/{id}",
    "state": "data.status",
    "done": ["Completed", "succeeded"],
    "failed": ["failed", "cancelled"],
    "result": "data.result.images",
    "every": 0.02,
}
JOBS: list[dict[str, Any]] = [{"id": f"j{number}", "prompt": f"A lamp {number}", "n": 1} for number in range(6)]
FOURS: list[dict[str, Any]] = [{"id": f"f{number}", "prompt": f"A chair {number}", "n": 4} for number in range(2)]
POINTS = (
    "storage.finish.after_answer",
    "ledger.park.before_commit",
    "ledger.park.after_commit",
    "ledger.settle.before_begin",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "storage.spool.before_remove",
)
"""Every durable step from the moment when the id is written down."""

Scene = Callable[..., Rehearsal]


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Return a maker of a gateway that draws later, with rules of the mock and of the provider file."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    made = []

    def make(*rules: Rule, task: Mapping[str, Any] | None = None, **config: Any) -> Rehearsal:
        told = {"dialect": "tasks", "rules": rules, "task_polls": 1} | config
        scene = rehearsal(tmp_path, {"provider": "./gateway.yaml", "defaults": {"quality": "low"}}, **told)
        ready = scene.__enter__()
        made.append(scene)
        write_file(tmp_path, ready, TASK | dict(task or {}))
        return ready

    yield make
    for scene in made:
        scene.__exit__(None, None, None)


def write_file(root: Path, scene: Rehearsal, task: Mapping[str, Any]) -> None:
    """Write the provider file."""
    file = {
        "base_url": scene.handle.base_url,
        "key_variable": "OTHER_API_KEY",
        "default_model": "gpt-image-2",
        "prices": {"*": {"per_image": 0.01}},
        "task": dict(task),
    }
    (root / "gateway.yaml").write_text(yaml.safe_dump(file), "utf-8")


def attempts(ended: Ended) -> list[AttemptRow]:
    """Return what the ledger knows of attempts."""
    with Ledger.open(ended.folder / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        return list(ledger.report_rows.attempts())


def polls(scene: Rehearsal) -> list[str]:
    """Paths of the questions about tasks."""
    return [one["path"] for one in scene.handle.requests() if "/tasks/" in one["path"]]


def is_complete(scene: Rehearsal, ended: Ended, images: int, calls: int) -> None:
    """Everything is stored, and was submitted once."""
    assert ended.exit == 0, ended.summary
    assert ended.summary["images"]["stored"] == images
    assert len(scene.bill) == calls
    assert ended.money["at_risk_micro_usd"] == 0
    assert {row.state for row in attempts(ended)} - {AttemptState.NOT_SENT} == {AttemptState.SETTLED}
    assert not list((ended.folder / "spool").glob("*"))


@pytest.mark.parametrize("jobs", [JOBS, FOURS], ids=["n=1", "n=4"])
def test_what_is_submitted_is_collected_in_the_same_run(tasks: Scene, jobs: list[dict[str, Any]]) -> None:
    """Each call is made once, and its task is asked for until its images are here."""
    scene = tasks()
    ended = scene.run(scene.manifest(jobs))
    is_complete(scene, ended, sum(job["n"] for job in jobs), len(jobs))
    assert len(polls(scene)) >= 2 * len(jobs)


@pytest.mark.sample(2)
@pytest.mark.parametrize("result", ["data.result.images", "data.result", "data", ""])
@pytest.mark.parametrize("answers", ["url", "b64_json"])
def test_a_result_is_read_as_an_address_or_as_bytes_wherever_it_stands(tasks: Scene, answers: str, result: str) -> None:
    """The file may name the list, what holds it, or nothing."""
    task = {key: value for key, value in TASK.items() if key != "result"} | ({"result": result} if result else {})
    scene = tasks()
    write_file(scene.root, scene, task)
    file = yaml.safe_load((scene.root / "gateway.yaml").read_text()) | {"response_format": answers}
    (scene.root / "gateway.yaml").write_text(yaml.safe_dump(file))
    is_complete(scene, scene.run(scene.manifest(FOURS)), 8, 2)


@pytest.mark.parametrize("fault", ["task_odd_id", "task_number_id"])
def test_an_id_is_one_segment_at_the_providers_own_origin(tasks: Scene, fault: str) -> None:
    """Slashes, marks, blanks and numbers in it lead nowhere else."""
    scene = tasks(Rule(fault))
    is_complete(scene, scene.run(scene.manifest(JOBS)), 6, 6)
    assert all(re.fullmatch(r"/v1/tasks/[^/?#]+", path.replace("%2F", "").replace("%3F", "")) for path in polls(scene))


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "fault", ["task_poll_500", "task_poll_429", "task_poll_404", "task_poll_html", "task_poll_empty"]
)
@pytest.mark.parametrize("jobs", [JOBS, FOURS], ids=["n=1", "n=4"])
def test_a_question_that_fails_is_asked_again_and_buys_nothing(
    tasks: Scene, fault: str, jobs: list[dict[str, Any]]
) -> None:
    """An error, a refusal, a page, nothing at all: the task is what it is."""
    scene = tasks(Rule(fault))
    is_complete(scene, scene.run(scene.manifest(jobs)), sum(job["n"] for job in jobs), len(jobs))


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("fault", ["task_poll_401", "task_poll_403"])
def test_a_refused_question_stops_the_run_and_loses_no_task(tasks: Scene, fault: str, n: int) -> None:
    """The account is refused: exit 5 in the provider's words, the task kept; a later run collects, and buys nothing."""
    scene = tasks(Rule(fault))
    jobs = [{**job, "n": n} for job in JOBS[:1]]
    ended = scene.run(scene.manifest(jobs))
    assert (ended.exit, len(scene.bill)) == (5, 1)
    assert [row.state for row in attempts(ended)] == [AttemptState.PENDING]
    assert "Incorrect API key" in ended.summary["why"] or "no permission" in ended.summary["why"]
    is_complete(scene, scene.run(scene.manifest(jobs)), n, 1)


@pytest.mark.parametrize("free", [False, True])
def test_a_failed_task_is_at_risk_unless_the_file_says_that_it_is_free(tasks: Scene, free: bool) -> None:
    """At risk it is tried once more and then held; free it is a failure for now."""
    fault = "task_failed_free" if free else "task_failed"
    scene = tasks(Rule(fault), task={"failed_free": free})
    ended = scene.run(scene.manifest(JOBS[:1]))
    states = [row.state for row in attempts(ended)]
    if free:
        assert (ended.exit, set(states)) == (3, {AttemptState.NOT_CHARGED})
        assert ended.money["at_risk_micro_usd"] == scene.billed == 0
    else:
        assert (ended.exit, states) == (7, [AttemptState.AT_RISK] * 2)
        assert ended.money["at_risk_micro_usd"] >= scene.billed > 0
    assert "worker failed" in json.dumps(ended.jobs["j0"])


def test_a_moderated_task_is_moderated(tasks: Scene) -> None:
    """Its prompt is to be reworded."""
    scene = tasks(Rule("moderation_output"))
    ended = scene.run(scene.manifest(JOBS[:1]))
    assert ended.exit == 3, ended.summary
    assert ended.summary["jobs"]["moderated"] == 1
    assert ended.table("moderated")


def test_a_task_that_brings_nothing_was_charged(tasks: Scene) -> None:
    """It counts like an answer without images."""
    scene = tasks(Rule("task_no_images"))
    ended = scene.run(scene.manifest(JOBS[:1]))
    assert ended.exit == 3, ended.summary
    assert ended.charged >= scene.billed > 0


@pytest.mark.parametrize("fault", ["task_lost"])
def test_a_task_that_is_lost_is_at_risk(tasks: Scene, fault: str) -> None:
    """After a few looks nothing is hoped for: one more try, then somebody decides."""
    scene = tasks(Rule(fault))
    ended = scene.run(scene.manifest(JOBS[:1]))
    assert ended.exit == 7, ended.summary
    assert [row.state for row in attempts(ended)] == [AttemptState.AT_RISK] * 2


@pytest.mark.sample(2)
@pytest.mark.parametrize("fault", ["task_stuck", "task_unknown_state"])
@pytest.mark.parametrize("jobs", [JOBS, FOURS], ids=["n=1", "n=4"])
def test_a_task_that_does_not_end_waits_for_later_runs(tasks: Scene, fault: str, jobs: list[dict[str, Any]]) -> None:
    """It keeps its reservation, is asked for in each run, and is never submitted again."""
    scene = tasks(Rule(fault))
    manifest = scene.manifest(jobs)
    for _ in range(2):
        ended = scene.run(manifest, max_duration=0.7)
        assert ended.exit == 9, ended.summary
        assert {row.state for row in attempts(ended)} == {AttemptState.PENDING}
        assert all(row.reserved == row.high for row in attempts(ended))
        assert len(scene.bill) == len(jobs)
    actions = {item.action.value for item in scene.plan(manifest)[0].values()}
    assert actions == {"submitted"}


def test_a_run_waits_no_longer_for_a_task_than_for_any_call(tasks: Scene) -> None:
    """Then it ends, and a later run goes on; five in a row that did not end brake like uncertain calls."""
    scene = tasks(Rule("task_stuck"))
    retry = {"attempts": 3, "base_seconds": 0.02, "breaker_probe_seconds": [0.05], "deadline_seconds": 1}
    ended = scene.run(scene.manifest([dict(JOBS[0], id=f"k{n}", prompt=f"{n}") for n in range(30)], retry=retry))
    assert ended.exit == 6, ended.summary
    assert {row.state for row in attempts(ended)} == {AttemptState.PENDING}
    assert len(scene.bill) <= 5 + 16 + 1


def test_a_task_beyond_its_life_is_at_risk(tasks: Scene) -> None:
    """Nobody waits for ever."""
    scene = tasks(Rule("task_stuck"), task={"life": 1})
    ended = scene.run(scene.manifest(JOBS[:1]))
    assert ended.exit == 7, ended.summary
    assert {row.state for row in attempts(ended)} == {AttemptState.AT_RISK}


class Later(SystemClock):
    """An hour later than it is."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


def test_a_task_whose_provider_is_asked_no_more_is_at_risk_after_its_life(tasks: Scene, tmp_path: Path) -> None:
    """A gateway that was given up: the image is drawn elsewhere once its result cannot come any more, not before."""
    scene = tasks(Rule("task_stuck"), task={"life": 600})
    jobs = JOBS[:1]
    assert scene.run(scene.manifest(jobs), max_duration=0.3).exit == 9
    with rehearsal(tmp_path / "elsewhere") as other:
        (tmp_path / "other.yaml").write_text(f"like: openai\nbase_url: {other.handle.base_url}\n", "utf-8")
        manifest = scene.manifest(jobs, provider="./other.yaml")
        assert (scene.run(manifest, base_url=None).exit, other.bill) == (9, [])
        ended = scene.run(manifest, base_url=None, clock=Later(), on_uncertain=OnUncertain.RETRY)
        ended = scene.run(manifest, base_url=None, clock=Later(), on_uncertain=OnUncertain.RETRY)
        assert (ended.exit, ended.summary["images"]["stored"], len(other.bill)) == (0, 1, 1)
    assert [row.state for row in attempts(ended)] == [AttemptState.AT_RISK, AttemptState.SETTLED]


@pytest.mark.sample(1)
@pytest.mark.parametrize("fault", ["task_failed", "task_no_images", "task_lost"])
def test_faults_of_every_task_brake_the_run(tasks: Scene, fault: str) -> None:
    """What comes later counts for the breaker as what comes at once does."""
    scene = tasks(Rule(fault), task_polls=0)
    jobs = [{"id": f"k{number}", "prompt": f"A lamp {number}", "n": 1 + 3 * (number % 2)} for number in range(60)]
    ended = scene.run(scene.manifest(jobs))
    assert ended.exit == 6, ended.summary
    assert len(scene.bill) <= 5 + 16 + 3


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("jobs", [JOBS, FOURS], ids=["n=1", "n=4"])
def test_a_kill_at_any_durable_step_costs_nothing(tasks: Scene, point: str, jobs: list[dict[str, Any]]) -> None:
    """From the moment when the id is on disk."""
    scene = tasks()
    manifest = scene.manifest(jobs)
    with pytest.raises(BaseException, match=r"ledger|storage|unhandled"):
        scene.run(manifest, dies_at(point, 1))
    ended = scene.run(manifest)
    is_complete(scene, ended, sum(job["n"] for job in jobs), len(jobs))


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(12))
def test_random_histories_buy_nothing_twice(tasks: Scene, seed: int) -> None:
    """With kills at any step, and runs that end early: booked is the bill, and every image came once."""
    chance = random.Random(seed)
    faults = ("task_odd_id", "task_poll_500", "task_poll_404", "task_poll_empty", "task_number_id")
    scene = tasks(Rule(chance.choice(faults)))
    jobs = chance.choice((JOBS, FOURS))
    manifest = scene.manifest(jobs)
    for _ in range(chance.randint(1, 4)):
        if chance.random() < 0.7:
            try:
                scene.run(manifest, dies_at(chance.choice(POINTS), chance.randint(1, 8)))
            except BaseException as end:
                if "unhandled" not in str(end) and not isinstance(end, Died):
                    raise
        else:
            scene.run(manifest, max_duration=chance.choice((0.02, 0.1, 0.3)))
    is_complete(scene, scene.run(manifest), sum(job["n"] for job in jobs), len(jobs))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"path": "/tasks/"}, "{id}"),
        ({"path": "/tasks/{id}/{id}"}, "{id}"),
        ({"path": "/tasks/../{id}"}, "path below"),
        ({"path": "/tasks/x{id}"}, "between slashes"),
        ({"path": "https://elsewhere.example/{id}"}, "path below"),
        ({"id": "data[0]"}, "dots"),
        ({"done": []}, "done and failed"),
        ({"failed": ["COMPLETED"]}, "both"),
        ({"life": "0"}, "above 0"),
        ({"nonsense": 1}, "unknown key"),
    ],
)
def test_a_file_with_wrong_rules_is_refused(tasks: Scene, wrong: dict[str, Any], words: str) -> None:
    """With the place of what is wrong."""
    scene = tasks(task=wrong)
    with pytest.raises(InputError, match=re.escape(words)) as refused:
        provider(scene.root / "gateway.yaml")
    assert refused.value.problems[0].place


def test_doctor_and_catalogue_tell_of_tasks(tasks: Scene) -> None:
    """Where they are asked for, how often, how long, and what a failed one costs."""
    scene = tasks(task={"every": 3, "failed_free": True})
    told = provider(str(scene.root / "gateway.yaml"), scene.handle.base_url)
    (found,) = [one.text for one in examine(str(scene.root / "gateway.yaml")) if one.name == "tasks"]
    for words in (found, " ".join(render_provider(told).split())):
        assert "/tasks/{id} every 3 s, for 24 hours" in words
        assert "is never charged" in words
    assert "later, from a task" in " ".join(render_provider(told).split())
