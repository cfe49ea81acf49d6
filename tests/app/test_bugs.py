"""A bug ends a run with its books in order, and never without a word."""

import pytest

from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Progress, Unwatched
from batchgen.ledger import Ledger
from batchgen.runtime.clock import SystemClock
from tests.rehearsal import Rehearsal

LAMPS = [{"id": f"lamp-{at}", "prompt": f"A lamp {at}"} for at in range(3)]


def test_a_bug_ends_the_run_in_the_books(scene: Rehearsal) -> None:
    """The run has an end, a status and a report; what was paid is known; the bug itself is told."""
    broken: list[str] = []

    def breaks(where: str) -> None:
        if where == "ledger.settle.after_commit" and not broken:
            broken.append(where)
            raise ZeroDivisionError(where)

    with pytest.raises(BaseException, match=r"settle|unhandled"):
        scene.run(scene.manifest(LAMPS), at=breaks)
    folder = scene.root / "output" / "scene"
    with Ledger.open(folder / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        (row,) = ledger.runs.latest_first()
        assert row.exit_code == 1
        assert row.ended
        money = ledger.accounts.totals(row.run_id).money
    assert money.confirmed + money.estimated == scene.billed
    assert (folder / "report" / "report.html").exists()
    assert (folder / "runs" / row.run_id / "summary.json").exists()


class Blind(Unwatched):
    """A watch that breaks."""

    def on_progress(self, _progress: Progress, /) -> None:
        """Break."""
        raise ZeroDivisionError


def test_a_run_that_nobody_can_watch_ends(scene: Rehearsal) -> None:
    """Where the part that watches time and progress breaks, the run ends with the status of a bug."""
    manifest = scene.manifest(LAMPS, limits={"max_cost": 100, "concurrency": 1})
    result = run_manifest(manifest, scene.options(manifest), Blind())
    assert result.exit == 1
    assert "ZeroDivisionError" in result.summary["why"]
