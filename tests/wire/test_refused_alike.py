"""The same refusal for several different jobs in a row: no job is wrong, and none is failed for it."""

from pathlib import Path

import pytest

from batchgen.mock import Rule
from tests.wire.scene import scene

pytestmark = pytest.mark.sample(8)

ACCOUNT = (
    "account_budget",
    "account_budget_429",
    "account_balance",
    "account_credits",
    "account_disabled",
    "account_paused",
    "account_arrears",
    "account_payment",
)
JOBS = 40
PARALLEL = 4


@pytest.mark.sample(3)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("good", [0, 3])
@pytest.mark.parametrize("fault", ACCOUNT)
def test_an_account_that_is_refused_fails_no_job(place_of_work: Path, fault: str, good: int, n: int) -> None:
    """Before or after something was charged: exit 5, those jobs and the rest not started; later all are drawn."""
    jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(JOBS)]
    limits = {"max_cost": 100, "concurrency": PARALLEL}
    with scene(place_of_work, rules=(Rule(fault, skip=good),)) as here:
        seen = here.run(here.manifest(jobs, limits=limits))
        assert seen.exit == 5, seen.result.summary["why"]
        assert len(here.bill()) <= good + 3 + 2 * PARALLEL  # good ones that come late begin the count again
        counts = seen.result.summary["jobs"]
        assert (counts["failed"], counts["done"] + counts["not_started"]) == (0, JOBS)
    with scene(place_of_work) as here:
        seen = here.run(here.manifest(jobs, limits=limits))
        assert (seen.exit, seen.result.summary["jobs"]["done"]) == (0, JOBS)


def test_the_same_words_about_anything_stop_a_run(place_of_work: Path) -> None:
    """Five jobs in a row after good ones, no word about the account: exit 6, and no job is failed."""
    jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}"} for at in range(JOBS)]
    with scene(place_of_work, rules=(Rule("422", skip=3),)) as here:
        seen = here.run(here.manifest(jobs, limits={"max_cost": 100, "concurrency": 1}))
        assert (seen.exit, len(here.bill())) == (6, 8)
        assert seen.result.summary["jobs"]["failed"] == 0
        assert "same words" in seen.result.summary["why"]


def test_good_jobs_between_bad_ones_keep_them_failed(place_of_work: Path) -> None:
    """Here and there a job that is refused alike is its own fault."""
    jobs = [
        {"id": f"lamp-{at}", "prompt": f"Lamp {at}{' [[mock: fault=422]]' if at % 3 == 2 else ''}"} for at in range(30)
    ]
    with scene(place_of_work) as here:
        seen = here.run(here.manifest(jobs, limits={"max_cost": 100, "concurrency": 1}))
        assert seen.exit == 3
        assert (seen.result.summary["jobs"]["failed"], seen.result.summary["jobs"]["done"]) == (10, 20)
