"""Where images lie, in which store, what stands in their way, and what is wrong with their files."""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from batchgen.ledger.database import Database, LedgerPart
from batchgen.ledger.image_writer import ImageWriter, Marks, slots_of
from batchgen.ledger.leftovers import PRUNED
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.runs import Runs
from batchgen.ledger.text import dump, reader, words

_BY_PATH = "INDEXED BY images_by_path"
_STANDING = "INDEXED BY images_standing"
"""Without a word, SQLite looks at every image of the catalogue for each path."""
_AT_PLACES = {
    column: f"SELECT place.value, i.{column}, i.job_key FROM json_each(:places) AS place"  # noqa: S608 - our own words
    f" CROSS JOIN images i {index} ON i.catalogue = :catalogue"
    f" AND i.{column} > place.value || '.' AND i.{column} < place.value || '/'"  # `/` comes next after `.`
    f" WHERE {which}"
    for column, index, which in (
        ("path", _BY_PATH, "i.state = 'stored' AND i.fault != 'overwritten'"),
        ("before", _STANDING, "i.before IS NOT NULL AND i.state != 'stored'"),
    )
}
"""Images at places, by the column that says where they stand."""
_FROZEN = f"(SELECT 1 FROM reviews r WHERE {IN_FORCE} AND r.decision = 'approved')"  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class RecordedImage:
    """An image that the ledger believes to be in place; `path` is relative to the output folder."""

    job_key: str
    job_id: str
    slot: int
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    fault: str = ""
    e_tag: str = ""


_read = reader(RecordedImage)


@dataclass(frozen=True, slots=True)
class SupersededImage:
    """An image that is wanted and lies at `path`, where it stepped aside for another one; its place is `place`.

    `owner` is the key of the job whose image stands there now, None when the ledger knows of none. Both paths are
    relative to the output folder.
    """

    job_key: str
    slot: int
    path: str
    place: str
    sha256: str
    owner: str | None


