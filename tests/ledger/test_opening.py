"""Laws of the file: whose it is, how old, whether it is whole, where it lies."""

import os
import random
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.ledger import Adopted, Caps, Judged, Review, opening
from batchgen.ledger.opening import APPLICATION_ID, migrations, network_type
from batchgen.model import AttemptState, SlotState
from batchgen.money import MicroUSD
from tests.ledger.conftest import Make, Open


def filled(opened: Open, make: Make, path: Path, count: int = 1) -> None:
    """Make a ledger with some images, and close it."""
    ledger, jobs = opened(path), [make.job(f"job-{number}") for number in range(count)]
    ledger.jobs.remember([make.wanted(job) for job in jobs])
    for job in jobs:
        attempt = make.attempt(job)
        ledger.reservations.reserve(attempt, Caps())
        ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))
    ledger.close()


def money(opened: Open, path: Path) -> object:
    """Say what a ledger has confirmed, or that it is damaged."""
    try:
        return opened(path, run_id=None).accounts.totals().money.confirmed
    except StorageError:
        return "damaged"


def test_a_new_ledger_is_private_and_marked(opened: Open, tmp_path: Path) -> None:
    """Only its user may read it; its header says whose it is and how old its schema is."""
    opened()
    path = tmp_path / "ledger.db"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ledger.db-wal").stat().st_mode & 0o777 == 0o600
    header = path.read_bytes()[:100]
    assert int.from_bytes(header[68:72]) == APPLICATION_ID
    assert int.from_bytes(header[60:64]) == len(migrations())
    names = sorted(name.name for name in tmp_path.iterdir())
    assert names == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]


def test_writes_are_durable(opened: Open) -> None:
    """The journal is a WAL with full synchronisation, foreign keys are checked."""
    db = opened()._database.db
    assert [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")] == [
        "wal",
        2,
        1,
    ]


@pytest.mark.parametrize("readonly", [True, False])
def test_a_foreign_database_is_not_touched(opened: Open, tmp_path: Path, readonly: object) -> None:
    """Another program's file is named and left as it is."""
    path = tmp_path / "foreign.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE bookmarks (url)")
    db.close()
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with pytest.raises(StorageError, match=r"foreign\.db.*another program"):
        opened(path, readonly=readonly)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [name.name for name in tmp_path.iterdir()] == ["foreign.db"]


