"""Answers that cost money and bring nothing usable: they are braked like failures that may have been charged."""

from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from batchgen.mock.faults import EVERY
from batchgen.mock.field_faults import BATCHES, LINES, TASKS, UPLOADS
from batchgen.mock.gemini_faults import GEMINI
from tests.wire.fates import FATES
from tests.wire.scene import QUICK, Seen, scene

JOBS = 60
IN_A_ROW = 5
PARALLEL = 4
PROBES = 3


MODERATED = {name for name, fate in FATES.items() if EVERY[name].charged and fate.slots == ("moderated",)}
"""Moderation after drawing: the first time is perhaps a false alarm, so that a job counts once for its two calls."""
PAGES = {"html_200", "html_200_console", "cost_dear"}
"""Web pages before a first image are free by contract; a cost is read only where the provider file says so."""
OWN_WAYS = {*TASKS, *BATCHES, *LINES, *UPLOADS, *GEMINI}
"""Faults of other routes and protocols, which have laws of their own."""
CHARGED = sorted(name for name, fault in EVERY.items() if fault.charged and name not in PAGES | OWN_WAYS)


def lamps(count: int, n: int) -> list[dict[str, Any]]:
    """So many jobs."""
    return [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(count)]


def brings_nothing(seen: Seen) -> bool:
    """Whether not one image came of a whole run."""
    return not any(image.state == "stored" for image in seen.images)


@pytest.mark.sample(7)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("fault", CHARGED)
def test_no_fault_buys_more_than_a_handful(place_of_work: Path, fault: str, n: int) -> None:
    """A fault that hits every one of 60 jobs: five in a row, what is in flight, and the probes; then exit 6.

    Every fault that the mock charges for. Where images come all the same, the books hold the bill.
    """
    quick = {"slots": "all", "mb": "4"} | ({} if fault == "status_503_slow" else {"delay": "0.3"})
    with scene(place_of_work, rules=(Rule(fault, options=quick),), stall_seconds=0.3) as here:
        limits = {"max_cost": 100, "concurrency": PARALLEL}
        retry = {**QUICK, "base_seconds": 0.001, "cap_seconds": 0.002, "deadline_seconds": 10}
        seen = here.run(here.manifest(lamps(JOBS, n), limits=limits, retry=retry))
        assert here.billed <= seen.charged + seen.money["at_risk_micro_usd"]
        if not brings_nothing(seen):
            return
        charged = [entry for entry in here.bill() if entry["charged_micro_usd"]]
        in_a_row, in_flight = (2 * IN_A_ROW, 2 * PARALLEL) if fault in MODERATED else (IN_A_ROW, PARALLEL)
        assert len(charged) <= in_a_row + in_flight + PROBES
        assert seen.exit == 6, seen.result.summary["why"]


def test_an_image_now_and_then_is_no_reason_to_stop(place_of_work: Path) -> None:
    """Where three calls of four bring images, the run goes on to its end."""
    jobs = [
        {**job, "prompt": f"{job['prompt']} [[mock: fault=data_empty]]"} if at % 8 == 0 else job
        for at, job in enumerate(lamps(24, 1))
    ]
    with scene(place_of_work) as here:
        seen = here.run(here.manifest(jobs, limits={"max_cost": 100, "concurrency": PARALLEL}))
        assert seen.exit == 3
        assert seen.result.summary["jobs"]["done"] == 21


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unknown_task", "task_id=task_"),
        ("unknown_queued", "id="),
        ("unknown_message", "upstream worker is overloaded"),
        ("unknown_chat", "Sure! Imagine"),
        ("unknown_words", "Request accepted, your image will be sent by mail."),
        ("unknown_detail", "Not Found"),
    ],
)
@pytest.mark.parametrize("n", [1, 4])
def test_what_is_no_answer_is_told_in_the_providers_words(place_of_work: Path, fault: str, words: str, n: int) -> None:
    """At risk, one more try, then held; its words and ids are in the books, and all of it lies in quarantine."""
    with scene(place_of_work) as here:
        odd = {"id": "odd", "prompt": f"Lamp [[mock: fault={fault}]]", "n": n}
        seen = here.run(here.manifest([*lamps(2, 1), odd]))
        assert (seen.exit, seen.states("odd"), set(seen.slots("odd"))) == (7, ("at_risk",) * 2, {"uncertain"})
        calls = [row for row in seen.attempts if row.job_id == "odd"]
        assert {row.code for row in calls} == {"unknown_answer"}
        assert all(words in row.message for row in calls)
        assert len(list((seen.folder / "quarantine").iterdir())) == 2
        assert any(words in str(row) for row in seen.table("jobs.csv"))
