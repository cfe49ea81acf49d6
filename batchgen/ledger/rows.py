"""Rows for reports and recovery, streamed from SQL."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from batchgen.ledger.database import Database
from batchgen.ledger.records import AttemptRow, RecordedImage, RunRow
from batchgen.ledger.report_rows import CallRow, ImageRow, JobRow, UsageRow
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.text import moment, pairs, request_from, words
from batchgen.model import AttemptState, Purpose
from batchgen.money import MicroUSD

ATTEMPTS = (
    "SELECT a.*, j.id AS job_id, j.request FROM attempts a"
    " JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key"
    " WHERE a.catalogue = :catalogue"
)

SENT = "state != 'not_sent'"
FOUR_NUMBERS = """
    ifnull(sum(cost * (estimated = 0)), 0) AS confirmed_micro_usd,
    ifnull(sum(cost * (estimated = 1)), 0) AS estimated_micro_usd,
    ifnull(sum(at_risk + reserved), 0) AS at_risk_micro_usd,
    ifnull(sum(released), 0) AS not_charged_micro_usd
"""

COUNTED = """
    SELECT j.key AS job_key, j.n AS wanted,
        ifnull(sum(i.state = 'stored'), 0) AS stored, ifnull(sum(i.state = 'moderated'), 0) AS moderated,
        ifnull(sum(i.state = 'failed'), 0) AS failed, ifnull(sum(i.state = 'uncertain'), 0) AS uncertain,
        ifnull(sum(i.state = 'lost_paid'), 0) AS lost_paid,
        ifnull(sum(i.state = 'failed' AND i.reason LIKE 'incomplete: %'), 0) AS incomplete,
        j.n - ifnull(sum(i.state != 'not_started'), 0) AS not_started,
        ifnull(sum(i.state = 'not_started' AND i.url IS NOT NULL), 0) AS pending,
        json_group_array(i.slot) FILTER (WHERE i.state = 'moderated') AS moderated_slots,
        max(i.prompt) FILTER (WHERE i.state = 'moderated') AS moderated_prompt
    FROM jobs j LEFT JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    WHERE j.catalogue = :catalogue
"""
OUTCOME = """
    CASE WHEN stored = wanted THEN 'done' WHEN uncertain > 0 THEN 'held' WHEN not_started > 0 THEN 'not_started'
        WHEN stored > 0 AND incomplete = 0 THEN 'partial' WHEN moderated = wanted THEN 'moderated' ELSE 'failed' END
"""

_JOBS = f"""
WITH counted AS ({COUNTED} GROUP BY j.key),
money AS (
    SELECT job_key, sum({SENT}) AS attempts, sum(purpose = 'retry') AS retried,
        ifnull(sum(text_in), 0) AS text_in, ifnull(sum(image_in), 0) AS image_in, ifnull(sum(output), 0) AS output,
        {FOUR_NUMBERS}, ifnull(sum(CASE WHEN released = 0 THEN expected END), 0) AS expected_micro_usd,
        sum(seconds) AS seconds
    FROM attempts WHERE catalogue = :catalogue GROUP BY job_key
),
failure AS (
    SELECT job_key, max(started), code, message, categories FROM attempts
    WHERE catalogue = :catalogue AND brought = 0 AND code NOT IN ('', 'ok') GROUP BY job_key
)
SELECT j.id AS job_id, j.key AS job_key, j.operation, j.model, j.size, j.quality, j.provider, j.prompt, j.tags, j.place,
    j.last_run, wanted, {OUTCOME} AS outcome, stored, moderated, failed, uncertain, lost_paid, not_started,
    ifnull(attempts, 0), ifnull(retried, 0), ifnull(text_in, 0), ifnull(image_in, 0), ifnull(output, 0),
    ifnull(confirmed_micro_usd, 0), ifnull(estimated_micro_usd, 0), ifnull(at_risk_micro_usd, 0),
    ifnull(not_charged_micro_usd, 0), ifnull(expected_micro_usd, 0), ifnull(seconds, 0.0),
    ifnull(code, ''), ifnull(message, ''), ifnull(categories, '[]'), moderated_slots, moderated_prompt
FROM jobs j JOIN counted c ON c.job_key = j.key
    LEFT JOIN money m ON m.job_key = j.key LEFT JOIN failure f ON f.job_key = j.key
WHERE j.catalogue = :catalogue ORDER BY j.seq, j.rowid
"""  # noqa: S608 - our own words

_IMAGES = f"""
WITH RECURSIVE slots(slot, most) AS (
    SELECT 0, (SELECT max(n) FROM jobs WHERE catalogue = :catalogue)
    UNION ALL SELECT slot + 1, most FROM slots WHERE slot + 1 < most
),
every AS (
    SELECT key AS job_key, slot FROM jobs JOIN slots ON slot < n WHERE catalogue = :catalogue
    UNION SELECT job_key, slot FROM images WHERE catalogue = :catalogue AND (path IS NOT NULL OR url IS NOT NULL)
)
SELECT j.id AS job_id, j.key AS job_key, e.slot, ifnull(i.state, 'not_started'), ifnull(i.reason, ''), i.path, i.sha256,
    i.bytes, i.width, i.height, i.format,
    CASE WHEN ifnull(a.flags, '[]') = '[]' THEN ifnull(i.flags, '[]') ELSE (SELECT json_group_array(value) FROM
        (SELECT value FROM json_each(i.flags) UNION SELECT value FROM json_each(a.flags))) END,
    ifnull(i.fault, ''), ifnull(a.model, j.model), j.size, j.quality,
    ifnull(a.provider, j.provider), ifnull(i.cost, 0), ifnull(a.estimated, 0), ifnull(i.prompt, j.prompt), j.tags,
    j.last_run, i.attempt_id, i.changed, ifnull(r.decision, ''), ifnull(r.note, '')
