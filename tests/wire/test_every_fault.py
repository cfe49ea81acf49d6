"""Every fault a server can show, over real sockets: one right state for each call, and no other job suffers."""

from pathlib import Path
from typing import Any

import pytest

from batchgen.mock.faults import FAULTS
from batchgen.mock.field_faults import FIELD
from tests.wire.fates import ELSEWHERE, FATES, UNKNOWN, Fate
from tests.wire.scene import QUICK, Scene, Seen, scene

# Where the job for one image and the job for four stand among five.
PLACES = {"ends": (0, 4), "front": (2, 0), "back": (4, 2)}
GOOD_JOBS = {3: 1, 1: 2, 2: 3, 0: 1, 4: 2}


def cases() -> list[Any]:
    """Each fault in turn at one of the places; at all of them in the long version."""
    found = []
    for index, (fault, fate) in enumerate(sorted(FATES.items())):
        for turn, place in enumerate(PLACES):
            slow = fate.slow or turn != index % len(PLACES)
            found.append(pytest.param(fault, place, marks=[pytest.mark.slow] if slow else [], id=f"{fault}-{place}"))
    return found


def test_every_fault_has_a_fate() -> None:
    """A fault that the mock can show and nobody expects would be proven nowhere."""
    assert set() == UNKNOWN
    assert FATES.keys() == {*FAULTS, *FIELD} - ELSEWHERE


@pytest.mark.sample(20)
@pytest.mark.parametrize(("fault", "place"), cases())
def test_a_fault_ends_in_the_right_state(place_of_work: Path, fault: str, place: str) -> None:
    """One and four images, first, in the middle or last: calls, slots and exit status are as expected."""
    fate = FATES[fault]
    config: dict[str, Any] = {"fixed_bytes": None} if fate.drawn else {}
    with scene(place_of_work, **config) as here:
        jobs, bad = _jobs(fault, fate, place)
        # In a run that stops it is known what has been sent: one call after the other.
        limits = {"max_cost": 100, "concurrency": 1 if fate.stops else 16}
        retry = {**QUICK, "deadline_seconds": fate.deadline}
        seen = here.run(here.manifest(jobs, limits=limits, retry=retry))
        if fate.stops:
            _stopped(seen, fate, bad, jobs)
        else:
            _finished(seen, fate, bad, jobs)
        _accounted(here, seen)


def _jobs(fault: str, fate: Fate, place: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Five jobs of which two meet the fault; and how many images those want."""
    wants = dict(zip(PLACES[place], (1, 4), strict=True))
    directive = f" [[mock: fault={fault} {fate.how}]]"
    jobs = [
        {"id": f"job{at}", "prompt": f"Lamp {at}{directive if at in wants else ''}", "n": wants.get(at, GOOD_JOBS[at])}
        for at in range(5)
    ]
    return jobs, {f"job{at}": n for at, n in wants.items()}


def _finished(seen: Seen, fate: Fate, bad: dict[str, int], jobs: list[dict[str, Any]]) -> None:
    assert seen.exit == fate.exit, seen.result.summary["why"]
    for job in jobs:
        name, n = job["id"], job["n"]
        calls, slots = fate.of(n) if name in bad else (("settled",), ("stored",) * n)
        assert (seen.states(name), tuple(sorted(seen.slots(name)))) == (calls, tuple(sorted(slots))), name


def _stopped(seen: Seen, fate: Fate, bad: dict[str, int], jobs: list[dict[str, Any]]) -> None:
    """Jobs before the fault are stored, the fault makes one call, and nothing is sent afterwards."""
    first = min(bad)
    before = [job["id"] for job in jobs if job["id"] < first]
    assert seen.exit == (fate.exit if fate.exit == 5 or not before else 5), seen.result.summary["why"]
    for job in jobs:
        name, n = job["id"], job["n"]
        if name in before:
            assert (seen.states(name), seen.slots(name)) == (("settled",), ("stored",) * n)
        elif name == first:
            assert (seen.states(name), seen.slots(name)) == fate.of(n)
        else:
            assert (seen.states(name), seen.slots(name)) == ((), ("not_started",) * n)


def _accounted(here: Scene, seen: Seen) -> None:
    """Check that the server's bill is covered, it saw no unknown call, and every image is explained."""
    money = seen.money
    assert here.billed <= seen.charged + money["at_risk_micro_usd"]
    drawn = [entry for entry in here.bill() if entry["path"].startswith("/v1/images")]
    assert len(drawn) == len(seen.attempts)
    assert [row.reserved for row in seen.attempts] == [0] * len(seen.attempts)
    images = seen.result.summary["images"]
    assert images.pop("wanted") == sum(images.values())
    with here.ledger() as ledger:
        assert ledger.accounts.audit() == ()
