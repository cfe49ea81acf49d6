"""A ledger that version 0.1.0 wrote is read, migrated and gone on with."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.compat import fixture
from tests.compat.commands import Commands
from tests.compat.old_ledger import perform, provider, read_only, unpack
from tests.compat.scene import Scene

pytestmark = pytest.mark.sample(1)


@pytest.fixture
def scene(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Check that an empty folder in which commands are given."""
    with Commands(tmp_path_factory.mktemp("compat")) as commands:
        yield Scene(tmp_path, commands)


@pytest.mark.first
def test_an_old_ledger_gives_what_it_gave_to_the_version_that_wrote_it(scene: Scene) -> None:
    """Every state is read as it was, what was paid is finished, and only decisions buy anything."""
    different = fixture.difference(fixture.read("ledger-0.1.0"), perform(scene))
    assert not different, f"the old ledger is not read as it was (see README.md beside this test):\n{different}"


@pytest.mark.slow
def test_reading_an_old_ledger_changes_nothing(scene: Scene) -> None:
    """The file stays what it is to the byte, and no copy of it is made."""
    unpack(scene.work, "http://127.0.0.1:9")
    path = scene.work / "folder" / "ledger.db"
    before = sha256(path.read_bytes()).hexdigest()
    read_only(scene)
    assert sha256(path.read_bytes()).hexdigest() == before
    assert not [*path.parent.glob("ledger.db*.bak")]


@pytest.mark.slow
def test_an_old_ledger_is_kept_beside_the_migrated_one(scene: Scene) -> None:
    """Where the schema has a newer version, a copy from before stands beside it, named after its own version."""
    with provider() as serving:
        unpack(scene.work, serving.origin)
        path = scene.work / "folder" / "ledger.db"
        version, before = told(path)
        scene.batchgen("verify", "folder")
    copy = path.with_name(f"ledger.db.v{version}.bak")
    if told(path)[0] == version:
        assert not copy.exists()
    else:
        assert told(copy) == (version, before)


def told(path: Path) -> tuple[int, str]:
    """Return the version of the schema, and everything that a ledger holds."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0], "\n".join(db.iterdump())
