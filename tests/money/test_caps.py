"""Limits hold to the micro-dollar, however many calls are under way and whatever becomes of them."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batchgen.app.preview import plan
from batchgen.errors import InputError
from batchgen.ledger import AttemptRow
from batchgen.mock import Rule
from batchgen.money import MicroUSD
from tests.wire.scene import QUICK, Scene, Seen, scene, usd

pytestmark = pytest.mark.sample(5)

FAILURES = (
    Rule("429_rate", rate=0.03, options={"wait": "0.01"}),
    Rule("status_503_json", rate=0.05),
    Rule("status_500", rate=0.03),
    Rule("eof_before_headers", rate=0.02),
    Rule("eof_mid_body", rate=0.03),
    Rule("data_empty", rate=0.02),
    Rule("fewer_1", rate=0.1),
)
# What a call for one image is reserved at is a little more than this, in micro-dollars.
EACH = 6000


def lamps(count: int, chance: Random | None = None, most: int = 1) -> list[dict[str, Any]]:
    """So many jobs, for up to `most` images each."""
    return [
        {"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": chance.randint(1, most) if chance else most}
        for at in range(count)
    ]


def smallest_left(here: Scene, manifest: Path) -> int:
    """Check that the least that a call which is still to be made would have to reserve."""
    rows = plan.plan_manifest(manifest, here.options(manifest.stem))
    return min((item.cost.quote.high for item in rows if item.cost), default=0)


def spent(seen: Seen) -> int:
    """Say what counts against a limit: settled and at risk, of this run."""
    money = seen.result.summary["this_run"]["money"]
    return int(money["confirmed_micro_usd"] + money["estimated_micro_usd"] + money["at_risk_micro_usd"])


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.slow] if s >= 20 else []) for s in range(60)])
def test_64_parallel_calls_under_a_cap(place_of_work: Path, seed: int) -> None:
    """Random latencies and failures: overshoot 0, unused less than one reservation, exit 4, and it goes on."""
    chance = Random(seed)
    with scene(place_of_work, seed=seed, rules=FAILURES, latency=(0.0, 0.05)) as here:
        jobs = lamps(80, chance, most=chance.choice([1, 4]))
        images = sum(job["n"] for job in jobs)
        cap = EACH * images // 3 + chance.randint(0, EACH)
        limits = {"max_cost": str(Decimal(cap) / 1_000_000), "concurrency": 64}
        # Failures that are this frequent would open the breaker, which has tests of its own.
        manifest = here.manifest(jobs, limits=limits, retry={**QUICK, "breaker_probe_seconds": [0.01] * 50})
        seen = here.run(manifest)
        assert spent(seen) <= cap
        assert here.billed <= cap
        assert seen.exit == 4
        assert cap - spent(seen) < smallest_left(here, manifest)
        assert seen.result.summary["jobs"]["not_started"]
        if seed % 5:
            return
        billed = here.billed
        again = here.run(manifest)
        assert again.exit in {0, 3, 4, 7}
        assert 0 < here.billed - billed <= spent(again) <= cap


def test_a_job_that_does_not_fit_makes_room_for_smaller_ones(place_of_work: Path) -> None:
    """The cut-off is cautious: the dear job waits and is named, the cheap ones after it are drawn."""
    with scene(place_of_work) as here:
        dear = {"id": "dear", "prompt": "A palace", "quality": "high", "n": 4}
        seen = here.run(here.manifest([dear, *lamps(5)], limits={"max_cost": 0.05, "concurrency": 2}))
        assert seen.exit == 4
        assert seen.states("dear") == ()
        assert seen.result.summary["images"]["stored"] == 5
        assert "$0.05" in seen.result.summary["why"]


def test_the_cap_counts_what_is_at_risk(place_of_work: Path) -> None:
    """A failure that may have been charged stays counted, so that even the dearest truth fits."""
    with scene(place_of_work, rules=(Rule("status_500", times=4),)) as here:
        seen = here.run(here.manifest(lamps(20), limits={"max_cost": 0.05, "concurrency": 2}))
        assert seen.exit == 4
        assert seen.money["at_risk_micro_usd"] > 4 * EACH * 0.9
        assert here.billed <= spent(seen) <= usd(0.05)


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.slow] if s >= 3 else []) for s in range(20)])
def test_two_manifests_share_a_day(place_of_work: Path, seed: int) -> None:
    """Two runs at once with one ledger never pass its budget together, and the next one of the day draws nothing."""
    with scene(place_of_work, seed=seed, rules=FAILURES[:4], latency=(0.0, 0.05)) as here:
        day = 40 * EACH + Random(seed).randint(0, EACH)
        told = {
            "ledger": str(place_of_work / "shared.db"),
            "budget": {"day": str(Decimal(day) / 1_000_000), "timezone": "Europe/Berlin"},
            "limits": {"concurrency": 16},
            "retry": {**QUICK, "breaker_probe_seconds": [0.01] * 50},
        }
        manifests = [here.manifest(lamps(40), name, **told) for name in ("beds", "lamps")]
        with ThreadPoolExecutor(2) as threads:
            both = list(threads.map(here.run, manifests))
        assert {seen.exit for seen in both} <= {0, 4, 7}
        assert 4 in {seen.exit for seen in both}
        assert here.billed <= _used(place_of_work / "shared.db") <= day
        calls = len(here.bill())
        left = day - _used(place_of_work / "shared.db")
        late = here.run(manifests[0])
        if left < EACH:
            assert (late.exit, len(here.bill())) == (both[0].exit and 4, calls)
        assert _used(place_of_work / "shared.db") <= day


def _used(ledger: Path) -> int:
    """Settled and at risk in a whole ledger, as another program reads it."""
    with closing(sqlite3.connect(ledger)) as db:
        (used,) = db.execute("SELECT ifnull(sum(cost + at_risk + reserved), 0) FROM attempts").fetchone()
    return int(used)


def test_a_month_bounds_what_a_day_allows(place_of_work: Path) -> None:
    """Both budgets and the run's own cap hold at once; the message names the one that refused."""
    with scene(place_of_work) as here:
        manifest = here.manifest(lamps(20), budget={"day": 50, "month": 0.03}, limits={"max_cost": 1})
        seen = here.run(manifest)
        assert seen.exit == 4
        assert "month" in seen.result.summary["why"]
        assert usd(0.03) - EACH * 1.1 < here.billed <= usd(0.03)