@pytest.mark.parametrize("content", [b"not a database", b"x" * 5000, b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_not_touched(opened: Open, tmp_path: Path, content: bytes) -> None:
    """Text, noise, or a torn header."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="no SQLite file"):
        opened(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_ledger(opened: Open, tmp_path: Path) -> None:
    """It is what a crash, or `touch`, leaves behind."""
    (tmp_path / "ledger.db").touch()
    assert opened().accounts.totals().jobs.total == 0


@pytest.mark.parametrize("readonly", [True, False])
def test_a_newer_ledger_is_refused(opened: Open, make: Make, tmp_path: Path, readonly: object) -> None:
    """Whatever a later batchgen wrote there is not for us to touch."""
    path = tmp_path / "ledger.db"
    filled(opened, make, path)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="newer batchgen"):
        opened(path, readonly=readonly)
    assert path.read_bytes() == before


def test_an_older_ledger_is_migrated_with_a_copy(opened: Open, make: Make, tmp_path: Path) -> None:
    """The copy has everything that was there; a reader migrates in memory and changes nothing."""
    path = tmp_path / "ledger.db"
    filled(opened, make, path)
    steps = (*migrations(), "ALTER TABLE runs ADD COLUMN mood TEXT")
    before = path.read_bytes()
    db = opening.for_reading(path, steps)
    assert db.execute("SELECT mood FROM runs").fetchone()[0] is None
    db.close()
    assert path.read_bytes() == before
    db = opening.for_writing(path, lambda name: None, Path("/proc/self/mounts"), steps)
    assert db.execute("PRAGMA user_version").fetchone()[0] == len(steps)
    assert db.execute("SELECT count(mood), count(*) FROM runs").fetchone()[:] == (0, 1)
    db.close()
    copy = opened(tmp_path / f"ledger.db.v{len(migrations())}.bak", run_id=None)
    assert copy.accounts.totals().money.confirmed == 50


@pytest.mark.sample(6)
@pytest.mark.parametrize("version", range(1, len(migrations())))
def test_every_older_schema_is_brought_up_to_date(opened: Open, make: Make, tmp_path: Path, version: int) -> None:
    """What an earlier version wrote is all there, and goes on being drawn and looked at; a copy is kept."""
    path = tmp_path / "old.db"
    filled(opened, make, tmp_path / "new.db", count=3)
    db = opening.for_writing(path, lambda name: None, Path("/proc/self/mounts"), migrations()[:version])
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
    for table in ("runs", "jobs", "attempts", "images", "spent"):
        new = {row["name"] for row in db.execute(f"PRAGMA new.table_info({table})")}
        old = [row["name"] for row in db.execute(f"PRAGMA main.table_info({table})")]
        columns = ", ".join(name for name in old if name in new)
        db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    db.close()
    assert opened(path, run_id=None, readonly=True).accounts.totals().images.stored == 3
    ledger = opened(path, run_id="run-2")
    assert ledger.accounts.totals().money.confirmed == 150
    image = next(ledger.images.stored())
    assert ledger.reviews.record([Judged(image.job_key, image.slot, image.sha256, Review.APPROVED)]) == ("",)
    assert ledger.accounts.audit() == ()
    assert (tmp_path / f"old.db.v{version}.bak").exists()


def test_every_new_ledger_is_what_the_steps_make(tmp_path: Path) -> None:
    """Also the second of a process, one that is read before it is made, and one without a name."""
    with closing(sqlite3.connect(":memory:")) as taken:
        for step in migrations():
            taken.executescript(step)
        wanted = list(taken.iterdump())
    paths, mounts = [tmp_path / f"{number}.db" for number in range(2)], Path("/proc/self/mounts")
    made = [opening.for_writing(path, lambda name: None, mounts, migrations()) for path in paths]
    made += [opening.for_reading(tmp_path / "missing.db", migrations()), opening.scratch(migrations())]
    for db in made:
        with closing(db):
            assert db.execute("PRAGMA user_version").fetchone()[0] == len(migrations())
            assert list(db.iterdump()) == wanted


def test_a_migration_that_fails_changes_nothing(opened: Open, make: Make, tmp_path: Path) -> None:
    """All steps are one transaction."""
    path = tmp_path / "ledger.db"
    filled(opened, make, path)
    steps = (*migrations(), "ALTER TABLE runs ADD COLUMN mood TEXT; CREATE TABLE runs (again)")
    with pytest.raises(StorageError):
        opening.for_writing(path, lambda name: None, Path("/proc/self/mounts"), steps)
    assert opened(path, run_id=None).accounts.totals().money.confirmed == 50


def test_a_damaged_ledger_is_refused_or_right(opened: Open, make: Make, tmp_path: Path) -> None:
    """A page of noise is found at the start, or did not matter: nothing is dispatched from a wrong account."""
    whole, chance = tmp_path / "whole.db", random.Random(7)
    filled(opened, make, whole, count=100)
    pages = whole.stat().st_size // 4096
    refused = 0
    for number in range(40):
        path = tmp_path / f"broken-{number}.db"
        shutil.copy(whole, path)
        with path.open("r+b") as file:
            file.seek(4096 * chance.randrange(1, pages))
            file.write(chance.randbytes(4096))
        before = path.read_bytes()
        found = money(opened, path)
        assert found in {5000, "damaged"}
        assert found == 5000 or path.read_bytes() == before
        refused += found == "damaged"
    assert refused >= 35


def test_a_truncated_ledger_is_refused(opened: Open, make: Make, tmp_path: Path) -> None:
    """Half a file is named as damaged."""
    path = tmp_path / "ledger.db"
    filled(opened, make, path, count=50)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StorageError, match="damaged"):
        opened(path, run_id=None)


def test_a_reader_makes_nothing(opened: Open, tmp_path: Path) -> None:
    """A missing ledger reads as an empty one."""
    ledger = opened(tmp_path / "none" / "ledger.db", readonly=True)
    assert ledger.accounts.totals().jobs.total == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_can_be_read(opened: Open, make: Make, tmp_path: Path) -> None:
    """A report of an archive on read-only ground."""
    folder = tmp_path / "archive"
    folder.mkdir()
    filled(opened, make, folder / "ledger.db")
    folder.chmod(0o500)
    try:
        assert opened(folder / "ledger.db", readonly=True).accounts.totals().money.confirmed == 50
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("there", ["missing", "empty", "filled"])
def test_a_link_to_a_ledger_is_refused(opened: Open, make: Make, tmp_path: Path, there: str, *, readonly: bool) -> None:
    """Two folders would split the limit they share, or take each other's images for their own."""
    shared, link = tmp_path / "shared.db", tmp_path / "out" / "ledger.db"
    link.parent.mkdir()
    link.symlink_to(shared)
    if there == "filled":
        filled(opened, make, shared)
    elif there == "empty":
        shared.touch()
    with pytest.raises(StorageError, match="this is a link to a ledger"):
        opened(link, readonly=readonly)
    assert link.is_symlink()
    assert list(link.parent.iterdir()) == [link]


def test_a_folder_that_everybody_may_write_to_is_refused(opened: Open, tmp_path: Path) -> None:
    """Others could change what was paid."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(StorageError, match="chmod o-w"):
        opened(folder / "ledger.db")
    assert list(folder.iterdir()) == []


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/me/local ext4 rw 0 0
//nas/x /mnt/my\\040nas cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
/dev/sdc1 /mnt/usb fuseblk rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/out", None),
        ("/home/me/out", "nfs4"),
        ("/home/me/local/out", None),
        ("/homework", None),
        ("/mnt/my nas/out", "cifs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/mnt/usb/out", None),
    ],
)
def test_network_file_systems_are_known_by_their_mounts(folder: str, kind: str | None) -> None:
    """The nearest mount point decides."""
    assert network_type(Path(folder), MOUNTS) == kind


def test_a_ledger_on_a_network_file_system_is_refused(opened: Open, tmp_path: Path) -> None:
    """SQLite is not safe there."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs rw 0 0\n")
    with pytest.raises(StorageError, match="network file system"):
        opened(mounts=mounts)
    assert not (tmp_path / "ledger.db").exists()


def test_a_writer_waits_for_another(opened: Open, make: Make, tmp_path: Path) -> None:
    """A backup or a shell that holds the ledger for a while only delays."""
    ledger, job = opened(), make.job()
    ledger.jobs.remember([make.wanted(job)])
    shell = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    shell.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, shell.execute, ("ROLLBACK",))
    timer.start()
    assert ledger.reservations.reserve(make.attempt(job), Caps()) is None
    timer.join()
    shell.close()


