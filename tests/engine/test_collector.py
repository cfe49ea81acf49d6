"""What comes later does not keep a run from ending."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from batchgen.engine.collector import AT_ONCE, Collector
from batchgen.engine.context import RunContext
from batchgen.engine.open_items import LeftOpen
from batchgen.engine.stop_reasons import StopReasons
from batchgen.ledger import PendingDownload
from batchgen.model import Pending, Settings, SlotState, Stop, StopKind
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock
from tests.engine.conftest import job
from tests.offloading import in_place


def pending(run_id: str, slot: int) -> PendingDownload:
    """Return an image that a run left at an address."""
    return PendingDownload(
        attempt_id=f"a{slot}",
        run_id=run_id,
        job_key="k",
        job_id="a",
        slot=slot,
        url=f"https://x.test/{slot}",
        expires=None,
        place="a.ext",
        call_cost=MicroUSD(1),
        provider="openai",
        tries=0,
        request=job().request,
        replaces=None,
    )


@pytest.mark.parametrize(("run_id", "tried"), [("before", 1), ("now", 3 * AT_ONCE)])
async def test_a_stop_leaves_the_backlog_to_the_next_run(run_id: str, tried: int) -> None:
    """After a stop no more images of earlier runs are tried; those of this run get their one try."""
    stops, asked = StopReasons(), list[int]()

    async def collect(items: Any) -> list[Pending]:
        asked.extend(one.attempt.slots[0] for one in items)
        stops.add(Stop(StopKind.SIGNAL, "stopped"))
        await asyncio.sleep(0)
        return list(items)

    context = SimpleNamespace(
        run_id="now",
        provider=SimpleNamespace(name="openai"),
        settings=Settings("scene"),
        stops=stops,
        executor=SimpleNamespace(collect=collect),
        clock=SystemClock(),
        offload=in_place,
        ledger=SimpleNamespace(downloads=SimpleNamespace(postpone=lambda *_: None)),
        note=lambda *_, **__: None,
    )
    collector = Collector(cast("RunContext", context))
    async with collector.looking(LeftOpen()):
        images = await collector.fetch([pending(run_id, slot) for slot in range(3 * AT_ONCE)])
    states = [one.ended.result() for one in images]
    assert set(states) == {SlotState.NOT_STARTED}
    assert len(asked) == tried
