"""Answers that cost money and bring nothing usable: they are braked like failures that may have been charged."""

from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from tests.wire.scene import QUICK, scene

JOBS = 60
IN_A_ROW = 5
PARALLEL = 4
PROBES = 3


def names(text: str) -> tuple[str, ...]:
    """Faults in one text."""
    return tuple(text.split())


HOPELESS = names(
    "data_empty data_missing data_null data_object data_texts entry_null b64_null b64_garbage b64_no_picture"
    " null_200 list_200 text_200 empty_200 error_in_200 deep_json cut_gzip brotli bad_gzip status_500 status_502_html"
    " reset_before_headers eof_mid_headers fewer_0 unknown_empty unknown_task unknown_queued unknown_message"
    " unknown_success unknown_detail unknown_chat unknown_words unknown_number url_foreign url_ftp url_broken"
    " url_metadata url_for_ever_404 download_empty"
)


def lamps(count: int, n: int) -> list[dict[str, Any]]:
    """So many jobs."""
    return [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(count)]


@pytest.mark.sample(14)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("fault", HOPELESS)
def test_no_fault_buys_more_than_a_handful(place_of_work: Path, fault: str, n: int) -> None:
    """A fault that hits every one of 60 jobs: five in a row, what is in flight, and the probes; then exit 6."""
    with scene(place_of_work, rules=(Rule(fault, options={"slots": "all"}),)) as here:
        limits = {"max_cost": 100, "concurrency": PARALLEL}
        retry = {**QUICK, "base_seconds": 0.001, "cap_seconds": 0.002}
        seen = here.run(here.manifest(lamps(JOBS, n), limits=limits, retry=retry))
        charged = [entry for entry in here.bill() if entry["charged_micro_usd"]]
        assert len(charged) <= IN_A_ROW + PARALLEL + PROBES
        assert seen.exit == 6, seen.result.summary["why"]
        assert here.billed <= seen.charged + seen.money["at_risk_micro_usd"]


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