def test_a_snapshot_is_a_ledger(opened: Open, make: Make, tmp_path: Path) -> None:
    """With everything that was written before it."""
    ledger, job = opened(), make.job()
    ledger.jobs.remember([make.wanted(job)])
    ledger.copy_to(tmp_path / "copy.db")
    assert opened(tmp_path / "copy.db", run_id=None).accounts.totals().jobs.total == 1


def test_images_can_be_adopted_once(opened: Open, make: Make) -> None:
    """A lost ledger is built again from images: nothing is paid twice, their cost is known again."""
    ledger, job = opened(), make.job(n=2)
    found = [Adopted(make.wanted(job), make.image(job, slot), MicroUSD(40), estimated=False) for slot in (0, 1)]
    assert ledger.adoption.adopt(found) == 2
    assert ledger.adoption.adopt(found) == 0
    assert [slot.state for slot in ledger.jobs.known([job])[0].slots] == [SlotState.STORED] * 2
    assert ledger.accounts.totals().money.confirmed == 80
    assert ledger.accounts.audit() == ()


def test_faults_of_files_are_noted(opened: Open, make: Make, tmp_path: Path) -> None:
    """Missing, damaged, moved, and well again."""
    filled(opened, make, tmp_path / "ledger.db")
    ledger = opened(run_id=None)
    (image,) = ledger.images.stored()
    ledger.images.note_fault(image, "missing")
    assert next(ledger.images.stored()).fault == "missing"
    ledger.images.supersede(image.job_key, image.slot, "superseded/elsewhere.png")
    assert [(image.path, image.fault) for image in ledger.images.stored()] == [("superseded/elsewhere.png", "")]
