"""Gateways before a provider of batches: whatever they put in an answer's place, nothing is lost or paid twice."""

import gzip
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from tests.batch.scene import QuickClock, adds_up, attempts, batches, created, jobs, until_collected
from tests.gateway import Alter, Passed, gateway, once
from tests.rehearsal import Rehearsal

pytestmark = pytest.mark.sample(2)

BUSY = {"error": {"message": "upstream busy", "code": 502}}
PAGE = b"<html>\n<head><title>One moment</title></head>\n<body>busy</body>\n</html>\n" * 20_000


class Heard(Unwatched):
    """Somebody who hears what a run tells at once."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Remember it."""
        self.words.append(text)


def instead_of_output(status: int, body: Any, **headers: str) -> Alter:
    """Answer so where the output of a batch is read."""
    return lambda came: came.saying(status, body, **headers) if came.is_output else None


def polled(change: Callable[[dict[str, Any]], object]) -> Alter:
    """Change what is told of a batch."""

    def alter(came: Passed) -> Passed | None:
        told = came.json if came.is_poll else None
        return came.saying(200, told) if told and change(told) is None else None

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        once(instead_of_output(200, b'{"error": {}}\n')),
        once(instead_of_output(200, PAGE, Content_Type="text/html; charset=utf-8")),
        once(instead_of_output(200, b"busy\n")),
        lambda came: came.saying(200, gzip.compress(came.body), Content_Encoding="gzip") if came.is_output else None,
    ],
    ids=["error", "page", "text", "packed"],
)
def test_what_comes_in_the_place_of_a_file_is_not_the_file(scene: Rehearsal, alter: Alter) -> None:
    """The file is read again from where it was known to be read, and every line of it counts."""
    with gateway(scene.handle.base_url, alter) as base_url:
        ended = until_collected(scene, scene.manifest(jobs(3)), clock=QuickClock(), base_url=base_url)
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


@pytest.mark.parametrize("status", [404, 410, 500])
def test_a_file_that_cannot_be_read_is_told_and_waited_for_until_it_is_gone_for_certain(
    scene: Rehearsal, status: int
) -> None:
    """Its facts are there, so it may be read later; after thirty days what it held is held."""
    manifest, heard, clock = scene.manifest(jobs(2)), Heard(), QuickClock()
    with gateway(scene.handle.base_url, instead_of_output(status, BUSY)) as base_url:
        for _ in range(4):
            options = scene.options(manifest, base_url=base_url)
            assert run_manifest(manifest, options, heard, clock=clock).exit == 9
        assert any("cannot be read now" in words and "upstream busy" in words for words in heard.words)
        later = QuickClock(batches(scene.root / "output" / "scene")[0].created + timedelta(days=31))
        held = scene.run(manifest, base_url=base_url, clock=later)
    assert held.exit == 7, held.summary
    assert held.money["at_risk_micro_usd"] >= scene.billed > 0
    assert created(scene) == 1


def test_a_line_that_costs_more_than_its_bound_counts_though_its_file_breaks_off(scene: Rehearsal) -> None:
    """What was read is settled: nothing more is asked for at a price that is too low."""

    def alter(came: Passed) -> Passed | None:
        if not came.is_output:
            return None
        return came.saying(200, came.body.partition(b"\n")[0] + b"\n") if came.status == 200 else came.saying(500, BUSY)

    wanted = jobs(2, words="[[mock: fault=usage_10x]]") + jobs(4)[2:]
    with gateway(scene.handle.base_url, alter) as base_url:
        for _ in range(3):
            assert scene.run(scene.manifest(wanted[:2]), clock=QuickClock(), base_url=base_url).exit == 9
        ended = scene.run(scene.manifest(wanted), clock=QuickClock(), base_url=base_url)
    assert ended.summary["images"]["stored"] == 1
    assert (ended.exit, created(scene)) == (4, 1), ended.summary
    assert "is too low" in ended.summary["why"]


def test_a_key_that_may_not_read_files_ends_the_run(scene: Rehearsal) -> None:
    """Whoever may not read what was drawn is told so, as whoever may not ask for a batch."""
    refusal = {"error": {"message": "Missing scopes: api.files.read", "code": "missing_scope"}}
    manifest, refuse = scene.manifest(jobs(2)), [instead_of_output(403, refusal)]
    with gateway(scene.handle.base_url, lambda came: refuse[0](came) if refuse else None) as base_url:
        ended = until_collected(scene, manifest, clock=QuickClock(), base_url=base_url)
        assert ended.exit == 5, ended.summary
        refuse.clear()
        ended = until_collected(scene, manifest, clock=QuickClock(), base_url=base_url)
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


ENDS = ["COMPLETED", "Cancelled", "canceled", "succeeded", "SUCCESS", "done", "JOB_STATE_SUCCEEDED", "Ended"]


@pytest.mark.parametrize("word", ENDS)
def test_a_state_is_read_in_every_spelling(scene: Rehearsal, word: str) -> None:
    """A batch that has ended is collected, in whatever case that is said."""

    def respell(told: dict[str, Any]) -> None:
        if told["status"] in {"completed", "cancelled"}:
            told["status"] = word

    with gateway(scene.handle.base_url, polled(respell)) as base_url:
        ended = until_collected(scene, scene.manifest(jobs(3)), clock=QuickClock(), base_url=base_url)
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


