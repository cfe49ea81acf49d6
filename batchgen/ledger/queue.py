"""The jobs that the present run draws, in their order: written by its plan, read a few at a time while it works."""

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from batchgen.errors import Place
from batchgen.ledger.database import Database
from batchgen.ledger.text import pairs, request_from, request_text
from batchgen.model import ImageRequest, Job, Listing, RouteChoice, Stems, Variant
from batchgen.model.plain import dump, load

AT_ONCE = 256
"""Jobs read in one go."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What jobs of one template have in common, and their rows in `jobs` do not say: under the job's own names."""

    explicit_id: bool = True
    inherited: frozenset[str] = frozenset()
    after: str | None = None
    asked: ImageRequest | None = None
    preview: bool = False
    priority: float = 0.0
    template: str = ""
    approved_inputs: bool = False
    route: RouteChoice | None = None


class Queue:
    """The queue of one output; one run at a time fills and empties it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seq = 0

    def put(self, jobs: Sequence[Job]) -> None:
        """Add jobs that are remembered, in one transaction; give it batches.

        Their requests are kept as this run asks: an input image may have moved, and an adopted job was known in part.
        """
        catalogue, first = self._database.catalogue, self._seq
        requests = ((request_text(job.request), job.key) for job in jobs)
        with self._database.writing("queue") as db:
            db.executemany(
                "UPDATE jobs SET request = ?1 WHERE catalogue = ?2 AND key = ?3 AND request != ?1",
                ((text, catalogue, key) for text, key in requests),
            )
            db.executemany(
                "INSERT INTO queue (catalogue, rank, seq, job_key, job) VALUES (?, ?, ?, ?, ?)",
                ((catalogue, -job.priority, seq, job.key, _rest(job)) for seq, job in enumerate(jobs, first)),
            )
        self._seq += len(jobs)

    def jobs(self) -> Iterator[Job]:
        """Give the jobs, the largest priority first, else in their order; others may read and write meanwhile."""
        last = (-math.inf, -1)
        while rows := self._after(*last):
            yield from map(_job_from, rows)
            last = (rows[-1]["rank"], rows[-1]["seq"])

    def _after(self, rank: float, seq: int) -> list[sqlite3.Row]:
        return self._database.rows(
            "SELECT q.rank, q.seq, q.job, j.id, j.key, j.n, j.request, j.tags, j.place, j.listing, j.variant"  # noqa: S608
            " FROM queue q CROSS JOIN jobs j ON j.catalogue = q.catalogue AND j.key = q.job_key"
            " WHERE q.catalogue = :catalogue AND (q.rank, q.seq) > (:rank, :seq)"
            f" ORDER BY q.rank, q.seq LIMIT {AT_ONCE}",
            rank=rank,
            seq=seq,
        )

    def rename(self, key: str, real: str) -> None:
        """Give a chained job its real key, under which it is remembered."""
        sql = "UPDATE queue SET job_key = :real WHERE catalogue = :catalogue AND job_key = :key"
        self._database.change("renamed", sql, real=real, key=key)

    def clear(self) -> None:
        """Take everything out, also what a run that died has left."""
        of_ours = "FROM queue WHERE catalogue = :catalogue"
        if self._database.value(f"SELECT 1 {of_ours} LIMIT 1"):
            self._database.change("clear_queue", f"DELETE {of_ours}")
        self._seq = 0


_NAMES = tuple(field.name for field in fields(_Shared))
_shared = attrgetter(*_NAMES)
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _rest(job: Job) -> str:
    """Write down what a job's row in `jobs` does not say: its own stems, and a line of what it shares with others."""
    return f"{_ENCODER.encode((job.stems.usual, job.stems.special))}\n{_text(_shared(job))}"


@lru_cache(maxsize=1024)
def _text(shared: tuple[Any, ...]) -> str:
    return dump(_Shared(*shared))


@lru_cache(maxsize=1024)
def _facts(text: str) -> Mapping[str, Any]:
    return dict(zip(_NAMES, _shared(load(_Shared, text)), strict=True))


def _job_from(row: sqlite3.Row) -> Job:
    stems, _, shared = row["job"].partition("\n")
    return Job(
        id=row["id"],
        key=row["key"],
        request=request_from(row["request"]),
        n=row["n"],
        stems=_stems(stems),
        tags=pairs(row["tags"]),
        place=_place(row["place"]),
        listing=Listing(*json.loads(row["listing"])) if row["listing"] else None,
        variant=Variant(*json.loads(row["variant"])) if row["variant"] else None,
        **_facts(shared),
    )


def _stems(text: str) -> Stems:
    usual, special = json.loads(text)
    return Stems(tuple(usual), tuple([(ext, tuple(stems)) for ext, stems in special]) if special else ())


def _place(text: str) -> Place | None:
    if not text:
        return None
    file, line, column = text.rsplit(":", 2)
    return Place(file, int(line), int(column))
