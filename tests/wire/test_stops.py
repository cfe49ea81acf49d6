"""Faults that end a whole run: nothing is sent that need not be, what is under way finishes, the next run goes on."""

import time
from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from tests.patience import PATIENCE
from tests.wire.scene import QUICK, scene

pytestmark = pytest.mark.sample(2)


def lamps(count: int, n: int = 1) -> list[dict[str, Any]]:
    """So many jobs."""
    return [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(count)]


def test_a_server_that_never_answers(place_of_work: Path) -> None:
    """At 16 parallel calls at most 21 are charged before the breaker opens, three more as its probes; exit 6."""
    with scene(place_of_work, rules=(Rule("stall_before_headers"),), stall_seconds=5.0) as here:
        retry = {**QUICK, "deadline_seconds": 0.2}
        seen = here.run(here.manifest(lamps(60), limits={"max_cost": 100, "concurrency": 16}, retry=retry))
        assert seen.exit == 6
        assert 16 + 3 <= len(here.bill()) <= 21 + 3
        # A call that was reserved when the breaker gave up never leaves.
        assert {row.state.value for row in seen.attempts} - {"not_sent"} == {"at_risk"}
        assert here.billed <= seen.money["at_risk_micro_usd"]
        jobs = seen.result.summary["jobs"]
        assert jobs["not_started"] + jobs["held"] == 60
        assert "gpt-image-2.5-flare" in seen.result.summary["why"]


def test_after_the_fault_the_same_command_goes_on(place_of_work: Path) -> None:
    """What a dead server left undone is drawn by the next run, doubtful jobs included; then nothing is left to do."""
    with scene(place_of_work, rules=(Rule("status_500", times=8),)) as here:
        manifest = here.manifest(lamps(12), limits={"max_cost": 100, "concurrency": 1})
        assert here.run(manifest).exit == 6
        again = here.run(manifest)
        assert again.exit == 0
        assert set(again.slots("lamp-11")) == {"stored"}
        calls = len(here.bill())
        assert here.run(manifest).exit == 0
        assert len(here.bill()) == calls


def test_one_good_probe_closes_the_breaker(place_of_work: Path) -> None:
    """A server that comes back is used again within the same run."""
    with scene(place_of_work, rules=(Rule("status_502_html", times=5),)) as here:
        seen = here.run(here.manifest(lamps(20), limits={"max_cost": 100, "concurrency": 1}))
        jobs = seen.result.summary["jobs"]
        assert seen.exit in {0, 7}
        assert (jobs["not_started"], jobs["done"] + jobs["held"]) == (0, 20)
        assert jobs["done"] >= 18


@pytest.mark.parametrize("fault", ["429_quota", "400_billing", "402", "401", "403"])
def test_quota_or_key_gone(place_of_work: Path, fault: str) -> None:
    """After the first refusal nothing is dispatched: at most what was in flight is refused too; exit 5, at once."""
    parallel, good = 32, 20
    rules = (Rule(fault, skip=good),)
    with scene(place_of_work, rules=rules, latency=(0.0, 0.1)) as here:
        began = time.monotonic()
        seen = here.run(here.manifest(lamps(200), limits={"max_cost": 100, "concurrency": parallel}))
        assert seen.exit == 5
        assert time.monotonic() - began < PATIENCE
        refused = [row for row in seen.attempts if row.state.value == "not_charged"]
        assert 1 <= len(refused) <= parallel
        sent = [row for row in seen.attempts if row.state.value != "not_sent"]
        assert len(here.bill()) == len(sent) <= good + parallel
        first = min(row.ended for row in refused if row.ended)
        assert [row.id for row in sent if row.started > first] == []
        assert here.billed == seen.charged
        assert seen.result.summary["jobs"]["failed"] == 0


def test_one_prompt_that_always_fails(place_of_work: Path) -> None:
    """The same failure of one job is not repeated for ever, and the others are drawn."""
    with scene(place_of_work) as here:
        jobs = [*lamps(10), {"id": "bad", "prompt": "Bad [[mock: fault=status_500]]"}, *lamps(20)[10:]]
        seen = here.run(here.manifest(jobs))
        assert seen.exit == 7
        assert seen.states("bad") == ("at_risk", "at_risk")
        assert seen.result.summary["jobs"]["done"] == 20


def test_the_same_refusal_of_the_first_three_jobs(place_of_work: Path) -> None:
    """Three jobs in a row refused alike before anything was charged: the manifest is wrong, and the run says so."""
    with scene(place_of_work, rules=(Rule("400_invalid"),)) as here:
        seen = here.run(here.manifest(lamps(40), limits={"max_cost": 100, "concurrency": 2}))
        assert seen.exit == 2
        assert len(here.bill()) <= 5
        assert "fix the manifest" in seen.result.summary["why"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(place_of_work: Path, status: int) -> None:
    """Neither the request nor the key goes anywhere else; exit 2 names where it would have gone."""
    with scene(place_of_work) as elsewhere:
        to = f"{elsewhere.handle.base_url}/images/generations"
        with scene(place_of_work, rules=(Rule(f"redirect_{status}", options={"to": to}),)) as here:
            seen = here.run(here.manifest(lamps(3), limits={"max_cost": 100, "concurrency": 1}))
            assert seen.exit == 2
            assert len(here.bill()) == 1
            assert to in seen.result.summary["why"]
        assert elsewhere.handle.requests() == []
