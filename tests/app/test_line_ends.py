"""However a file was saved, and with whatever version: what is paid is not bought again."""

import sqlite3
from pathlib import Path

import pytest

from batchgen.manifest import expand, load
from batchgen.manifest.key import key_1
from batchgen.model import Job
from tests.rehearsal import Ended, Rehearsal

pytestmark = pytest.mark.sample(3)

ENDS = ["\n", "\r\n", "\r"]
HEADS = {True: "id,prompt{}", False: "prompt{}"}


def write(scene: Rehearsal, end: str, *, ids: bool) -> Path:
    """Return a manifest of one prompt of two lines, and one of a single line."""
    cells = ['"A lamp{0}in oak"', "A chair"] if not ids else ['l,"A lamp{0}in oak"', "c,A chair"]
    path = scene.root / "scene.csv"
    path.write_bytes("\n".join([HEADS[ids].format(""), *cells, ""]).format(end).encode())
    return path


def as_version_1(ended: Ended, manifest: Path) -> None:
    """Turn the ledger into what version 1 would have written: the keys in it are those of version 1."""
    with sqlite3.connect(ended.folder / "ledger.db", isolation_level=None) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        tables = {row[0]: row[1] for row in db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")}
        for trigger in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger[0]}")
        for job in (item for item in expand(load(manifest)) if isinstance(item, Job)):
            old = key_1(job.request, job.id if job.explicit_id else None)
            for table, sql in tables.items():
                if column := "job_key" if "job_key" in sql else "key" if table == "jobs" else "":
                    db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (old, job.key))
    db.close()


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("bought", ENDS)
def test_another_line_end_buys_nothing(scene: Rehearsal, bought: str, *, ids: bool) -> None:
    """Plan and run both know what is stored."""
    ended = scene.run(write(scene, bought, ids=ids), provider="mock")
    assert (ended.exit, len(scene.bill)) == (0, 2), ended.why
    for end in ENDS:
        manifest = write(scene, end, ids=ids)
        rows, estimate = scene.plan(manifest, provider="mock")
        assert estimate.calls == 0
        assert {item.action.value for item in rows.values()} == {"stored"}
        again = scene.run(manifest, provider="mock")
        assert (again.exit, again.summary["images"]["stored"], len(scene.bill)) == (0, 2, 2)


@pytest.mark.sample(1)
@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("bought", ENDS)
def test_what_version_1_bought_is_known_under_its_key(scene: Rehearsal, bought: str, *, ids: bool) -> None:
    """Also when the file was saved anew since."""
    manifest = write(scene, bought, ids=ids)
    ended = scene.run(manifest, provider="mock")
    as_version_1(ended, manifest)
    for end in ENDS:
        manifest = write(scene, end, ids=ids)
        _, estimate = scene.plan(manifest, provider="mock")
        assert estimate.calls == 0
        again = scene.run(manifest, provider="mock")
        assert (again.exit, again.summary["images"]["stored"], len(scene.bill)) == (0, 2, 2)
        assert again.summary["images"]["wanted"] == 2
