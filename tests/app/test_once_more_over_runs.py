"""A call that may have been charged is made once more, over all runs; then its job is held until somebody decides."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output import maintain
from batchgen.mock import Rule
from batchgen.model import OnUncertain
from tests.app.test_late_results import Died, dies_at
from tests.rehearsal import Rehearsal, rehearsal

pytestmark = pytest.mark.sample(3)


@pytest.fixture(params=[1, 4], ids=["n=1", "n=4"])
def n(request: pytest.FixtureRequest) -> int:
    """Say how many images a job asks for."""
    return int(request.param)


def jobs(n: int) -> list[dict[str, Any]]:
    """Return one job whose calls end badly, and one that is well."""
    return [{"id": "bad", "prompt": "A broken lamp", "n": n}, {"id": "good", "prompt": "A lamp", "n": n}]


def bad_calls(scene: Rehearsal) -> int:
    """Count what was asked of the provider for the job whose calls end badly."""
    return len([one for one in scene.handle.requests() if one["path"].endswith("generations")]) - 1


def killed(scene: Rehearsal, manifest: Path, point: str, time: int = 1) -> None:
    """Run, and die on the way."""
    try:
        scene.run(manifest, dies_at(point, time))
    except BaseException as end:
        if "unhandled" not in str(end) and not isinstance(end, Died):
            raise


@pytest.mark.parametrize("fault", ["status_502_html", "eof_before_headers", "status_524"])
def test_a_call_that_always_breaks_off_is_made_twice_and_no_more(tmp_path: Path, fault: str, n: int) -> None:
    """Night after night nothing more is asked; the status says that somebody has to decide."""
    with scene(tmp_path, Rule(fault, prompt="broken")) as here:
        manifest = here.manifest(jobs(n))
        for _ in range(3):
            ended = here.run(manifest)
            assert ended.exit == 7, ended.summary
            assert bad_calls(here) == 2
        assert here.plan(manifest)[0]["bad"].action.value == "held"


def test_who_said_so_pays_once_more_a_run(tmp_path: Path, n: int) -> None:
    """`--on-uncertain retry` asks once, each time that it is said."""
    with scene(tmp_path, Rule("eof_before_headers", prompt="broken")) as here:
        manifest = here.manifest(jobs(n))
        here.run(manifest)
        for more in (1, 2):
            ended = here.run(manifest, on_uncertain=OnUncertain.RETRY)
            assert (ended.exit, bad_calls(here)) == (7, 2 + more)


def test_what_somebody_gave_back_begins_anew(tmp_path: Path, n: int) -> None:
    """After `resolve OUTPUT retry` a call, and one more."""
    with scene(tmp_path, Rule("eof_before_headers", prompt="broken")) as here:
        manifest = here.manifest(jobs(n))
        ended = here.run(manifest)
        maintain.resolve(ended.folder, decision="retry")
        assert (here.run(manifest).exit, bad_calls(here)) == (7, 4)
        assert (here.run(manifest).exit, bad_calls(here)) == (7, 4)


def test_who_holds_asks_once_and_it_stays_held(tmp_path: Path, n: int) -> None:
    """The next plain run asks nothing: it was held."""
    with scene(tmp_path, Rule("eof_before_headers", prompt="broken")) as here:
        manifest = here.manifest(jobs(n))
        assert here.run(manifest, on_uncertain=OnUncertain.HOLD).exit == 7
        assert bad_calls(here) == 1
        assert (here.run(manifest).exit, bad_calls(here)) == (7, 1)


def test_a_run_that_ended_before_its_one_more_try_leaves_it_to_a_later_one(tmp_path: Path, n: int) -> None:
    """Once, however often runs are killed: two calls in all, then it is held."""
    with scene(tmp_path, Rule("eof_before_headers", prompt="broken")) as here:
        manifest = here.manifest(jobs(n)[:1])
        killed(here, manifest, "ledger.settle.after_commit")
        assert [here.run(manifest).exit for _ in range(3)] == [7, 7, 7]
        assert bad_calls(here) + 1 == 2


def test_kills_in_flight_are_counted_too(tmp_path: Path, n: int) -> None:
    """A call whose run died is one that may have been charged: a second, and no third."""
    with scene(tmp_path) as here:
        manifest = here.manifest(jobs(n)[:1])
        for _ in range(2):
            killed(here, manifest, "storage.finish.before_parts")
        ended = here.run(manifest)
        assert (ended.exit, bad_calls(here) + 1) == (7, 2)
        ended = here.run(manifest, on_uncertain=OnUncertain.RETRY)
        assert ended.exit == 0


def test_an_outage_of_many_nights_is_paid_for_a_few_times_and_no_more(tmp_path: Path, n: int) -> None:
    """A provider that charges and brings nothing: a job is asked for twice, once more after the outage, then held."""
    with scene(tmp_path, Rule("status_502_html")) as here:
        retry = {"base_seconds": 0.001, "cap_seconds": 0.002, "breaker_probe_seconds": [0.01, 0.01, 0.01]}
        lamps = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(12)]
        manifest = here.manifest(lamps, limits={"max_cost": 100, "concurrency": 4}, retry=retry)
        assert here.run(manifest).exit == 6
        for _ in range(6):
            here.run(manifest)
        asked = Counter(one["prompt"] for one in here.bill)
        assert (len(asked), max(asked.values())) == (12, 3)
        ended = here.run(manifest)
        assert (ended.exit, ended.summary["jobs"]["held"], len(here.bill)) == (7, 12, asked.total())


@pytest.mark.parametrize(("fault", "most"), [("b64_no_picture", 2), ("chunked_cut", 3)])
def test_what_is_charged_and_unusable_is_asked_for_once_more_over_all_nights(
    tmp_path: Path, fault: str, most: int
) -> None:
    """The breaker ends each night before the second try of some jobs: that is one try of two all the same."""
    with scene(tmp_path, Rule(fault)) as here:
        retry = {"base_seconds": 0.001, "cap_seconds": 0.002, "breaker_probe_seconds": [0.01, 0.01, 0.01]}
        lamps = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}"} for at in range(24)]
        manifest = here.manifest(lamps, limits={"max_cost": 100, "concurrency": 4}, retry=retry)
        assert here.run(manifest).exit == 6
        for _ in range(8):
            here.run(manifest)
        asked = Counter(one["prompt"] for one in here.bill)
        assert len(asked) == 24
        assert max(asked.values()) <= most
        here.run(manifest)
        assert len(here.bill) == asked.total()


def scene(root: Path, *rules: Rule) -> Any:
    """Return a rehearsal with the embedded kind of provider, whose calls need no key."""
    return rehearsal(root, {"provider": "mock", "defaults": {"quality": "low"}}, rules=rules)
