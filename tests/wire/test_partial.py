"""Fewer images than were asked: what came is kept, exactly the missing ones are asked for again, at most twice."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from batchgen.mock.config import Moderated
from tests.wire.scene import scene

WANTED = 4
ALL = 9


def asked_for(came: Sequence[int]) -> tuple[list[int], int]:
    """Say what each call asks for, and how many images there are in the end, when calls bring so many in turn."""
    brings = iter([*came, *(ALL,) * 3])
    asked, stored = [WANTED], min(next(brings), WANTED)
    if not stored:  # nothing at all: once more
        asked.append(WANTED)
        stored = min(next(brings), WANTED)
    for _ in range(2):
        if stored in {0, WANTED}:
            break
        asked.append(WANTED - stored)
        stored += min(next(brings), WANTED - stored)
    return asked, stored


@pytest.mark.parametrize("length", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_every_way_to_get_too_few(place_of_work: Path, length: int) -> None:
    """Nothing, one, two, three or all, call after call: calls are counted exactly, and each image is paid once."""
    ways = list(product([0, 1, 2, 3, ALL], repeat=length))
    jobs: list[dict[str, Any]] = []
    for way in ways:
        faults = ",".join("ok" if count == ALL else f"fewer_{count}" for count in way)
        jobs.append({"id": "-".join(map(str, way)), "prompt": f"Lamp {way} [[mock: fault={faults}]]", "n": WANTED})
    with scene(place_of_work) as here:
        manifest = here.manifest(jobs)
        seen = here.run(manifest)
        bill: dict[str, list[int]] = {}
        for entry in here.bill():
            bill.setdefault(entry["prompt"], []).append(entry["n"])
        rows = seen.jobs
        images = {(row.job_id, row.slot): row for row in seen.images if row.state == "stored"}
        for way, job in zip(ways, jobs, strict=True):
            asked, stored = asked_for(way)
            assert bill[job["prompt"]] == asked, way
            assert rows[job["id"]].stored == stored, way
            states = {rows[job["id"]].moderated, rows[job["id"]].failed}
            assert states == ({WANTED - stored, 0} if stored else {WANTED, 0}), way
        assert len({row.path for row in images.values()}) == len(images) == sum(asked_for(way)[1] for way in ways)
        assert seen.exit == 3
        assert here.billed <= seen.charged
        calls = len(here.bill())
        assert here.run(manifest).exit == 0  # what was told before is no news
        assert len(here.bill()) == calls


FLAPPING = {
    "moderation_input,ok": (("not_charged", "settled"), ("stored",)),
    "moderation_unknown,ok": (("not_charged", "settled"), ("stored",)),
    "moderation_output,ok": (("at_risk", "settled"), ("stored",)),
    "moderation_input,moderation_output": (("not_charged", "at_risk"), ("moderated",)),
    "moderation_output,moderation_input": (("at_risk", "not_charged"), ("moderated",)),
    "status_503_json,moderation_input,moderation_input": (("not_charged",) * 3, ("moderated",)),
    "429_rate,moderation_input,ok": (("not_charged", "not_charged", "settled"), ("stored",)),
    "data_empty,moderation_input,ok": (("charged_no_result", "not_charged", "settled"), ("stored",)),
}


def test_moderation_that_changes_its_mind(place_of_work: Path) -> None:
    """At most one more try, for false alarms pass; then it sticks: the next run makes no call."""
    jobs = [
        {"id": str(at), "prompt": f"Lamp {at} [[mock: fault={faults} wait=0.01]]"} for at, faults in enumerate(FLAPPING)
    ]
    with scene(place_of_work) as here:
        manifest = here.manifest(jobs)
        seen = here.run(manifest)
        for at, (faults, expected) in enumerate(FLAPPING.items()):
            assert (seen.states(str(at)), seen.slots(str(at))) == expected, faults
        assert seen.exit == 3
        assert [row["id"] for row in seen.table("moderated.csv")] == ["3", "4", "5"]
        calls = len(here.bill())
        assert here.run(manifest).exit == 0  # what was told before is no news
        assert len(here.bill()) == calls


@pytest.mark.sample(1)
@pytest.mark.parametrize("shape", list(Moderated))
def test_moderation_without_a_word(place_of_work: Path, shape: Moderated) -> None:
    """Dropped, null or empty: what came is kept, and after two top-ups the slot that never came is moderated."""
    with scene(place_of_work, moderated=shape, fixed_bytes=None) as here:
        jobs: list[dict[str, Any]] = [{"id": "lamp", "prompt": "A [moderated] lamp", "n": 4, "size": "1024x1024"}]
        manifest = here.manifest(jobs)
        seen = here.run(manifest)
        assert sorted(seen.slots("lamp")) == ["moderated", "stored", "stored", "stored"]
        assert [entry["n"] for entry in here.bill()] == [4, 2, 1]
        assert seen.exit == 3
        assert here.billed == seen.charged
        assert here.run(manifest).exit == 0  # what was told before is no news
        assert len(here.bill()) == 3
        jobs[0]["prompt"] = "A reworded lamp"
        assert here.run(here.manifest(jobs)).exit == 0


def test_what_never_comes_is_moderated_and_costs_what_was_counted(place_of_work: Path) -> None:
    """Asked again and empty again: the row goes to moderated.csv, and the usage of empty answers is believed."""
    jobs: list[dict[str, Any]] = [
        {"id": "lamp", "prompt": "A lamp [[mock: fault=fewer_0]]", "n": 3},
        {"id": "sofa", "prompt": "A sofa"},
    ]
    with scene(place_of_work) as here:
        seen = here.run(here.manifest(jobs))
        assert seen.slots("lamp") == ("moderated",) * 3
        assert [row["id"] for row in seen.table("moderated.csv")] == ["lamp"]
        assert here.billed == seen.money["confirmed_micro_usd"]
        assert seen.money["estimated_micro_usd"] == 0