def test_max_images_bounds_a_run(place_of_work: Path) -> None:
    """No call is made that could bring one image more; the same command goes on."""
    with scene(place_of_work) as here:
        manifest = here.manifest(lamps(6, most=2))
        seen = here.run(manifest, max_images=5)
        assert (seen.exit, seen.result.summary["images"]["stored"]) == (4, 4)
        again = here.run(manifest, max_images=8)
        assert (again.exit, again.result.summary["images"]["stored"]) == (0, 12)


def test_images_per_day_bounds_all_runs(place_of_work: Path) -> None:
    """What a gateway sells by the day is counted in the ledger, across runs; refused images do not count."""
    with scene(place_of_work, rules=(Rule("status_503_json", times=2),)) as here:
        manifest = here.manifest(lamps(9), limits={"max_cost": 100, "images_per_day": 7, "concurrency": 3})
        seen = here.run(manifest)
        assert (seen.exit, seen.result.summary["images"]["stored"]) == (4, 7)
        calls = len(here.bill())
        assert here.run(manifest).exit == 4
        assert len(here.bill()) == calls


class Someone:
    """A person at a terminal who was asked."""

    attended = True

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def on_progress(self, progress: object, /) -> None:
        pass

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        pass

    def ask(self, question: str, /) -> bool:
        self.asked.append(question)
        return self.answer


