"""Rows for reports, streamed from SQL."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from batchgen.ledger.attempts import ATTEMPTS, AttemptRow, attempt_from
from batchgen.ledger.database import Database
from batchgen.ledger.report_records import (
    AcceptedRow,
    CallRow,
    EarlierRow,
    ImageRow,
    JobRow,
    ListedRow,
    MeasuredRow,
    SidecarRow,
    UsageRow,
    VariantRow,
    WayRow,
)
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.text import input_image, request_from, stamp
from batchgen.model import ImageRequest, InputImage

SENT = "state != 'not_sent'"
FOUR_NUMBERS = """
    ifnull(sum(cost * (estimated = 0)), 0) AS confirmed_micro_usd,
    ifnull(sum(cost * (estimated = 1)), 0) AS estimated_micro_usd,
    ifnull(sum(at_risk + reserved), 0) AS at_risk_micro_usd,
    ifnull(sum(released), 0) AS not_charged_micro_usd
"""
COMING = """
    SELECT DISTINCT a.job_key, s.value AS slot FROM attempts a JOIN json_each(a.slots) s
    WHERE a.catalogue = :catalogue AND a.ended IS NULL AND a.state = 'pending'
        AND NOT EXISTS (SELECT 1 FROM images h WHERE h.catalogue = a.catalogue AND h.job_key = a.job_key
            AND h.slot = s.value AND (h.state != 'not_started' OR h.url IS NOT NULL))
"""
"""Slots that nothing is known of but that the provider has accepted them; their images come later."""
COUNTED = f"""
    SELECT j.key AS job_key, j.n AS wanted,
        ifnull(sum(i.state = 'stored'), 0) AS stored, ifnull(sum(i.state = 'moderated'), 0) AS moderated,
        ifnull(sum(i.state = 'failed'), 0) AS failed, ifnull(sum(i.state = 'uncertain'), 0) AS uncertain,
        ifnull(sum(i.state = 'uncertain' AND i.reason_code = 'held'), 0) AS held,
        ifnull(sum(i.state = 'uncertain' AND i.reason_code != 'held'), 0) AS again,
        ifnull(sum(i.state = 'failed' AND i.reason_code = 'transient'), 0) AS for_now,
        ifnull(sum(i.state = 'moderated' AND i.reason_code = 'accepted'), 0) AS closed,
        ifnull(sum(i.state = 'lost_paid'), 0) AS lost_paid,
        ifnull(sum(i.state = 'failed' AND i.reason_code = 'incomplete'), 0) AS incomplete,
        ifnull(max(later.slots), 0) AS submitted, max(coming.job_key IS NOT NULL) AS coming,
        j.n - ifnull(sum(i.state != 'not_started'), 0) - ifnull(max(later.slots), 0) AS not_started,
        ifnull(sum(i.state = 'not_started' AND i.url IS NOT NULL), 0) AS pending,
        json_group_array(i.slot) FILTER (WHERE i.state = 'moderated' AND i.reason_code != 'accepted')
            AS moderated_slots,
        max(i.prompt) FILTER (WHERE i.state = 'moderated') AS moderated_prompt
    FROM jobs j LEFT JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
        LEFT JOIN (SELECT c.job_key, count(*) AS slots FROM ({COMING}) c JOIN jobs w ON w.key = c.job_key
            WHERE w.catalogue = :catalogue AND c.slot < w.n GROUP BY c.job_key) later ON later.job_key = j.key
        LEFT JOIN (SELECT DISTINCT job_key FROM attempts WHERE catalogue = :catalogue AND ended IS NULL
            AND state = 'pending') coming ON coming.job_key = j.key
    WHERE j.catalogue = :catalogue
"""  # noqa: S608 - our own words
OUTCOME = """
    CASE WHEN stored = wanted THEN 'done' WHEN held > 0 THEN 'held'
        WHEN submitted > 0 OR (uncertain > 0 AND coming) THEN 'submitted'
        WHEN uncertain > 0 OR not_started > 0 THEN 'not_started'
        WHEN stored > 0 AND incomplete = 0 THEN 'partial' WHEN moderated = wanted THEN 'moderated' ELSE 'failed' END
