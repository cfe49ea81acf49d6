"""Attempts whose results come later: waited for, never paid twice, and found by the next run."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from batchgen.ledger import AttemptRow, Ledger
from batchgen.model import AttemptState
from batchgen.runtime.clock import SystemClock
from tests.executor.late import LateExecutor
from tests.rehearsal import Ended, Rehearsal

pytestmark = pytest.mark.sample(2)

JOBS: list[dict[str, Any]] = [
    {"id": f"j{number}", "prompt": f"A lamp {number}", "n": 1 + number % 2} for number in range(6)
]
IMAGES = sum(job["n"] for job in JOBS)


class NeverExecutor(LateExecutor):
    """Accepts everything and tells nothing while this run lasts."""

    looks = 1_000_000


class Died(BaseException):
    """The run ends here, as if killed."""


def dies_at(name: str, time: int = 1) -> Callable[[str], None]:
    """Return a fault point where the run ends when it comes there for the so many-th time."""
    times = count(1)

    def at(where: str) -> None:
        if where == name and next(times) == time:
            raise Died(where)

    return at


def rows(ended: Path) -> list[AttemptRow]:
    """Return the attempts that the ledger of an output knows."""
    with Ledger.open(ended / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        return list(ledger.report_rows.attempts())


def is_complete(scene: Rehearsal, ended: Ended) -> None:
    """Everything is stored, was asked for once, and the books are the bill."""
    assert ended.exit == 0, ended.summary
    assert ended.summary["images"]["stored"] == IMAGES
    assert len(scene.bill) == len(JOBS)
    assert ended.charged == scene.billed
    assert ended.money["at_risk_micro_usd"] == 0
    assert not list((ended.folder / "spool").glob("*"))


def test_a_run_waits_for_what_comes_later(scene: Rehearsal) -> None:
    """It ends when everything is stored."""
    is_complete(scene, scene.run(scene.manifest(JOBS), make_executor=LateExecutor))


@pytest.mark.parametrize(
    ("point", "time"),
    [
        ("ledger.park.before_commit", 1),
        ("ledger.park.after_commit", 1),
        ("ledger.park.after_commit", 6),
        ("ledger.settle.before_begin", 1),
        ("ledger.settle.before_commit", 3),
        ("ledger.settle.after_commit", 6),
        ("storage.spool.before_remove", 2),
    ],
)
def test_a_kill_while_it_is_pending_costs_no_request(scene: Rehearsal, point: str, time: int) -> None:
    """Before it is written down that it was accepted, after that, and while it is settled: the next run collects."""
    manifest = scene.manifest(JOBS)
    with pytest.raises(BaseException, match=r"ledger|storage|unhandled"):
        scene.run(manifest, dies_at(point, time), LateExecutor)
    left = rows(scene.root / "output" / "scene")
    assert AttemptState.AT_RISK not in {row.state for row in left}
    is_complete(scene, scene.run(manifest, make_executor=LateExecutor))


def test_what_is_still_pending_is_not_asked_for_again(scene: Rehearsal) -> None:
    """A run that ends before it comes leaves it reserved, at no risk; the next one looks, and asks for nothing."""
    manifest = scene.manifest(JOBS)
    for _ in range(2):
        ended = scene.run(manifest, make_executor=NeverExecutor, max_duration=1.0)
        assert ended.exit == 9, ended.summary
        left = rows(ended.folder)
        assert [row.state for row in left] == [AttemptState.PENDING] * len(JOBS)
        assert all(row.reserved == row.high > 0 for row in left)
        assert ended.summary["images"]["submitted"] == ended.summary["images"]["wanted"] == IMAGES
        assert ended.summary["jobs"]["submitted"] == len(JOBS)
        assert ended.summary["why"].startswith(f"{IMAGES} images wait at the provider ($")
        assert len(scene.bill) == len(JOBS)
    is_complete(scene, scene.run(manifest, make_executor=LateExecutor))


def test_another_executor_on_the_same_workspace_finds_it(scene: Rehearsal) -> None:
    """What was accepted is in the spool, and the local executor looks there."""
    manifest = scene.manifest(JOBS)
    with pytest.raises(BaseException, match=r"park|unhandled"):
        scene.run(manifest, dies_at("ledger.park.before_commit"), LateExecutor)
    is_complete(scene, scene.run(manifest))


def test_what_is_pending_counts_against_the_limit(scene: Rehearsal) -> None:
    """Its worst case stays set aside: a second job that does not fit beside it waits for it, and is then drawn."""
    high = scene.plan(scene.manifest(JOBS[:1]))[1].high
    manifest = scene.manifest(JOBS[:3:2], "tight", limits={"max_cost": high * 1.9 / 1e6, "concurrency": 4})
    ended = scene.run(manifest, make_executor=NeverExecutor, max_duration=1.0)
    assert len(scene.bill) == 1
    ended = scene.run(manifest, make_executor=LateExecutor)
    assert ended.exit == 0, ended.summary
    assert len(scene.bill) == 2
    assert ended.charged == scene.billed


def test_images_at_addresses_may_come_later_still(scene: Rehearsal) -> None:
    """Accepted first, then an address, then the image: one request."""
    told = [{"id": "a", "prompt": "A lamp [[mock: fault=url_instead]]"}]
    ended = scene.run(scene.manifest(told), make_executor=LateExecutor)
    assert ended.exit == 0, ended.summary
    assert len(scene.bill) == 1
    assert ended.charged == scene.billed


@pytest.mark.parametrize("fault", ["status_500", "moderation", "truncated"])
def test_what_follows_from_a_late_result_follows_in_the_same_run(scene: Rehearsal, fault: str) -> None:
    """An attempt that brings too little is topped up, and refusals among late results are decided as ever."""
    jobs = [*JOBS, {"id": "bad", "prompt": f"A lamp [[mock: fault={fault} times=1]]"}]
    ended = scene.run(scene.manifest(jobs), make_executor=LateExecutor)
    assert ended.exit in {0, 3, 7}
    assert ended.summary["images"]["stored"] >= IMAGES