class Images:
    """The images of one output."""

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs

    def mark(self, job_key: str, marks: Marks) -> None:
        """Decide slots without a call: moderated, failed, uncertain, lost, or not started again."""
        now = self._database.now()
        if marks:
            with self._database.writing("mark") as db:
                ImageWriter(db, self._database.catalogue, job_key, self._runs.run_id, now).mark(marks)

    def stored(self) -> Iterator[RecordedImage]:
        """Every image whose file should be there, also of jobs that nobody wants any more; not what was pruned."""
        rows = self._database.rows(
            "SELECT i.*, j.id AS job_id FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
            " WHERE i.catalogue = :catalogue AND i.state = 'stored' AND i.fault != :pruned"
            " ORDER BY j.seq, j.rowid, i.slot",
            pruned=PRUNED,
        )
        return map(_read, rows)

    def paths_of(self, run_id: str) -> Iterator[str]:
        """Paths of the stored images that a run wanted, relative to the output folder."""
        rows = self._database.stream(
            "SELECT i.path FROM jobs j CROSS JOIN images i"
            " ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n"
            " WHERE j.catalogue = :catalogue AND j.last_run = :run AND i.state = 'stored'",
            run=run_id,
        )
        return (path for (path,) in rows)

    def origins(self) -> tuple[tuple[str, str, str], ...]:
        """Every image: its path, its sha256 and the call that brought it."""
        rows = self._database.rows(
            "SELECT path, sha256, attempt_id FROM images WHERE catalogue = :catalogue AND path IS NOT NULL"
            " AND sha256 IS NOT NULL AND attempt_id IS NOT NULL AND fault != 'overwritten' ORDER BY path"
        )
        return tuple(map(tuple, rows))

    def any_stands(self) -> bool:
        """Whether any image stands at its place: stored, or in the place of another one that has not come."""
        found = self._database.value(
            "SELECT 1 FROM images WHERE catalogue = :catalogue AND state = 'stored'"  # noqa: S608 - our own words
            f" UNION ALL SELECT 1 FROM images {_STANDING} WHERE catalogue = :catalogue AND before IS NOT NULL LIMIT 1"
        )
        return found is not None

    def drawn_by(self, provider: str) -> int:
        """Count the images in place that a provider drew."""
        count = self._database.value(
            "SELECT count(*) FROM attempts a CROSS JOIN images i ON i.attempt_id = a.id"
            " WHERE a.catalogue = :catalogue AND a.provider = :provider AND i.state = 'stored' AND NOT i.superseded",
            provider=provider,
        )
        return int(count)

    def odd_of_batches(self) -> frozenset[tuple[str, int]]:
        """Name the slots, by job, whose images batches brought, are not as asked, and were not asked for once more."""
        rows = self._database.rows(
            "SELECT i.job_key, i.slot FROM attempts a CROSS JOIN images i ON i.attempt_id = a.id"
            " WHERE a.catalogue = :catalogue AND a.route = 'batch' AND a.purpose != 'retry' AND i.state = 'stored'"
            " AND NOT i.superseded AND i.mismatches NOT IN ('', '[]') AND NOT EXISTS (SELECT 1 FROM attempts r"
            " JOIN json_each(r.slots) s ON s.value = i.slot WHERE r.catalogue = a.catalogue"
            " AND r.job_key = a.job_key AND r.seq > a.seq AND r.purpose = 'retry' AND r.state != 'not_sent'"
            " AND r.code NOT IN ('batch_expired', 'batch_cancelled'))"
        )
        return frozenset((key, slot) for key, slot in rows)

    def owner(self, path: str) -> str | None:
        """Find the key of the job whose image stands at a path, relative to the output folder.

        It is the stored one, or the one that stood in a slot before another one that has not come to this day.
        """
        stored = (
            f"SELECT job_key FROM images {_BY_PATH} WHERE catalogue = :catalogue AND path = :path AND state = 'stored'"  # noqa: S608
            " ORDER BY fault = 'overwritten', (SELECT seq FROM attempts WHERE id = attempt_id) DESC"
        )
        standing = f"SELECT job_key FROM images {_STANDING} WHERE catalogue = :catalogue AND before = :path"  # noqa: S608
        with self._database.reading():
            found = self._database.value(stored, path=path) or self._database.value(
                f"{standing} AND before IS NOT NULL", path=path
            )
        return found and str(found)

    def owners(self, places: Sequence[str]) -> dict[str, str]:
        """Find whose stored images stand at places (paths relative to the output folder, without extension).

        The keys of their jobs by place; a place where nothing of ours stands is left out. Give it batches.
        """
        with self._database.reading():
            rows = self._database.rows(_AT_PLACES["before"], places=dump(places))
            rows += self._database.rows(_AT_PLACES["path"], places=dump(places))
        return {place: key for place, path, key in rows if path.rpartition(".")[0] == place}

    def note_e_tag(self, image: RecordedImage, e_tag: str) -> None:
        """Note what the store calls the version of an image whose bytes are as they were."""
        self._set("e_tag", "e_tag = :e_tag", image.job_key, image.slot, e_tag=e_tag)

    def note_fault(self, image: RecordedImage, fault: str) -> None:
        """Note what is wrong with a stored image's file (`missing`, `damaged: ...`), or "" when it is well again."""
        self._set("fault", "fault = :fault", image.job_key, image.slot, fault=fault)

    def supersede(self, job_key: str, slot: int, path: str) -> None:
        """Note that a stored image stepped aside; `path` is where it lies now."""
        self._set("moved", "path = :path, superseded = 1, fault = ''", job_key, slot, path=path)

    def _set(self, name: str, values: str, job_key: str, slot: int, **facts: str) -> None:
        sql = f"UPDATE images SET {values} WHERE catalogue = :catalogue AND job_key = :key AND slot = :slot"  # noqa: S608
        self._database.change(name, sql, key=job_key, slot=slot, **facts)

    def superseded_wanted(self) -> tuple[SupersededImage, ...]:
        """List images that this run wants and that stepped aside for others nobody wants any more."""
        run_id = self._runs.current
        with self._database.reading() as db:
            rows = self._database.rows(
                "SELECT i.job_key, i.slot, i.path, i.sha256, a.slots, a.paths FROM images i"
                " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key JOIN attempts a ON a.id = i.attempt_id"
                " WHERE i.catalogue = :catalogue AND i.superseded AND i.state = 'stored' AND i.fault != :pruned"
                " AND j.last_run = :run AND i.slot < j.n AND a.paths != '[]' ORDER BY j.seq, i.slot",
                pruned=PRUNED,
                run=run_id,
            )
            return tuple(_superseded(db, self._database.catalogue, run_id, rows))

    def restore(self, image: SupersededImage, gone: str | None, e_tag: str = "") -> None:
        """Note that an image is back in its place; `gone` is where the one went that stood there.

        `e_tag` is what a store elsewhere calls it there.
        """
        with self._database.writing("returned") as db:
            db.execute(
                "UPDATE images SET path = ifnull(:gone, path), superseded = :gone IS NOT NULL,"
                " fault = CASE WHEN :gone IS NULL THEN 'overwritten' ELSE fault END"
                " WHERE catalogue = :catalogue AND path = :path",
                {"gone": gone, "catalogue": self._database.catalogue, "path": image.place},
            )
            db.execute(
                "UPDATE images SET path = ?, superseded = 0, fault = '', e_tag = ?"
                " WHERE catalogue = ? AND job_key = ? AND slot = ?",
                (image.place, e_tag, self._database.catalogue, image.job_key, image.slot),
            )

    def obsolete(self) -> tuple[tuple[str, int, str], ...]:
        """Images (key, slot, path) still in `images/` although their job was changed and its new ones are stored."""
        rows = self._database.rows(
            "SELECT i.job_key, i.slot, i.path FROM images i"  # noqa: S608 - our own words
            " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key AND j.last_run IS NOT :run"
            " WHERE i.catalogue = :catalogue AND i.state = 'stored' AND NOT i.superseded"
            f" AND i.fault = '' AND NOT EXISTS {_FROZEN}"
            " AND EXISTS (SELECT 1 FROM jobs n JOIN images w ON w.catalogue = n.catalogue"
            "  AND w.job_key = n.key AND w.slot = i.slot AND w.state = 'stored' AND w.path != i.path"
            "  WHERE n.catalogue = i.catalogue AND n.id = j.id AND n.key != j.key AND n.last_run = :run)",
            run=self._runs.current,
        )
        return tuple(map(tuple, rows))

    def replaced(self) -> tuple[tuple[str, int, str], ...]:
        """Images (key, slot, path) whose slots were taken by others that stand elsewhere."""
        rows = self._database.rows(
            "SELECT job_key, slot, before FROM images i"  # noqa: S608 - our own words
            " WHERE catalogue = :catalogue AND before IS NOT NULL AND state = 'stored' AND NOT EXISTS"
            f" (SELECT 1 FROM images o {_BY_PATH} WHERE o.catalogue = i.catalogue AND o.path = i.before"
            "  AND o.state = 'stored')"
        )
        return tuple(map(tuple, rows))

    def clear_previous(self, job_key: str, slot: int, path: str | None) -> None:
        """Note that what stood in a slot before has moved away, and to which path."""
        with self._database.writing("cleared") as db:
            db.execute(
                "UPDATE earlier SET path = ifnull(:gone, path) WHERE catalogue = :catalogue AND job_key = :key"
                " AND slot = :slot AND path = (SELECT before FROM images"
                "  WHERE catalogue = :catalogue AND job_key = :key AND slot = :slot)",
                {"gone": path, "catalogue": self._database.catalogue, "key": job_key, "slot": slot},
            )
            db.execute(
                "UPDATE images SET before = NULL WHERE catalogue = ? AND job_key = ? AND slot = ?",
                (self._database.catalogue, job_key, slot),
            )


