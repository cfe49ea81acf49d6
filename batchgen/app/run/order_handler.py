"""A run at work does what people tell it, and says what holds it up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchgen.app.config.open_files import make_room
from batchgen.app.control.orders import Do, Order
from batchgen.app.run.redraws import Redraws
from batchgen.app.run.run import Run
from batchgen.engine.context import RunContext
from batchgen.engine.job_runner import JobRunner
from batchgen.engine.lane import Lane
from batchgen.model import Stop, StopKind
from batchgen.money import MicroUSD
from batchgen.runtime.clock import Offload
from batchgen.text import counted, duration, safe


@dataclass(frozen=True)
class OrderHandler:
    """Takes the orders of one run while it draws: each is done, or refused, written into the log and answered."""

    run: Run
    context: RunContext
    worker: JobRunner
    redraws: Redraws
    on_disk: Offload

    async def look(self) -> None:
        """Do what was told since the last look, and note what holds the run up."""
        run = self.run
        orders: list[tuple[str, Order | None]] = await self.on_disk(list, run.orders.waiting())
        for name, order in orders:
            answer = run.steering.take(order)
            if answer.taken and order and order.do is Do.REDRAW:
                answer = await self.redraws.take()
            facts = _facts(order)
            run.note("control", taken=answer.taken, why=answer.why, **facts)
            if order and answer.taken:
                await self._do(order)
                by = f"the {order.by} ({safe(order.user, 40)})" if order.user else f"the {order.by}"
                run.watch.on_note(f"told by {by}: {answer.why}", urgent=True)
            await self.on_disk(run.orders.answer, name, answer)
        run.held_up = tuple(_held_up(run, self.context))
        run.rates = _rates(self.context.lanes)
        if orders:
            under_way = sum(lane.limiter.in_flight - lane.limiter.waiting for lane in self.context.lanes)
            await self.on_disk(run.status_file, under_way)

    async def _do(self, order: Order) -> None:
        run, limiters = self.run, [lane.limiter for lane in self.context.lanes]
        run.meter.paused = run.steering.paused
        match order.do:
            case Do.PAUSE:
                for limiter in limiters:
                    limiter.hold()
            case Do.RESUME:
                for limiter in limiters:
                    limiter.go_on()
            case Do.DRAIN:
                run.meter.state = "draining"
                run.stops.add(Stop(StopKind.DRAIN, "drained by batchgen control"))
            case Do.REDRAW:
                pass  # it has been handed over
            case Do.SET:
                await self._set(order.concurrency, order.max_cost)

    async def _set(self, concurrency: int | None, max_cost: MicroUSD | None) -> None:
        run = self.run
        if concurrency is not None:
            self.worker.resize(make_room(concurrency))
        if max_cost is not None:
            run.meter.cap = max_cost
            self.worker.limits_changed()
            await self.context.offload(run.ledger.runs.change_cap, run.run_id, max_cost)


def _rates(lanes: Sequence[Lane]) -> dict[str, dict[str, float]]:
    """Say how much of each limit is used, at all providers that have one together."""
    rates: dict[str, dict[str, float]] = {}
    for lane in lanes:
        for kind, (used, most) in lane.limiter.used.items():
            sums = rates.setdefault(kind, {"used": 0, "limit": 0})
            sums["used"] += used
            sums["limit"] += most
    return rates


def _held_up(run: Run, context: RunContext) -> Iterator[Mapping[str, Any]]:
    """Say what of a run at work waits for what: codes for programs, words for people."""
    if run.steering.paused:
        yield _held("pause", "somebody paused the run", f"batchgen control {safe(run.workspace.root, 400)} resume")
    for lane in context.lanes:
        yield from _held_at(lane, "the provider" if len(context.lanes) == 1 else lane.name, paused=run.steering.paused)
    if run.meter.batches:
        done, lines = run.meter.away
        away = counted(len(run.meter.batches), "batch", "batches")
        yield _held(
            "batch",
            f"{away} at the provider: {done:,} of {lines:,} lines done",
            "nothing: they are collected when they are there",
        )


def _held_at(lane: Lane, name: str, *, paused: bool) -> Iterator[Mapping[str, Any]]:
    limiter = lane.limiter
    if paused or lane.stop:
        pass
    elif limiter.resumes_in > 0:
        wait = duration(limiter.resumes_in)
        yield _held("rate", f"{name} asked for a pause; it goes on in {wait}", "nothing: it goes on by itself")
    elif limiter.waiting:
        calls = counted(limiter.waiting, "call")
        yield _held("rate", f"{calls} waiting for the pace that the limits allow", "nothing: it goes on by itself")
    for model in lane.breaker.open:
        why = f"{safe(model, 80)} keeps failing in ways that may be charged; one call at a time tries it again"
        yield _held("breaker", why, "nothing: it goes on when a call succeeds, or ends the run")


def _held(code: str, why: str, then: str) -> Mapping[str, Any]:
    return {"code": code, "why": why, "next": then}


def _facts(order: Order | None) -> Mapping[str, Any]:
    if order is None:
        return {}
    change = {"concurrency": order.concurrency, "max_cost_micro_usd": order.max_cost}
    told = {name: value for name, value in change.items() if value is not None}
    return {"do": order.do.value, "by": order.by.value, "user": order.user, **told}