def test_unattended_without_a_limit(place_of_work: Path) -> None:
    """Nobody at a terminal and no limit: refused before anything is sent, with the way to give one."""
    with scene(place_of_work) as here:
        manifest = here.manifest(lamps(1), limits={})
        with pytest.raises(InputError, match="--max-cost") as refused:
            here.run(manifest)
        assert refused.value.exit == 2
        assert here.bill() == []
        for limit in ({"limits": {"max_cost": 1}}, {"budget": {"day": 1}}, {"budget": {"month": 1}}):
            assert here.run(here.manifest(lamps(1), "limited", **{"limits": {}, **limit})).exit == 0
        assert here.run(manifest, max_cost=MicroUSD(20_000)).exit == 0


def test_a_dear_run_asks_once(place_of_work: Path) -> None:
    """On a terminal a run above the stated amount asks before the first call; a cheap one does not."""
    with scene(place_of_work) as here:
        dear = here.manifest([{"id": "p", "prompt": "A palace", "quality": "high", "n": 10}] * 1 + [
            {"id": f"p{at}", "prompt": f"Palace {at}", "quality": "high", "n": 10} for at in range(9)
        ], limits={})  # fmt: skip
        no, yes = Someone(answer=False), Someone(answer=True)
        with pytest.raises(InputError, match="nothing was spent"):
            _raised(here, dear, no)
        assert (len(no.asked), here.bill()) == (1, [])
        assert "100 images" in no.asked[0]
        assert here.run(dear, watch=yes).exit == 0
        assert len(yes.asked) == 1
        cheap = Someone(answer=False)
        assert here.run(here.manifest(lamps(2), "cheap", limits={}), watch=cheap).exit == 0
        assert cheap.asked == []


def _raised(here: Scene, manifest: Path, watch: Someone) -> None:
    """Run; a refusal may come as an exception or as a result with exit status 2."""
    seen = here.run(manifest, watch=watch)
    assert seen.exit == 2
    raise InputError(seen.result.summary["why"])


@pytest.mark.slow
def test_two_processes_share_a_day(place_of_work: Path) -> None:
    """Two command lines that make the ledger together, and share its budget from the first call on."""
    with scene(place_of_work, latency=(0.0, 0.05)) as here:
        told = {"ledger": str(place_of_work / "shared.db"), "budget": {"day": 0.1}, "limits": {"concurrency": 8}}
        manifests = [here.manifest(lamps(15), name, **told) for name in ("beds", "lamps")]
        words = [sys.executable, "-m", "batchgen", "run", "--quiet", "--base-url", here.handle.base_url]
        runs = [
            subprocess.Popen([*words, "--output", here.output(m.stem), m], stderr=subprocess.PIPE) for m in manifests
        ]
        said = [run.communicate()[1] for run in runs]
        assert sorted(run.returncode for run in runs) in ([0, 4], [4, 4]), said
        assert usd(0.1) - 2 * EACH < here.billed == _used(place_of_work / "shared.db") <= usd(0.1)


def test_no_more_risk_than_a_twentieth_of_the_cap(place_of_work: Path) -> None:
    """Once a dollar, or 5 % of the cap, is at risk, doubtful calls are not tried again: such jobs are held."""
    with scene(place_of_work, rules=(Rule("status_500"),)) as here:
        jobs = [{"id": f"p{at}", "prompt": f"Palace {at}", "quality": "high", "n": 4} for at in range(12)]
        retry = {**QUICK, "breaker_probe_seconds": [0.01] * 50}
        seen = here.run(here.manifest(jobs, limits={"max_cost": 20, "concurrency": 1}, retry=retry))
        assert seen.exit == 7
        calls: dict[str, list[AttemptRow]] = {}
        for row in seen.attempts:
            calls.setdefault(row.job_id, []).append(row)
        assert calls.keys() == {job["id"] for job in jobs}
        ends = sorted((row.ended, row.at_risk) for row in seen.attempts if row.ended)
        risky = next(end for place, (end, _) in enumerate(ends) if sum(risk for _, risk in ends[: place + 1]) >= usd(1))
        twice = [rows for rows in calls.values() if len(rows) > 1]
        assert twice
        assert len(twice) < len(jobs)
        for first, *_ in twice:
            assert first.ended
            assert first.ended < risky, "a second try was decided although a dollar was at risk"