"""
_JOBS = f"""
WITH counted AS ({COUNTED} GROUP BY j.key),
money AS (
    SELECT job_key, sum({SENT}) AS attempts, sum(purpose IN ('retry', 'check')) AS retried,
        ifnull(sum(text_in), 0) AS text_in, ifnull(sum(image_in), 0) AS image_in, ifnull(sum(output), 0) AS output,
        {FOUR_NUMBERS}, ifnull(sum(CASE WHEN released = 0 THEN expected END), 0) AS expected_micro_usd,
        sum(seconds) AS seconds
    FROM attempts WHERE catalogue = :catalogue GROUP BY job_key
),
failure AS (
    SELECT job_key, max(seq), code, message, categories FROM attempts
    WHERE catalogue = :catalogue AND brought = 0 AND code NOT IN ('', 'ok') GROUP BY job_key
),
away AS (
    SELECT job_key, min(slot), CASE reason_cause WHEN '' THEN 'download' ELSE reason_cause END AS code,
        reason_detail AS message,
        CASE reason_cause WHEN 'precheck' THEN '["' || replace(reason_detail, ', ', '", "') || '"]' END AS flagged
    FROM images WHERE catalogue = :catalogue AND (reason_code = 'download' AND state IN ('not_started', 'lost_paid')
        OR reason_cause = 'precheck' AND state = 'moderated') GROUP BY job_key
)
SELECT j.id AS job_id, j.key AS job_key, j.operation, j.model, j.size, j.quality, j.provider, j.prompt, j.tags, j.place,
    j.last_run, wanted, {OUTCOME} AS outcome, stored, moderated, failed, uncertain, lost_paid, not_started,
    ifnull(attempts, 0), ifnull(retried, 0), ifnull(text_in, 0), ifnull(image_in, 0), ifnull(output, 0),
    ifnull(confirmed_micro_usd, 0), ifnull(estimated_micro_usd, 0), ifnull(at_risk_micro_usd, 0),
    ifnull(not_charged_micro_usd, 0), ifnull(expected_micro_usd, 0), ifnull(seconds, 0.0),
    coalesce(w.code, CASE WHEN not_started > 0 THEN nullif(j.waits, '') END, f.code, ''),
    coalesce(w.message, CASE WHEN not_started > 0 AND j.waits != '' THEN j.waits_for END, f.message, ''),
    coalesce(w.flagged, categories, '[]'),
    moderated_slots, moderated_prompt, submitted
FROM jobs j JOIN counted c ON c.job_key = j.key
    LEFT JOIN money m ON m.job_key = j.key LEFT JOIN failure f ON f.job_key = j.key
    LEFT JOIN away w ON w.job_key = j.key
WHERE j.catalogue = :catalogue ORDER BY j.seq, j.rowid
"""  # noqa: S608 - our own words
_EVERY = """
WITH RECURSIVE slots(slot, most) AS (
    SELECT 0, (SELECT max(n) FROM jobs WHERE catalogue = :catalogue)
    UNION ALL SELECT slot + 1, most FROM slots WHERE slot + 1 < most
),
every AS (
    SELECT key AS job_key, slot FROM jobs JOIN slots ON slot < n WHERE catalogue = :catalogue
    UNION SELECT job_key, slot FROM images WHERE catalogue = :catalogue AND (path IS NOT NULL OR url IS NOT NULL)
)
"""
_SINCE = """
WITH every AS (
    SELECT job_key, slot FROM images WHERE catalogue = :catalogue AND changed >= :since
    UNION SELECT job_key, slot FROM reviews WHERE catalogue = :catalogue AND decided >= :since
)
"""
_OF = """
WITH every AS (
    SELECT json_extract(value, '$[0]') AS job_key, json_extract(value, '$[1]') AS slot FROM json_each(:slots)
)
"""
_IMAGES = f"""
SELECT j.id AS job_id, j.key AS job_key, e.slot,
    CASE WHEN later.slot IS NULL THEN ifnull(i.state, 'not_started') ELSE 'submitted' END, ifnull(i.reason_code, ''),
    ifnull(i.reason_cause, ''), ifnull(i.reason_detail, ''), i.path, i.sha256,
    i.bytes, i.width, i.height, i.format,
    ifnull(i.mismatches, '[]'), ifnull(a.flags, '[]'),
    ifnull(i.fault, ''), ifnull(a.model, j.model), j.size, j.quality,
    ifnull(a.provider, j.provider), ifnull(i.cost, 0), ifnull(a.estimated, 0), ifnull(i.prompt, j.prompt), j.tags,
    j.last_run, i.attempt_id, i.changed, ifnull(r.decision, ''), ifnull(r.note, ''), ifnull(i.superseded, 0),
    ifnull(k.flags, '[]'), ifnull(k.alike, 0)
