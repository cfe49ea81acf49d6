"""A run in which nothing can move any more names what is stuck and ends."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchgen.app.config.lanes import Access
from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.control.progress import Meter
from batchgen.app.control.watchdog import standstill
from batchgen.app.preview import kept_check
from batchgen.app.run.run import Run
from batchgen.app.run.run_end import RunEnd
from batchgen.app.run.run_loop import RunLoop
from batchgen.app.watch import Unwatched
from batchgen.executor.local import LocalExecutor
from batchgen.model import Attempt, Receipt
from batchgen.storage import LocalStore, Workspace

HASTE = 2000
MANIFEST = """\
name: stuck
retry: {deadline_seconds: 100}
defaults: {model: gpt-image-2.5-flare, size: 1024x1024, quality: low}
jobs: [{id: lamp, prompt: "A lamp"}, {id: sofa, prompt: "A sofa"}]
"""


class HastyClock:
    """The machine's clock, much faster."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * HASTE

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / HASTE)


class StuckExecutor(LocalExecutor):
    """Never says what became of a call."""

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Receipt]:
        await asyncio.Event().wait()
        raise AssertionError(attempts)


class Listener(Unwatched):
    """Takes what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        self.said += [text] if urgent else []


def test_a_stuck_call_is_named_and_the_run_ends(tmp_path: Path) -> None:
    """Exit 1, the calls are at risk in the books, and the stacks of all tasks are kept."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    options = Options(provider="mock", base_url="http://127.0.0.1:9/v1", output=tmp_path / "out")
    project = replace(open_project(tmp_path / "m.yaml", options), clock=HastyClock())
    workspace, store, listener = Workspace(project.output), LocalStore(project.output), Listener()
    with workspace.lock(), project.open_ledger() as ledger:
        kept = kept_check.checked(project, options)
        session = Run(project, options, listener, workspace, store, ledger, (Access(),), kept, StuckExecutor)
        session.prepare(lambda _left: 0)
        asyncio.run(RunLoop(session).work())
        result = RunEnd(session).close()
        session.leave()
        assert [row.state.value for row in ledger.report_rows.attempts()] == ["at_risk", "at_risk"]
    assert result.exit == 1
    assert any("stuck: lamp, sofa" in text for text in listener.said)
    (stacks,) = workspace.root.glob("runs/*/error.txt")
    assert "in execute" in stacks.read_text()
    (status,) = workspace.root.glob("runs/*/status.json")
    assert json.loads(status.read_text())["exit_code"] == 1


def test_the_rate_is_that_of_this_run() -> None:
    """Answers of a run before, which are finished in a moment, say nothing of how fast this one draws."""
    meter = Meter(HastyClock())
    for attempt in ("a", "b", "c"):
        meter.note("recovered", {"attempt": attempt, "pictures": 4})
    assert (meter.snapshot(0).images_stored, meter.snapshot(0).images_per_minute) == (12, 0.0)


@pytest.mark.parametrize(
    ("seconds", "calls", "stuck"), [(1000, 1, False), (1259, 1, False), (1261, 1, True), (99_999, 0, False)]
)
def test_when_a_run_stands_still(seconds: float, calls: int, stuck: bool) -> None:
    """Twice the time of a call and a locked ledger's minute, and only while calls are under way."""
    meter = Meter(HastyClock())
    meter.under_way = {str(number): "lamp" for number in range(calls)}
    meter.changed = 0.0
    assert bool(standstill(meter, seconds, 600.0)) is stuck


def test_what_is_pending_never_stands_still() -> None:
    """It may take a day: nobody is stuck who waits for it."""
    meter = Meter(HastyClock())
    meter.note("dispatched", {"attempt": "a", "job": "lamp", "purpose": "first", "reserved_micro_usd": 5})
    meter.note("pending", {"attempt": "a", "job": "lamp", "handle": "task 1"})
    meter.changed = 0.0
    assert standstill(meter, 99_999, 600.0) == ""
    assert not meter.reserved
