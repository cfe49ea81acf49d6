"""A model that is retired, unknown, or not open to this key: that model alone is asked for no more."""

from pathlib import Path
from typing import Any

import pytest

from batchgen.app.config.exit_status import next_step
from batchgen.mock.fault_words import MODELS
from tests.wire.scene import Notes, dot, scene

GONE, THERE = "gpt-image-2.5-sunburst", "gpt-image-2.5-flare"
FAULTS = ["404_model", *sorted(MODELS)]
ONE_BY_ONE = {"max_cost": 100, "concurrency": 1}
ROWS = 7


def rows(fault: str, n: int, *, first: bool, edits: bool = False) -> list[dict[str, Any]]:
    """Write rows of a model that is there, and before or behind them as many of one that is not."""
    look: dict[str, Any] = {"n": n, **({"images": "lamp.jpg"} if edits else {})}
    good = [{"id": f"there-{at}", "prompt": f"Lamp {at}", "model": THERE, **look} for at in range(ROWS)]
    told = f" [[mock: fault={fault}]]" if fault else ""
    gone = [{"id": f"gone-{at}", "prompt": f"Sofa {at}{told}", "model": GONE, **look} for at in range(ROWS)]
    return [*gone, *good] if first else [*good, *gone]


@pytest.mark.sample(5)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_is_gone_stops_no_other(place_of_work: Path, fault: str, n: int, *, first: bool) -> None:
    """One call is refused, all of the other model is drawn, no job is failed; the words say what to do, once."""
    with scene(place_of_work, {"limits": ONE_BY_ONE}) as here:
        watch = Notes()
        seen = here.run(here.manifest(rows(fault, n, first=first)), watch)
        counts = seen.result.summary["jobs"]
        assert (counts["done"], counts["not_started"], counts["failed"]) == (ROWS, ROWS, 0)
        assert 1 <= len(here.bill()) - ROWS <= (4 * ROWS if fault == "model_channel" else 1)  # a 503 is tried again
        assert seen.exit == (5 if MODELS.get(fault) and MODELS[fault].status == 403 else 6)
        assert f"does not draw with {GONE} (generate)" in seen.result.summary["why"]
        told = [note for note in watch.notes if GONE in note]
        assert len(told) == 1, watch.notes
        assert "name another model in the manifest" in told[0]
        assert "name another model" in next_step(seen.exit, seen.result.summary["cause"], seen.result.summary)


@pytest.mark.parametrize("parallel", [1, 16])
def test_the_same_command_draws_them_when_the_model_is_back(place_of_work: Path, parallel: int) -> None:
    """The next run asks once more, also while the model is still gone; then everything is drawn, and nothing twice."""
    limits = {"max_cost": 100, "concurrency": parallel}
    with scene(place_of_work, {"limits": limits}) as here:
        manifest = here.manifest(rows("404_model", 1, first=True))
        assert here.run(manifest).exit == 6
        assert here.run(manifest).exit == 2  # that run was charged for nothing
        assert len(here.bill()) <= ROWS + 2 * parallel
        paid = here.billed
        assert paid > 0
    with scene(place_of_work, {"limits": limits}) as here:
        manifest = here.manifest(rows("", 1, first=True))
        seen = here.run(manifest)
        assert (seen.exit, seen.result.summary["jobs"]["done"]) == (0, 2 * ROWS)


def test_a_model_alone_that_is_gone_is_2(place_of_work: Path) -> None:
    """Nothing was charged: the manifest is to be mended, or the model comes back."""
    with scene(place_of_work, {"limits": ONE_BY_ONE}) as here:
        seen = here.run(here.manifest(rows("404_model", 1, first=True)[:ROWS]))
        assert (seen.exit, len(here.bill()), seen.result.summary["jobs"]["not_started"]) == (2, 1, ROWS)


def test_a_model_that_was_just_there_is_asked_again(place_of_work: Path) -> None:
    """One of several servers behind an address may be behind the others: a free refusal is tried again."""
    with scene(place_of_work, {"limits": ONE_BY_ONE}) as here:
        jobs = [{"id": f"j{at}", "prompt": f"Lamp {at}"} for at in range(5)]
        jobs[2]["prompt"] += " [[mock: fault=404_model times=1]]"
        seen = here.run(here.manifest(jobs))
        assert (seen.exit, seen.result.summary["jobs"]["done"]) == (0, 5)


def test_each_operation_is_closed_by_itself(place_of_work: Path) -> None:
    """A model that draws may edit nothing; then its edits alone wait."""
    (place_of_work / "lamp.jpg").write_bytes(dot())
    with scene(place_of_work, {"limits": ONE_BY_ONE}) as here:
        edits = rows("model_param", 1, first=True, edits=True)[:ROWS]
        good = [{**job, "id": f"new-{job['id']}", "model": GONE} for job in rows("", 1, first=False)[:ROWS]]
        seen = here.run(here.manifest([*edits, *good]))
        counts = seen.result.summary["jobs"]
        assert (counts["done"], counts["not_started"], seen.exit) == (ROWS, ROWS, 6)


def test_an_answer_that_may_be_charged_costs_one_job(place_of_work: Path) -> None:
    """200 with that error: the job that got it is at risk and failed, and the rest of its model waits."""
    with scene(place_of_work, {"limits": ONE_BY_ONE}) as here:
        seen = here.run(here.manifest(rows("error_in_200_model", 1, first=True)))
        counts = seen.result.summary["jobs"]
        assert (counts["done"], counts["failed"], counts["not_started"]) == (ROWS, 1, ROWS - 1)
        assert (seen.exit, len(here.bill())) == (6, ROWS + 1)