FROM every e JOIN jobs j ON j.catalogue = :catalogue AND j.key = e.job_key
    LEFT JOIN images i ON i.catalogue = :catalogue AND i.job_key = e.job_key AND i.slot = e.slot
    LEFT JOIN attempts a ON a.id = i.attempt_id
    LEFT JOIN reviews r ON {IN_FORCE}
    LEFT JOIN measures k ON k.catalogue = i.catalogue AND k.sha256 = i.sha256 AND NOT i.superseded
    LEFT JOIN ({COMING}) later ON later.job_key = e.job_key AND later.slot = e.slot
ORDER BY j.seq, j.rowid, e.slot
"""  # noqa: S608 - our own words
_USAGE = f"""
SELECT a.model, j.size, j.quality, a.provider, j.tags, count(DISTINCT j.key) AS jobs, sum(a.{SENT}) AS attempts,
    sum(a.purpose IN ('retry', 'check')) AS retried, sum(CASE WHEN a.released = 0 THEN a.asked ELSE 0 END) AS asked,
    ifnull(sum(drawn.images), 0) AS images,
    ifnull(sum(text_in), 0), ifnull(sum(image_in), 0), ifnull(sum(output), 0), ifnull(sum(text_out), 0),
    {FOUR_NUMBERS}, ifnull(sum(CASE WHEN released = 0 THEN expected END), 0) AS expected_micro_usd,
    ifnull(sum(drawn.accepted), 0) AS accepted
FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
    LEFT JOIN (SELECT i.attempt_id, count(*) AS images, sum(ifnull(r.decision = 'approved', 0)) AS accepted
        FROM images i LEFT JOIN reviews r ON {IN_FORCE}
        WHERE i.catalogue = :catalogue AND i.state = 'stored' GROUP BY i.attempt_id) drawn ON drawn.attempt_id = a.id
WHERE a.catalogue = :catalogue
GROUP BY a.model, j.size, j.quality, a.provider, j.tags ORDER BY min(j.seq)
"""  # noqa: S608 - our own words
_EDITED = """
SELECT DISTINCT i.sha256, j.request FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key
WHERE i.catalogue = :catalogue AND i.state = 'stored' AND NOT i.superseded AND j.operation = 'edit'
"""
_ACCEPTED = f"""
SELECT a.model, j.quality, j.template, j.tags, min(j.id) AS example, ifnull(sum(drawn.images), 0) AS images,
    ifnull(sum(drawn.approved), 0) AS approved, ifnull(sum(drawn.rejected), 0) AS rejected, sum(a.cost) AS cost
FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
    LEFT JOIN (SELECT i.attempt_id, count(*) AS images, sum(ifnull(r.decision = 'approved', 0)) AS approved,
        sum(ifnull(r.decision = 'rejected', 0)) AS rejected FROM images i LEFT JOIN reviews r ON {IN_FORCE}
        WHERE i.catalogue = :catalogue AND i.state = 'stored' GROUP BY i.attempt_id) drawn ON drawn.attempt_id = a.id
WHERE a.catalogue = :catalogue AND EXISTS (SELECT 1 FROM reviews v WHERE v.catalogue = :catalogue)
GROUP BY a.model, j.quality, j.template, j.tags ORDER BY min(j.seq)
"""  # noqa: S608 - our own words
_WAYS = f"""
SELECT json_extract(j.variant, '$[1]') AS way, sum(r.decision = 'approved'), sum(r.decision = 'rejected')
FROM jobs j JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    JOIN reviews r ON {IN_FORCE}
WHERE j.catalogue = :catalogue AND j.variant != '' GROUP BY way
"""  # noqa: S608 - our own words
_CALLS = f"""
SELECT run_id, (julianday(started) - 2440587.5) * 86400.0, (julianday(ended) - 2440587.5) * 86400.0,
    seconds, brought, cost