def _superseded(
    db: sqlite3.Connection, catalogue: str, run_id: str, rows: Sequence[sqlite3.Row]
) -> Iterator[SupersededImage]:
    for row in rows:
        drawn_to = PurePosixPath(words(row["paths"])[slots_of(row).index(row["slot"])])
        place = f"images/{drawn_to.with_suffix(PurePosixPath(row['path']).suffix)}"
        owner = db.execute(
            f"SELECT i.job_key, j.last_run, EXISTS {_FROZEN} AS frozen FROM images i {_BY_PATH}"  # noqa: S608
            " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
            " WHERE i.catalogue = ? AND i.path = ? AND i.state = 'stored'",
            (catalogue, place),
        ).fetchone()
        if owner is None or (owner["last_run"] != run_id and not owner["frozen"]):
            yield SupersededImage(
                row["job_key"], row["slot"], row["path"], place, row["sha256"], owner and owner["job_key"]
            )


class Stores(LedgerPart):
    """Where the images of one output are kept, and by which name its ledger owns a store."""

    def address(self) -> str:
        """Return where the images are kept; empty for the output folder."""
        return self._read()[1]

    def former(self) -> str:
        """Return where images were kept before that may not all have been copied; empty when that is nowhere."""
        return self._read()[2]

    def known_identity(self) -> str:
        """Return the name of this output that no other one has; empty before it was first asked for."""
        return self._read()[0]

    def identity(self) -> str:
        """Return the name of this output, by which it owns stores, made when it is first asked for. Blocks."""
        if found := self._read()[0]:
            return found
        made = secrets.token_hex(16)
        self._database.change("store", "INSERT INTO stores VALUES (:catalogue, :made, '', '')", made=made)
        return self._read()[0]

    def use(self, address: str, *, former: str = "") -> None:
        """Write down where images are kept from now on, and where others may still be."""
        self.identity()
        sql = "UPDATE stores SET address = :address, former = :former WHERE catalogue = :catalogue"
        self._database.change("store", sql, address=address, former=former)

    def _read(self) -> tuple[str, str, str]:
        rows = self._database.rows("SELECT identity, address, former FROM stores WHERE catalogue = :catalogue")
        return tuple(rows[0]) if rows else ("", "", "")
