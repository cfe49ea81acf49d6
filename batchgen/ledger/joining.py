"""Several outputs told of as one: their rows in a ledger that only this process sees, each attempt and image once.

A wanted image (job and slot) that two outputs have is one image; what both calls cost stays in the sums. The latest
run of each manifest in each output is part of one run, which stands for all of them.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from batchgen.ledger import opening
from batchgen.ledger.database import Database
from batchgen.ledger.text import dump, stamp
from batchgen.runtime.clock import Clock

JOINED = "joined"
"""The run, and the manifest, of all."""
CATALOGUE = "."
AT_ONCE = 1000
_LATEST = """
    SELECT run_id, max(seq) FROM runs WHERE catalogue = :catalogue AND EXISTS
        (SELECT 1 FROM jobs WHERE jobs.catalogue = runs.catalogue AND last_run = run_id) GROUP BY manifest
"""
_BETTER = "excluded.state = 'stored' AND images.state != 'stored' OR images.state = 'not_started'"
_WORSE = "attempts.ended IS NULL AND excluded.ended IS NOT NULL"

Values = dict[str, Any]
Place = Callable[[str], str]
"""Says where a path of one output is, as the report of all names it."""


class Joining:
    """Takes outputs, one after the other; memory stays flat, as SQLite puts what grows on the disk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._db = opening.scratch(opening.migrations())
        self._columns = {
            table: [row["name"] for row in self._db.execute(f"PRAGMA table_info({table})")]
            for table in ("runs", "jobs", "attempts", "images", "earlier", "reviews", "measures")
        }
        self._seq: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._joined: list[sqlite3.Row] = []

    def take(self, source: Database, place: Place, address: str) -> None:
        """Take in what an output's ledger knows; `address` is where its images are that are kept elsewhere."""
        with source.reading():
            latest = {row[0] for row in source.db.execute(_LATEST, {"catalogue": source.catalogue})}
            self._db.execute("BEGIN")
            self._runs(source, latest)
            self._jobs(source, latest, address)
            self._attempts(source, latest)
            self._images(source, latest, place)
            moved = (row | {"path": place(row["path"])} for row in self._read(source, "earlier"))
            self._put("earlier", moved, "ON CONFLICT DO NOTHING")
            self._reviews(source)
            self._put("measures", self._read(source, "measures"), "ON CONFLICT DO NOTHING")
            self._db.execute("COMMIT")

    def end(self, why: str, worst: Callable[[Iterable[int]], int | None]) -> Database:
        """Return the joined ledger; `why` says what it is of, `worst` which of several exit statuses stands."""
        if self._joined:
            self._put("runs", iter([self._all(why, worst)]))
        return Database(self._db, opening.NOWHERE, CATALOGUE, self._clock, lambda _: None)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def _all(self, why: str, worst: Callable[[Iterable[int]], int | None]) -> Values:
        """Make the run that stands for the latest ones."""
        rows, caps = self._joined, [row["cap"] for row in self._joined]
        ends, codes = [row["ended"] for row in rows], [row["exit_code"] for row in rows]
        return {
            "run_id": JOINED,
            "manifest": JOINED,
            "provider": "",
            "started": min(row["started"] for row in rows),
            "ended": stamp(self._clock.now()) if None in ends else max(ends),
            "exit_code": None if None in codes else worst(codes),
            "why": why,
            "cap": None if None in caps else sum(caps),
            **{name: sum(row[name] for row in rows) for name in ("low", "expected", "high")},
            "command": "{}",
            "version": rows[-1]["version"],
            "counts": dump(dict(self._rows)),
            "seq": self._next("runs"),
            "seconds": max(row["seconds"] or 0.0 for row in rows),
        }

    def _runs(self, source: Database, latest: set[str]) -> None:
        def before(rows: Iterator[Values]) -> Iterator[Values]:
            for row in rows:
                if row["run_id"] not in latest:
                    yield row | {"manifest": JOINED, "seq": self._next("runs")}

        self._put("runs", before(self._read(source, "runs", "seq")), "ON CONFLICT DO NOTHING")
        for row in source.db.execute("SELECT * FROM runs WHERE catalogue = ?", (source.catalogue,)):
            if row["run_id"] in latest:
                self._joined.append(row)
                counts = json.loads(row["counts"] or "{}")
                self._rows.update({name: count for name, count in counts.items() if isinstance(count, int)})

    def _jobs(self, source: Database, latest: set[str], address: str) -> None:
        first = self._seq["jobs"]

        def known(rows: Iterator[Values]) -> Iterator[Values]:
            for row in rows:
                self._seq["jobs"] = max(self._seq["jobs"], first + row["seq"] + 1)
                run = JOINED if row["last_run"] in latest else row["last_run"]
                yield row | {"seq": first + row["seq"], "last_run": run, "listing": _listed(row["listing"], address)}

        wanted = f"CASE WHEN excluded.last_run = '{JOINED}' THEN excluded.last_run ELSE jobs.last_run END"
        conflict = f"ON CONFLICT DO UPDATE SET n = max(n, excluded.n), last_run = {wanted}"
        self._put("jobs", known(self._read(source, "jobs", "seq, rowid")), conflict)

    def _attempts(self, source: Database, latest: set[str]) -> None:
        rows = (
            row | {"seq": self._next("attempts"), "run_id": JOINED if row["run_id"] in latest else row["run_id"]}
            for row in self._read(source, "attempts", "seq")
        )
        kept = {"seq", "id"}
        self._put("attempts", rows, self._instead("attempts", "(id)", kept, _WORSE))

    def _images(self, source: Database, latest: set[str], place: Place) -> None:
        rows = (
            row
            | {"run_id": JOINED if row["run_id"] in latest else row["run_id"], "before": None}
            | ({"path": place(row["path"])} if row["path"] is not None else {})
            for row in self._read(source, "images")
        )
        kept = {"catalogue", "job_key", "slot"}
        self._put("images", rows, self._instead("images", "(catalogue, job_key, slot)", kept, _BETTER))

    def _reviews(self, source: Database) -> None:
        """Take over what was said of images that stand for their slots here."""
        sql = "SELECT attempt_id FROM images WHERE job_key = ? AND slot = ?"
        rows = (
            row
            for row in self._read(source, "reviews")
            if self._db.execute(sql, (row["job_key"], row["slot"])).fetchone() == (row["attempt_id"],)
        )
        conflict = self._instead("reviews", "(catalogue, job_key, slot)", {"catalogue", "job_key", "slot"}, "1")
        self._put("reviews", rows, conflict)

    def _read(self, source: Database, table: str, order: str = "rowid") -> Iterator[Values]:
        """Give the rows of one output, under the catalogue of all."""
        ordered = f" ORDER BY {order}" if order != "rowid" else ""
        cursor = source.db.execute(f"SELECT * FROM {table} WHERE catalogue = ?{ordered}", (source.catalogue,))  # noqa: S608
        while rows := cursor.fetchmany(AT_ONCE):
            yield from ({**row, "catalogue": CATALOGUE} for row in map(dict, rows))

    def _put(self, table: str, rows: Iterator[Mapping[str, Any]], conflict: str = "") -> None:
        names = self._columns[table]
        marks = ", ".join(f":{name}" for name in names)
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) {conflict}"  # noqa: S608 - names of our own
        self._db.executemany(sql, ({"catalogue": CATALOGUE, **row} for row in rows))

    def _instead(self, table: str, key: str, kept: set[str], when: str) -> str:
        sets = ", ".join(f"{name} = excluded.{name}" for name in self._columns[table] if name not in kept)
        return f"ON CONFLICT {key} DO UPDATE SET {sets} WHERE {when}"

    def _next(self, table: str) -> int:
        self._seq[table] += 1
        return self._seq[table]


def _listed(listing: str, address: str) -> str:
    """Give a job's listing for a shop the address of the store that its images are in, where it has none."""
    if not listing or not address:
        return listing
    sku, alt, url, *rest = json.loads(listing)
    elsewhere = len(rest) > 2 and rest[2]  # a derivative, which is not kept there
    return listing if url or elsewhere else dump([sku, alt, f"{address}/{{path}}", *rest])
