"""Waits, while a run works, for the checks of canaries: the others of their templates start as soon as those pass."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from batchgen.app.output.derive import Deriver
from batchgen.app.output.measures import keep_measures
from batchgen.engine.stop_reasons import StopReasons
from batchgen.ledger import Ledger
from batchgen.model import CanaryUntil, Checks, Job
from batchgen.planner import Canaries
from batchgen.runtime.change import Change, first_of
from batchgen.runtime.clock import Offload


@dataclass
class CanaryWatch:
    """Watches the canaries that one run draws. `starts` may be called from any thread, the others by the event loop."""

    canaries: Canaries
    ledger: Ledger
    deriver: Deriver
    checks: Checks
    stops: StopReasons
    _under_way: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _verdicts: dict[str, asyncio.Task[bool]] = field(default_factory=dict)
    _changed: Change = field(default_factory=Change)

    def starts(self, job: Job) -> None:
        """Take that a job starts: it may be a canary."""
        if self.canaries.is_closed(job.template):
            self._under_way[job.template].add(job.id)

    def ends(self, job: Job) -> None:
        """Take that a job has ended."""
        if job.template in self._under_way:
            self._under_way[job.template].discard(job.id)
            self._changed.tell()

    def may_open(self, template: str) -> bool:
        """Whether checks may still open a template in this run."""
        rule, verdict = self.canaries.rule, self._verdicts.get(template)
        if rule is None or rule.until is not CanaryUntil.CHECKED:
            return False
        return verdict is None or not verdict.done() or verdict.result()

    async def opens(self, template: str, offload: Offload) -> bool:
        """Wait for the checks of a template's canaries; whether they pass."""
        if template not in self._verdicts:
            self.deriver.listen(partial(_call, asyncio.get_running_loop(), self._changed.tell))
            self._verdicts[template] = asyncio.create_task(self._watch(template, offload))
        return await asyncio.shield(self._verdicts[template])

    async def _watch(self, template: str, offload: Offload) -> bool:
        while not self.stops:
            change = asyncio.ensure_future(self._changed.wait())
            if not self._under_way[template] and await offload(self._are_measured, template):
                change.cancel()
                return await offload(self._judge, template)
            await first_of(change, self.stops.wait())
        return False

    def _are_measured(self, template: str) -> bool:
        return all(map(self.deriver.is_done_with, self.canaries.unmeasured(self.ledger, template)))

    def _judge(self, template: str) -> bool:
        """Write down what was measured, and see whether that is enough."""
        keep_measures(self.ledger, self.checks, dict(self.deriver.result.measured))
        self.canaries.look(self.ledger)
        return not self.canaries.is_closed(template)


def _call(loop: asyncio.AbstractEventLoop, listener: Callable[[], object]) -> None:
    """Call from another thread; nobody listens any more when the loop is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(listener)
