"""The images that somebody would hand over now: stored, in place, wanted by the latest run, and not rejected."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from batchgen.ledger.database import Database
from batchgen.ledger.report_rows import ListedRow, VariantRow

_CURRENT = """
WITH latest AS (
    SELECT run_id, max(started) FROM runs WHERE catalogue = :catalogue AND EXISTS
        (SELECT 1 FROM jobs WHERE jobs.catalogue = runs.catalogue AND last_run = run_id) GROUP BY manifest
),
current AS (
    SELECT i.job_key, i.slot, i.path, i.sha256, i.format, i.cost, ifnull(i.prompt, j.prompt) AS prompt, j.id, j.seq,
        j.rowid AS line, j.listing, j.variant, j.model, j.size, j.quality
    FROM jobs j JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    WHERE j.catalogue = :catalogue AND j.last_run IN (SELECT run_id FROM latest)
        AND i.state = 'stored' AND i.fault = '' AND i.path > 'images/' AND i.path < 'images0' AND NOT EXISTS (
            SELECT 1 FROM reviews v WHERE v.catalogue = i.catalogue AND v.job_key = i.job_key AND v.slot = i.slot
                AND v.attempt_id = i.attempt_id AND v.decision = 'rejected')
)
"""
# All images of a stock-keeping unit stand together, where its first one would; within it the manifest's order holds.
_LISTED = f"""
{_CURRENT},
listed AS (
    SELECT *, json_extract(listing, '$[0]') AS sku FROM current
    WHERE listing != '' AND json_extract(listing, '$[0]') != ''
)
SELECT sku, row_number() OVER (PARTITION BY sku ORDER BY seq, line, slot), path,
    json_extract(listing, '$[1]'), json_extract(listing, '$[2]')
FROM listed ORDER BY min(seq) OVER (PARTITION BY sku), min(line) OVER (PARTITION BY sku), sku, seq, line, slot
"""  # noqa: S608 - our own words

# Only what was drawn in more than one way; the ways of one image stand together.
_VARIANTS = f"""
{_CURRENT},
varied AS (
    SELECT *, json_extract(variant, '$[0]') AS thing, json_extract(variant, '$[1]') AS way FROM current
    WHERE variant != ''
),
counted AS (
    SELECT *, min(way) OVER one AS least, max(way) OVER one AS most, min(seq) OVER one AS first FROM varied
    WINDOW one AS (PARTITION BY thing, slot)
)
SELECT thing, slot, way, id, job_key, path, sha256, format, model, size, quality, prompt, cost
FROM counted WHERE least != most ORDER BY first, thing, slot, seq, line
"""  # noqa: S608 - our own words


def listed(book: Database) -> Iterator[ListedRow]:
    """Stream what a shop lists."""
    return map(ListedRow._make, _stream(book, _LISTED))


def variants(book: Database) -> Iterator[VariantRow]:
    """Stream what was drawn in several ways."""
    return map(VariantRow._make, _stream(book, _VARIANTS))


def _stream(book: Database, sql: str) -> Iterator[sqlite3.Row]:
    with book.complaining(), closing(book.db.execute(sql, {"catalogue": book.catalogue})) as cursor:
        yield from cursor