FROM every e JOIN jobs j ON j.catalogue = :catalogue AND j.key = e.job_key
    LEFT JOIN images i ON i.catalogue = :catalogue AND i.job_key = e.job_key AND i.slot = e.slot
    LEFT JOIN attempts a ON a.id = i.attempt_id
    LEFT JOIN reviews r ON {IN_FORCE}
ORDER BY j.seq, j.rowid, e.slot
"""  # noqa: S608 - our own words

_USAGE = f"""
SELECT a.model, j.size, j.quality, a.provider, j.tags, count(DISTINCT j.key) AS jobs, sum(a.{SENT}) AS attempts,
    sum(a.purpose = 'retry') AS retried, sum(CASE WHEN a.released = 0 THEN a.asked ELSE 0 END) AS asked,
    ifnull(sum(drawn.images), 0) AS images,
    ifnull(sum(text_in), 0), ifnull(sum(image_in), 0), ifnull(sum(output), 0), ifnull(sum(text_out), 0),
    {FOUR_NUMBERS}, ifnull(sum(CASE WHEN released = 0 THEN expected END), 0) AS expected_micro_usd
FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
    LEFT JOIN (SELECT attempt_id, count(*) AS images FROM images WHERE catalogue = :catalogue AND state = 'stored'
        GROUP BY attempt_id) drawn ON drawn.attempt_id = a.id
WHERE a.catalogue = :catalogue
GROUP BY a.model, j.size, j.quality, a.provider, j.tags ORDER BY min(j.seq)
"""  # noqa: S608 - our own words

_CALLS = f"""
SELECT run_id, (julianday(started) - 2440587.5) * 86400.0, (julianday(ended) - 2440587.5) * 86400.0,
    seconds, brought, cost
FROM attempts WHERE catalogue = :catalogue AND ended IS NOT NULL AND {SENT} ORDER BY ended
"""  # noqa: S608 - our own words


def _stream(book: Database, sql: str) -> Iterator[sqlite3.Row]:
    with book.complaining(), closing(book.db.execute(sql, {"catalogue": book.catalogue})) as cursor:
        yield from cursor


def job_rows(book: Database) -> Iterator[JobRow]:
    """Stream jobs with their money."""
    return map(JobRow._make, _stream(book, _JOBS))


def image_rows(book: Database) -> Iterator[ImageRow]:
    """Stream wanted and stored images."""
    return map(ImageRow._make, _stream(book, _IMAGES))


def usage_rows(book: Database) -> Iterator[UsageRow]:
    """Stream the sums per combination."""
    return map(UsageRow._make, _stream(book, _USAGE))


def call_rows(book: Database) -> Iterator[CallRow]:
    """Stream what became of calls, in the order in which they ended."""
    return map(CallRow._make, _stream(book, _CALLS))


def attempt_rows(book: Database) -> Iterator[AttemptRow]:
    """Stream calls, the oldest first."""
    return map(attempt_from, _stream(book, f"{ATTEMPTS} ORDER BY a.started, a.id"))


def stored(book: Database) -> Iterator[RecordedImage]:
    """Stream images that should be in place; read in one go, so that the caller may write meanwhile."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT i.*, j.id AS job_id FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
            " WHERE i.catalogue = ? AND i.state = 'stored' ORDER BY j.seq, j.rowid, i.slot",
            (book.catalogue,),
        ).fetchall()
    names = RecordedImage.__slots__
    return (RecordedImage(**{name: row[name] for name in names}) for row in rows)


def drawn_by(book: Database, provider: str) -> int:
    """Count stored images that a provider drew."""
    with book.reading() as db:
        row = db.execute(
            "SELECT count(*) FROM attempts a CROSS JOIN images i ON i.attempt_id = a.id"
            " WHERE a.catalogue = ? AND a.provider = ? AND i.state = 'stored' AND i.path < 'superseded/'",
            (book.catalogue, provider),
        ).fetchone()
    return int(row[0])


def runs(book: Database) -> tuple[RunRow, ...]:
    """List the runs, the latest first."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT * FROM runs WHERE catalogue = ? ORDER BY started DESC, run_id DESC", (book.catalogue,)
        ).fetchall()
    return tuple(_run_from(row) for row in rows)


def _run_from(row: sqlite3.Row) -> RunRow:
    started = moment(row["started"])
    assert started is not None
    return RunRow(
        run_id=row["run_id"],
        manifest=row["manifest"],
        provider=row["provider"],
        started=started,
        ended=moment(row["ended"]),
        exit_code=row["exit_code"],
        why=row["why"],
        cap=None if row["cap"] is None else MicroUSD(row["cap"]),
        low=MicroUSD(row["low"]),
        expected=MicroUSD(row["expected"]),
        high=MicroUSD(row["high"]),
        command=row["command"],
        version=row["version"],
        counts=row["counts"],
    )


def attempt_from(row: sqlite3.Row) -> AttemptRow:
    """Read a row of `attempts` joined with its job's id and request."""
    read = {
        "request": request_from,
        "slots": lambda text: tuple(json.loads(text)),
        "paths": words,
        "purpose": Purpose,
        "state": AttemptState,
        "estimated": bool,
        "started": moment,
        "ended": moment,
        "categories": words,
        "headers": pairs,
        "flags": words,
    }
    found = AttemptRow(**{name: read.get(name, _as_is)(row[name]) for name in AttemptRow.__slots__})  # type: ignore[arg-type]
    other = row["prompt"]
    return found if other is None else replace(found, request=replace(found.request, prompt=other))


def _as_is(value: object) -> object:
    return value