def test_a_state_that_nobody_knows_is_waited_for_and_told_once_with_its_word(scene: Rehearsal) -> None:
    """Nobody can say what it means; over all runs of the batch it is told in one line."""
    manifest, heard, words = scene.manifest(jobs(2)), Heard(), ["simmering"]
    with gateway(
        scene.handle.base_url, polled(lambda told: told.update(status=words[0]) if words else None)
    ) as base_url:
        for _ in range(5):
            ended = run_manifest(manifest, scene.options(manifest, base_url=base_url), heard, clock=QuickClock())
            assert ended.exit == 9
        words.clear()
        assert until_collected(scene, manifest, clock=QuickClock(), base_url=base_url).exit == 0
    assert len([said for said in heard.words if "'simmering'" in said]) == 1
    assert created(scene) == 1


@pytest.mark.parametrize("word", ["failure", "Error", "timed-out"])
def test_a_batch_that_ends_without_a_line_is_over_in_every_word_for_it(scene: Rehearsal, word: str) -> None:
    """Nothing waits for it any more, and what it did not bring is asked for in another."""

    def ended_so(told: dict[str, Any]) -> None:
        told.update(status=word, output_file_id=None, error_file_id=None, request_counts={})

    manifest = scene.manifest(jobs(2))
    with gateway(scene.handle.base_url, polled(ended_so)) as base_url:
        for _ in range(2):
            scene.run(manifest, base_url=base_url, clock=QuickClock())
    assert batches(scene.root / "output" / "scene")[0].ended


def test_a_batch_without_metadata_is_found_by_its_input_file(scene: Rehearsal) -> None:
    """A gateway that keeps no metadata loses the answer to a creation: the batch is not created twice."""

    def alter(came: Passed) -> Passed | None:
        if came.is_list:
            return came.saying(200, came.json | {"data": [one | {"metadata": None} for one in came.json["data"]]})
        return came.saying(502, BUSY) if came.is_creation else None

    with gateway(scene.handle.base_url, alter) as base_url:
        ended = until_collected(scene, scene.manifest(jobs(3)), clock=QuickClock(), base_url=base_url)
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    adds_up(scene, ended)


@pytest.mark.parametrize("of", ["is_creation", "is_poll"])
def test_an_answer_about_another_batch_says_nothing_of_ours(scene: Rehearsal, of: str) -> None:
    """A cache that answers with the first batch for the second one neither loses it nor has it created twice."""
    first: list[Passed] = []

    def alter(came: Passed) -> Passed | None:
        if not getattr(came, of):
            return None
        first.append(came)
        return first[0] if len(first) <= 4 else None

    with gateway(scene.handle.base_url, alter) as base_url:
        manifest = scene.manifest(jobs(4), batch={"max_lines": 2})
        ended = until_collected(scene, manifest, 14, clock=QuickClock(), base_url=base_url)
    assert ended.exit == 0, ended.summary
    assert created(scene) == 2
    adds_up(scene, ended)


def test_a_creation_that_never_is_one_ends_the_run_with_a_word(scene: Rehearsal) -> None:
    """It is asked for a few times, each with a new file, and then told."""
    manifest = scene.manifest([{"id": "j", "prompt": "A lamp [[mock: fault=batch_create_lost times=9]]"}])
    ended = scene.run(manifest, clock=QuickClock())
    assert ended.exit == 6, ended.summary
    assert "never began" in str(ended.summary)
    assert scene.billed == 0
    assert ended.money["at_risk_micro_usd"] == 0


def test_what_a_failed_batch_counts_as_drawn_is_held(scene: Rehearsal) -> None:
    """A provider that says both that a batch failed and that it drew is not believed that nothing was charged."""

    def fail(told: dict[str, Any]) -> None:
        if told["status"] == "completed":
            told.update(status="failed", output_file_id=None)

    with gateway(scene.handle.base_url, polled(fail)) as base_url:
        ended = until_collected(scene, scene.manifest(jobs(2)), clock=QuickClock(), base_url=base_url)
    assert {row.state for row in attempts(ended.folder)} == {"at_risk"}
    assert ended.money["at_risk_micro_usd"] >= scene.billed > 0


def test_a_batch_at_a_provider_that_a_run_does_not_ask_is_told(scene: Rehearsal) -> None:
    """Another provider collects nothing of it; the one that it was submitted to does."""
    manifest = scene.manifest(jobs(2))
    assert scene.run(manifest, clock=QuickClock()).exit == 9
    other = scene.manifest(jobs(2), provider="apiyi", route="sync")
    heard = Heard()
    with gateway(scene.handle.base_url, lambda _: None) as elsewhere:
        for _ in range(2):
            assert run_manifest(other, scene.options(other, base_url=elsewhere), heard, clock=QuickClock()).exit == 9
    assert any("openai, which this run does not ask" in words for words in heard.words)
    ended = until_collected(scene, scene.manifest(jobs(2)), clock=QuickClock())
    assert ended.exit == 0, ended.summary
    assert created(scene) == 1
    adds_up(scene, ended)
