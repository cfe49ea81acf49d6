"""What runs want, and what is known of it from before."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from batchgen.ledger.database import Database
from batchgen.ledger.image_writer import slots_of
from batchgen.ledger.job_records import UNKNOWN, Known, Previous, Slot, Tried, Wanted
from batchgen.ledger.reviews import DOUBT, IN_FORCE, Review
from batchgen.ledger.runs import Runs
from batchgen.ledger.text import dump, moment, plain, reason_from, request_from, request_text
from batchgen.model import ImageRequest, Job, ReasonCode, SlotState

MODERATED = "moderation_blocked"
_DECIDED = frozenset({SlotState.STORED, SlotState.MODERATED, SlotState.FAILED, SlotState.LOST_PAID})
_AMONG = "IN (SELECT value FROM json_each(?))"
_SLOT = (
    "SELECT i.job_key, i.slot, state, reason_code, reason_cause, reason_detail, path, sha256, ifnull(bytes, 0),"  # noqa: S608
    " ifnull(width, 0), ifnull(height, 0), ifnull(format, ''), cost, url, expires, fault, i.attempt_id, i.prompt,"
    " r.decision, ifnull(r.note, ''),"
    f" CASE WHEN r.decision = 'rejected' THEN {DOUBT} ELSE 0 END"
    f" FROM images i LEFT JOIN reviews r ON {IN_FORCE}"
)


_STATES = {state.value: state for state in SlotState}


class Jobs:
    """The jobs of one output: what runs want of it, and what is known of that."""

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs
        self._run_id, self._seq = "", 0
        self._are_new = False

    def remember(self, wanted: Sequence[Wanted]) -> None:
        """Write down what this run wants, in the manifest's order, in one transaction; give it batches.

        A job must be remembered before a call is reserved for it.
        """
        run_id, first = self._runs.current, self._next(len(wanted))
        jobs = [
            (one.job.request, (*_of_this_run(one, run_id, seq), self._database.catalogue, one.job.key))
            for seq, one in enumerate(wanted, first)
        ]
        with self._database.writing("remember") as db:
            # Jobs are mostly as those before them, all new or all known: then the first of both statements is enough.
            for write in (_insert, _update) if self._are_new else (_update, _insert):
                if write(db, jobs) == len(jobs):
                    self._are_new = write is _insert
                    return

    def wait(self, waiting: Sequence[tuple[str, ReasonCode, str]]) -> None:
        """Write down which remembered jobs this run does not start, by key: why, and for what they wait."""
        sql = "UPDATE jobs SET waits = ?, waits_for = ? WHERE catalogue = ? AND key = ?"
        catalogue = self._database.catalogue
        self._database.change_each(
            "wait", sql, ((why.value, plain(what), catalogue, key) for key, why, what in waiting)
        )

    def _next(self, count: int) -> int:
        """Give the place in the manifest of the first of these jobs."""
        if self._run_id != self._runs.current:
            self._run_id, self._seq = self._runs.current, 0
        self._seq += count
        return self._seq - count

    def want_again(self, run_id: str) -> None:
        """Want exactly what an earlier run of this catalogue wanted."""
        sql = "UPDATE jobs SET last_run = :current WHERE catalogue = :catalogue AND last_run = :run"
        self._database.change("want_again", sql, current=self._runs.current, run=run_id)

    def forget(self, keys: Sequence[str]) -> None:
        """Take back what this run wanted: provisional keys of chained jobs that got their real key."""
        untouched = (
            "NOT EXISTS (SELECT 1 FROM attempts a WHERE a.catalogue = jobs.catalogue AND a.job_key = jobs.key)"
            " AND NOT EXISTS (SELECT 1 FROM images i WHERE i.catalogue = jobs.catalogue AND i.job_key = jobs.key)"
        )
        where, values = f"WHERE catalogue = ? AND key {_AMONG}", (self._database.catalogue, dump(keys))
        with self._database.writing("forget") as db:
            db.execute(f"DELETE FROM jobs {where} AND {untouched}", values)  # noqa: S608
            db.execute(f"UPDATE jobs SET last_run = NULL {where}", values)  # noqa: S608

    def known(self, jobs: Sequence[Job]) -> list[Known]:
        """Look up what is known of each of these jobs, in their order; give it batches."""
        keys = [job.key for job in jobs]
        with self._database.reading():
            if self._database.value("SELECT 1 FROM jobs WHERE catalogue = :catalogue LIMIT 1") is None:
                return [UNKNOWN] * len(jobs)  # before a first run
            wanted = {row["key"]: row for row in self._among("SELECT key, n FROM jobs", "key", keys)}
            slots = self._slots(keys if wanted else ())
            coming = self._coming(keys)
            unfinished = [
                job for job in jobs if job.key not in slots or job.key in coming or len(_stored(slots[job.key])) < job.n
            ]
            tries = self._tries([job.key for job in unfinished if job.key in wanted])
            calls = self._in_vain(list(tries))
            before = self._previous(unfinished)
        return [
            _known(row, slots.get(key, ()), tries.get(key), calls.get(key, ()), before.get(key))
            for key, row in ((job.key, wanted.get(job.key)) for job in jobs)
        ]

    def first_known(self, keys: Sequence[str]) -> str | None:
        """Return the first of these keys under which a job is known."""
        known = {row["key"] for row in self._among("SELECT key FROM jobs", "key", keys)}
        return next((key for key in keys if key in known), None)

    def any_returns(self) -> bool:
        """Whether any job is known whose prompt or parameters hold carriage returns."""
        found = self._database.value(
            "SELECT 1 FROM jobs WHERE catalogue = :catalogue"
            " AND (instr(prompt, char(13)) OR instr(request, '\\r')) LIMIT 1"
        )
        return found is not None

    def images_wanted(self, run_id: str) -> int:
        """Count the images that a run wanted."""
        sql = "SELECT ifnull(sum(n), 0) FROM jobs WHERE catalogue = :catalogue AND last_run = :run"
        return int(self._database.value(sql, run=run_id))

    def _among(self, select: str, column: str, values: Iterable[str], rest: str = "") -> list[sqlite3.Row]:
        """Read rows of this output that have one of these values in a column."""
        where = f"WHERE catalogue = :catalogue AND {column} IN (SELECT value FROM json_each(:values))"  # noqa: S608
        return self._database.rows(f"{select} {where} {rest}", values=dump(list(values)))

    def _slots(self, keys: Sequence[str]) -> dict[str, list[Slot]]:
        """Read slots by job; hot, as every job of a run is looked up: plain tuples in the order of Slot's fields."""
        cursor = self._database.db.cursor()
        cursor.row_factory = None
        where = f"WHERE i.catalogue = ? AND i.job_key {_AMONG} ORDER BY i.job_key, i.slot"
        cursor.execute(f"{_SLOT} {where}", (self._database.catalogue, dump(keys)))
        found = defaultdict[str, list[Slot]](list)
        for key, index, state, code, cause, detail, *rest in cursor:
            *facts, expires, fault, attempt, prompt, decision, note, doubt = rest
            when, said = expires and moment(expires), (decision and Review(decision), note, doubt == 1)
            why = reason_from(code, cause, detail)
            found[key].append(Slot(*(index, _STATES[state], why, *facts, when, fault, attempt, prompt, *said)))
        return found

    def _tries(self, keys: Sequence[str]) -> dict[str, sqlite3.Row]:
        """Count calls per job. The bare columns code and message come from the row of max(): the latest failure."""
        rows = self._among(
            "SELECT job_key, sum(state != 'not_sent') AS tries, sum(state IN ('at_risk', 'dispatched')) AS uncertain,"
            " json_group_array(slots) FILTER (WHERE state = 'pending') AS submitted,"
            " max(CASE WHEN brought = 0 THEN seq END) AS failed, code, message FROM attempts",
            "job_key",
            keys,
            "GROUP BY job_key",
        )
        return {row["job_key"]: row for row in rows}

    def _coming(self, keys: Sequence[str]) -> frozenset[str]:
        """Name the jobs for which something accepted comes later; images of a finished one may be drawn anew."""
        pending = "ended IS NULL AND state = 'pending'"
        if not self._database.value(f"SELECT 1 FROM attempts WHERE catalogue = :catalogue AND {pending} LIMIT 1"):  # noqa: S608
            return frozenset()
        rows = self._among("SELECT DISTINCT job_key FROM attempts", "job_key", keys, f"AND {pending}")
        return frozenset(row["job_key"] for row in rows)

    def _in_vain(self, keys: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
        """Return calls that were moderated, were paid and may have brought too few, or may have been paid, by job.

        A top-up that brought nothing is one that brought too few.
        """
        found = defaultdict[str, list[sqlite3.Row]](list)
        paid = "(state = 'settled' AND brought > 0) OR state = 'charged_no_result'"
        rest = f"AND (code = '{MODERATED}' OR {paid} OR (state = 'at_risk' AND note = ''))"
        for row in self._among(
            "SELECT job_key, slots, code, state, purpose, prompt FROM attempts", "job_key", keys, rest
        ):
            found[row["job_key"]].append(row)
        return found

    def _previous(self, jobs: Sequence[Job]) -> dict[str, Previous]:
        """For jobs with an id of their own: the job that had it last under another key, by the key of the new one."""
        asked = {job.id: job.key for job in jobs if job.explicit_id}
        rows = self._among(
            "SELECT id, key, request,"
            " (SELECT seq FROM runs WHERE runs.catalogue = jobs.catalogue AND run_id = last_run) AS wanted FROM jobs",
            "id",
            asked,
            "ORDER BY wanted DESC, rowid DESC",
        )
        latest: dict[str, sqlite3.Row] = {}
        for row in rows:
            if row["key"] != asked[row["id"]]:
                latest.setdefault(row["id"], row)
        slots = self._slots([row["key"] for row in latest.values()])
        return {
            asked[id_]: Previous(row["key"], request_from(row["request"]), tuple(_stored(slots[row["key"]])))
            for id_, row in latest.items()
        }


_Columns = tuple[object, ...]


def _update(db: sqlite3.Connection, jobs: Sequence[tuple[ImageRequest, _Columns]]) -> int:
    """Write down anew what this run says of known jobs; how many of these are known."""
    return db.executemany(
        "UPDATE jobs SET id = ?, n = ?, model = ?, size = ?, quality = ?, provider = ?, tags = ?, place = ?,"
        " last_run = ?, seq = ?, listing = ?, variant = ?, template = ifnull(nullif(?, ''), template),"
        " waits = '', waits_for = ''"
        " WHERE catalogue = ? AND key = ?",
        (columns for _, columns in jobs),
    ).rowcount


def _insert(db: sqlite3.Connection, jobs: Sequence[tuple[ImageRequest, _Columns]]) -> int:
    """Write down jobs that are new; how many of these are."""
    return db.executemany(
        "INSERT INTO jobs (id, n, model, size, quality, provider, tags, place, last_run, seq, listing, variant,"
        " template, catalogue, key, operation, prompt, request)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (catalogue, key) DO NOTHING",
        ((*columns, *_for_good(request)) for request, columns in jobs),
    ).rowcount


def _of_this_run(wanted: Wanted, run_id: str, seq: int) -> tuple[object, ...]:
    """Say what each run says anew of a job."""
    job, place = wanted.job, str(wanted.job.place or "")
    look = (wanted.model, wanted.size, wanted.quality, wanted.provider)
    listing = dump([plain(text) for text in astuple(job.listing)]) if job.listing else ""
    variant = dump([plain(job.variant.of), plain(job.variant.name)]) if job.variant else ""
    return (job.id, job.n, *look, dump(job.tags), place, run_id, seq, listing, variant, job.template)


def _for_good(request: ImageRequest) -> tuple[object, ...]:
    """Say what a key stands for."""
    return (str(request.operation), request.prompt, request_text(request))


def _known(
    row: sqlite3.Row | None,
    slots: Sequence[Slot],
    tries: sqlite3.Row | None,
    calls: Sequence[sqlite3.Row],
    before: Previous | None,
) -> Known:
    if row is None or not (slots or tries):  # wanted or not: nothing was ever drawn
        return Known(previous=before) if before else UNKNOWN
    if tries is None:
        return Known(row["n"], tuple(slots), previous=before)
    return Known(
        n=row["n"],
        slots=tuple(slots),
        tries=tries["tries"],
        uncertain=tries["uncertain"],
        tried=_tried(calls, {slot.index for slot in slots if slot.state in _DECIDED}),
        code=tries["code"] if tries["failed"] else "",
        message=tries["message"] if tries["failed"] else "",
        previous=before,
        submitted=frozenset(slot for slots in json.loads(tries["submitted"]) for slot in json.loads(slots)),
    )


def _tried(calls: Sequence[sqlite3.Row], decided: set[int]) -> tuple[tuple[int, Tried], ...]:
    """Count calls by the slots that they were made for and that are still open, and by their words."""
    found = defaultdict[tuple[int, str | None], list[str]](list)
    for call in calls:
        kind = _in_vain_as(call)
        for slot in slots_of(call):
            if slot not in decided:
                found[slot, call["prompt"]].append(kind)
    return tuple(
        (slot, Tried(prompt=prompt, **Counter(kinds)))
        for (slot, prompt), kinds in sorted(found.items(), key=lambda item: item[0][0])
    )


def _in_vain_as(call: sqlite3.Row) -> str:
    """Say as what a call in vain counts, in the words of `Tried`."""
    if call["code"] == MODERATED:
        return "moderated"
    if call["state"] == "at_risk":
        return "uncertain"
    return "empty" if call["state"] == "charged_no_result" and call["purpose"] != "top_up" else "short"


def _stored(slots: Iterable[Slot]) -> list[Slot]:
    return [slot for slot in slots if slot.state is SlotState.STORED]