FROM attempts WHERE catalogue = :catalogue AND ended IS NOT NULL AND {SENT} ORDER BY ended
"""  # noqa: S608 - our own words
_CURRENT = """
WITH latest AS (
    SELECT run_id, max(seq) FROM runs WHERE catalogue = :catalogue AND EXISTS
        (SELECT 1 FROM jobs WHERE jobs.catalogue = runs.catalogue AND last_run = run_id) GROUP BY manifest
),
current AS (
    SELECT i.job_key, i.slot, i.path, i.sha256, i.format, i.cost, ifnull(i.prompt, j.prompt) AS prompt, j.id, j.seq,
        j.rowid AS line, j.listing, j.variant, j.model, j.size, j.quality
    FROM jobs j JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    WHERE j.catalogue = :catalogue AND j.last_run IN (SELECT run_id FROM latest)
        AND i.state = 'stored' AND i.fault = '' AND NOT i.superseded AND NOT EXISTS (
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
    json_extract(listing, '$[1]'), json_extract(listing, '$[2]'),
    ifnull(json_extract(listing, '$[3]'), ''), ifnull(json_extract(listing, '$[4]'), ''),
    ifnull(json_extract(listing, '$[5]'), '')
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
_SIDECARS = """
SELECT i.path, j.id AS job_id, i.job_key, i.slot, j.request, i.sha256, i.bytes, i.width, i.height, i.format,
    i.mismatches,
    i.cost AS cost_micro_usd, a.estimated, a.model, a.provider, j.size, j.quality, a.id AS attempt_id, a.run_id,
    a.ended AS drawn, a.request_id, a.asked, a.cost AS call_micro_usd, a.usage, a.echo, a.price, r.version,
    a.prompt AS said
FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key JOIN attempts a ON a.id = i.attempt_id
    JOIN runs r ON r.catalogue = a.catalogue AND r.run_id = a.run_id
WHERE i.catalogue = :catalogue AND i.path IS NOT NULL AND i.sha256 IS NOT NULL AND i.fault != 'overwritten'
"""


_MEASURED = """
SELECT j.id, i.path, i.sha256, j.tags, m.border_off, m.margin, m.sharpness, m.looks, m.flags, m.alike
FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key
    JOIN measures m ON m.catalogue = i.catalogue AND m.sha256 = i.sha256
WHERE i.catalogue = :catalogue AND i.state = 'stored' AND NOT i.superseded ORDER BY j.seq, j.rowid, i.slot
"""

_EARLIER = """
WITH found AS (
    SELECT b.job_key, b.slot, b.path, b.sha256, b.format, a.seq FROM earlier b JOIN attempts a ON a.id = b.attempt_id
    WHERE b.catalogue = :catalogue
    UNION ALL
    SELECT n.key, s.slot, s.path, s.sha256, s.format, a.seq FROM images s
        JOIN jobs o ON o.catalogue = s.catalogue AND o.key = s.job_key
        JOIN jobs n ON n.catalogue = o.catalogue AND n.id = o.id AND n.key != o.key
        JOIN attempts a ON a.id = s.attempt_id
    WHERE s.catalogue = :catalogue AND s.superseded AND s.state = 'stored'
)
SELECT f.job_key, f.slot, f.path, f.sha256, f.format FROM found f
    JOIN images i ON i.catalogue = :catalogue AND i.job_key = f.job_key AND i.slot = f.slot
    JOIN attempts c ON c.id = i.attempt_id
WHERE i.state = 'stored' AND NOT i.superseded AND f.seq < c.seq ORDER BY f.seq
"""
# Jobs that send images: edits and variations, and those that name one in a parameter.
_SENT_IMAGES = """
SELECT j.key, i.value FROM jobs j, json_each(j.request, '$.images') i
WHERE j.catalogue = :catalogue AND j.operation != 'generate'
UNION ALL
SELECT j.key, json_extract(f.value, '$[1]') FROM jobs j, json_each(j.request, '$.files') f
WHERE j.catalogue = :catalogue AND instr(j.request, '"files":[[')
"""


class ReportRows:
    """The rows of reports on one output."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def jobs(self) -> Iterator[JobRow]:
        """Every job of the catalogue with its money, in the manifest's order."""
        return map(JobRow._make, self._stream(_JOBS))

    def images(self) -> Iterator[ImageRow]:
        """Every wanted or stored image, in the manifest's order."""
        return map(ImageRow._make, self._stream(_EVERY + _IMAGES))

    def images_since(self, moment: datetime) -> Iterator[ImageRow]:
        """Every image that changed, or about which somebody decided, since a moment; in the manifest's order."""
        return map(ImageRow._make, self._stream(_SINCE + _IMAGES, since=stamp(moment)))

    def images_of(self, slots: Sequence[tuple[str, int]]) -> Iterator[ImageRow]:
        """Find the images in these slots of jobs, by key; in the manifest's order."""
        return map(ImageRow._make, self._stream(_OF + _IMAGES, slots=json.dumps(slots)))

    def usage(self) -> Iterator[UsageRow]:
        """Sum up calls, images, tokens and money for each combination of model, size, quality, provider and tags."""
        return map(UsageRow._make, self._stream(_USAGE))

    def edited(self) -> Iterator[tuple[str, ImageRequest]]:
        """Every stored image in its place that was drawn from others: its hash, and what was asked for."""
        return ((sha256, request_from(request)) for sha256, request in self._stream(_EDITED))

    def accepted(self) -> Iterator[AcceptedRow]:
        """Sum up what people said of images, and what these cost, by model, quality, template and tags; or nothing."""
        return map(AcceptedRow._make, self._stream(_ACCEPTED))

    def ways(self) -> Iterator[WayRow]:
        """Sum up what people said of images that were drawn in one of several ways."""
        return map(WayRow._make, self._stream(_WAYS))

    def calls(self) -> Iterator[CallRow]:
        """Every call that left and ended: when, how long it took and what it brought; in the order of their ends."""
        return map(CallRow._make, self._stream(_CALLS))

    def attempts(self) -> Iterator[AttemptRow]:
        """Every call, the oldest first."""
        return map(attempt_from, self._stream(f"{ATTEMPTS} ORDER BY a.seq"))

    def listed(self) -> Iterator[ListedRow]:
        """Every image that a shop lists: stored, in place and wanted; those of one unit stand together."""
        return map(ListedRow._make, self._stream(_LISTED))

    def measured(self) -> Iterator[MeasuredRow]:
        """Every stored image that is in its place and was measured, in the manifest's order."""
        return map(MeasuredRow._make, self._stream(_MEASURED))

    def earlier(self) -> Iterator[EarlierRow]:
        """Every image that stood where another one stands now, those of one slot in the order of their calls."""
        return map(EarlierRow._make, self._stream(_EARLIER))

    def sent_images(self) -> Iterator[tuple[str, InputImage]]:
        """Every image that was sent along with a job, by the job's key, those of one job in their order."""
        known = dict[str, InputImage]()
        for key, text in self._stream(_SENT_IMAGES):
            yield key, known.setdefault(text, input_image(text))

    def variants(self) -> Iterator[VariantRow]:
        """Every stored and wanted image that was drawn in more than one way; those of one thing stand together."""
        return map(VariantRow._make, self._stream(_VARIANTS))

    def sidecars(self, attempt_id: str) -> tuple[SidecarRow, ...]:
        """How the images of one call came about."""
        with self._database.reading() as db:
            rows = db.execute(
                f"{_SIDECARS} AND i.attempt_id = :attempt ORDER BY i.slot",
                {"catalogue": self._database.catalogue, "attempt": attempt_id},
            ).fetchall()
        return tuple(SidecarRow._make(row[:-1])._replace(request=_sent(row["request"], row["said"])) for row in rows)

    def tag_names(self) -> tuple[str, ...]:
        """Every tag's name, in the order in which they first appear."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT tags FROM jobs WHERE catalogue = ? GROUP BY tags ORDER BY min(seq << 32 | rowid)",
                (self._database.catalogue,),
            ).fetchall()
        return tuple(dict.fromkeys(name for (tags,) in rows for name, _ in json.loads(tags)))

    def _stream(self, sql: str, **values: str) -> Iterator[sqlite3.Row]:
        database, known = self._database, {"catalogue": self._database.catalogue, **values}
        with database.translating(), closing(database.db.execute(sql, known)) as cursor:
            yield from cursor


def _sent(request: str, said: str | None) -> ImageRequest:
    """Say what was asked for, in the words of this call."""
    asked = request_from(request)
    return asked if said is None else replace(asked, prompt=said)
