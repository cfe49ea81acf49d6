"""Runs that may have a key at work beside others book their starts in the ledger that they share; no other run does."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.rehearsal import Rehearsal

LAMPS = [{"id": f"lamp-{number}", "prompt": f"A lamp, number {number}"} for number in range(3)]
LIMITS = {"max_cost": 10, "images_per_minute": 6000}


def booked(ledger: Path) -> int:
    """Count the starts of which a ledger knows."""
    with closing(sqlite3.connect(ledger)) as db:
        return int(db.execute("SELECT count(*) FROM permits").fetchone()[0])


def test_a_ledger_that_outputs_share_keeps_their_pace(scene: Rehearsal) -> None:
    """A ledger of its own books nothing, and neither does a run without rates."""
    own = scene.run(scene.manifest(LAMPS, limits=LIMITS))
    assert (own.exit, booked(own.folder / "ledger.db")) == (0, 0)
    free = scene.run(scene.manifest(LAMPS, name="free", ledger="one.db", limits={"max_cost": 10}))
    assert (free.exit, booked(scene.root / "one.db")) == (0, 0)
    paced = scene.run(scene.manifest(LAMPS, name="paced", ledger="one.db", limits=LIMITS))
    assert (paced.exit, booked(scene.root / "one.db")) == (0, 3)


def test_an_outputs_own_ledger_that_another_one_uses_keeps_their_pace(scene: Rehearsal) -> None:
    """From the run after the first one of the other output."""
    first = scene.run(scene.manifest(LAMPS[:1], limits=LIMITS))
    ledger = first.folder / "ledger.db"
    assert scene.run(scene.manifest(LAMPS, name="other", ledger=str(ledger), limits=LIMITS)).exit == 0
    assert booked(ledger) == 3
    assert scene.run(scene.manifest(LAMPS, limits=LIMITS)).exit == 0
    assert booked(ledger) == 5
