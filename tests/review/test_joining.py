"""Rejected images join the run that is at work: drawn once for each decision, within its limits, and nothing else."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.control.control import control
from batchgen.app.control.orders import Answer, Do, Order
from batchgen.app.control.steering import Steering
from batchgen.app.output.maintain import read_status
from batchgen.engine.admission import Additions
from batchgen.errors import InputError
from batchgen.model import Limits
from tests.patience import wait_until
from tests.rehearsal import KEYS, Ended, rehearsal
from tests.review.conftest import DEFAULTS, Looked

SHOP = [{"id": name, "prompt": f"A {name}", "n": 2} for name in ("lamp", "chair", "stool")]
MORE = [{"id": f"vase-{number}", "prompt": f"Vase number {number}"} for number in range(24)]


@dataclass
class AtWork:
    """A run that draws slowly enough to be told something."""

    looked: Looked
    ended: Callable[[], Ended]

    def redraw(self) -> Answer:
        """Ask for what is rejected to be drawn again."""
        return control(self.looked.folder, Order(Do.REDRAW))


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looked]:
    """Return a folder whose provider takes its time."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with rehearsal(tmp_path, {"provider": "openai", "defaults": DEFAULTS}, latency=(0.08, 0.1)) as ready:
        yield Looked(ready.root, ready.handle, ready.settings)


@contextmanager
def at_work(looked: Looked, manifest: Path, **options: Any) -> Iterator[AtWork]:
    """Run a manifest beside the block, which begins when the first calls have come."""
    asked = len(looked.bill)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(looked.run, manifest, **options)
        work = AtWork(looked, lambda: run.result(60))
        wait_until(lambda: len(looked.bill) >= asked + 2 or run.done())
        yield work


def prompts(looked: Looked, since: int) -> list[str]:
    """Say what was asked for since a number of calls."""
    return [call["prompt"] for call in looked.bill[since:]]


def test_rejected_images_are_drawn_by_the_run_that_is_at_work(slow: Looked) -> None:
    """Those of earlier runs and of this one, before the rest, with their notes, once; the page can say so."""
    narrow: dict[str, Any] = {"limits": {"max_cost": 100, "concurrency": 2}}
    ended = slow.run(slow.manifest(SHOP))
    back = [("lamp", 1, "rejected", "in brass"), ("chair", 0, "rejected", ""), ("lamp", 0, "approved", "")]
    slow.review(*(slow.said(ended, *one) for one in back))
    before = len(slow.bill)
    with at_work(slow, slow.manifest([*SHOP, *MORE], **narrow)) as work:
        wait_until(lambda: (read_status(slow.folder)["live"] or {}).get("takes_redraws"))
        answer = work.redraw()
        assert answer.taken
        assert answer.why.startswith("2 images are drawn again, for about $0.0")
        again = work.redraw()
        assert not again.taken
        assert "being drawn already" in again.why or again.why == "no image is rejected"
    last = work.ended()
    assert last.exit == 0
    asked = prompts(slow, before)
    assert sorted(asked) == sorted(["A lamp\nin brass", "A chair", *(job["prompt"] for job in MORE)])
    assert max(map(asked.index, ["A lamp\nin brass", "A chair"])) < len(MORE) - 2
    assert last.summary["images"]["stored"] == last.summary["images"]["wanted"] == 6 + len(MORE)
    assert last.table("rerun") == []
    rows = {(row["job_id"], row["slot"]): row for row in last.table("images")}
    assert (rows["lamp", "1"]["prompt"], rows["lamp", "0"]["review"]) == ("A lamp\nin brass", "approved")
    slow.agree(last)


@pytest.mark.slow
def test_a_run_that_draws_rejected_images_anyway_draws_none_twice(slow: Looked) -> None:
    """Whichever of the two comes first to an image; tasks are planned a few ahead."""
    many = [{"id": f"jug-{number}", "prompt": f"Jug number {number}"} for number in range(70)]
    ended = slow.run(slow.manifest(many))
    slow.review(*(slow.said(ended, str(job["id"]), 0, "rejected") for job in many))
    before = len(slow.bill)
    with at_work(slow, slow.manifest(many, limits={"max_cost": 100, "concurrency": 2}), rejected=True) as work:
        assert work.redraw().taken
        assert not work.redraw().taken
    last = work.ended()
    assert last.exit == 0
    assert sorted(prompts(slow, before)) == sorted(str(job["prompt"]) for job in many)
    assert last.table("rerun") == []
    slow.agree(last)


@pytest.mark.slow
def test_a_redraw_is_paid_within_the_limit_of_the_run(slow: Looked) -> None:
    """What the limit does not allow stays as it is, and stays rejected."""
    ended = slow.run(slow.manifest(SHOP))
    slow.review(*(slow.said(ended, name, slot, "rejected") for name in ("lamp", "chair", "stool") for slot in (0, 1)))
    tight = {"max_cost": 0.03, "concurrency": 1}
    with at_work(slow, slow.manifest([*SHOP, *MORE], limits=tight)) as work:
        assert work.redraw().taken
    last = work.ended()
    assert last.exit == 4
    assert last.summary["this_run"]["money"]["confirmed_micro_usd"] <= 30_000
    assert len(last.table("rerun")) > 0
    assert last.summary["images"]["stored"] < 6 + len(MORE)
    slow.agree(last)


@pytest.mark.slow
def test_what_the_manifest_has_no_more_is_not_drawn(slow: Looked) -> None:
    """Somebody is told, and the run goes on; without a run at work nobody draws."""
    ended = slow.run(slow.manifest(SHOP))
    slow.review(slow.said(ended, "lamp", 0, "rejected"))
    before = len(slow.bill)
    with at_work(slow, slow.manifest([*SHOP[1:], *MORE], limits={"max_cost": 100, "concurrency": 2})) as work:
        answer = work.redraw()
        assert not answer.taken
        assert "1 rejected image stays as it is" in answer.why
    assert work.ended().exit == 0
    assert sorted(prompts(slow, before)) == sorted(str(job["prompt"]) for job in MORE)
    with pytest.raises(InputError, match="no run is at work"):
        work.redraw()


@pytest.mark.parametrize("paused", [True, False])
def test_a_run_that_takes_no_redraws_says_what_does(paused: bool) -> None:
    """Before it draws, at its end, and where it draws in batches; nothing else is changed by asking."""
    steering = Steering(Limits(), paused=paused)
    answer = steering.take(Order(Do.REDRAW))
    assert not answer.taken
    assert "run --rejected" in answer.why
    assert steering.paused is paused


async def test_a_run_goes_on_until_all_is_there_that_it_was_told_to_expect() -> None:
    """Then it takes no more."""
    additions = Additions[None](asyncio.Event())
    assert additions.expect()
    assert additions.expect()
    waiting = asyncio.create_task(additions.more())
    additions.come([])
    await asyncio.sleep(0)
    assert not waiting.done()
    additions.come([])
    assert not await waiting
    assert not additions.expect()
    assert additions.take() is None
