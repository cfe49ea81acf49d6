"""Rows for reports, streamed from SQL."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.resources import files

from batchgen.ledger import report_records as records
from batchgen.ledger.attempts import ATTEMPTS, PENDING_JOBS, AttemptRow, attempt_from
from batchgen.ledger.database import LedgerPart
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
    SELECT DISTINCT a.job_key, s.value AS slot
    FROM attempts a INDEXED BY attempts_open JOIN json_each(a.slots) s
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
        LEFT JOIN ({PENDING_JOBS}) coming ON coming.job_key = j.key
    WHERE j.catalogue = :catalogue
"""  # noqa: S608 - our own words
OUTCOME = """
    CASE WHEN stored = wanted THEN 'done' WHEN held > 0 THEN 'held'
        WHEN submitted > 0 OR (uncertain > 0 AND coming) THEN 'submitted'
        WHEN uncertain > 0 OR not_started > 0 THEN 'not_started'
        WHEN stored > 0 AND incomplete = 0 THEN 'partial' WHEN moderated = wanted THEN 'moderated' ELSE 'failed' END
"""


@cache
def _queries() -> Mapping[str, str]:
    """Read `report.sql`: its queries by their names, with what they share put in."""
    text = (files("batchgen.ledger") / "report.sql").read_text("utf-8")
    written = dict(part.split("\n", 1) for part in text.split("-- name: ")[1:])
    shared = {
        "sent": SENT,
        "four_numbers": FOUR_NUMBERS,
        "coming": COMING,
        "counted": COUNTED,
        "outcome": OUTCOME,
        "in_force": IN_FORCE,
        "current": written["current"],
    }
    return {name: sql.format_map(shared) for name, sql in written.items()}


class ReportRows(LedgerPart):
    """The rows of reports on one output."""

    def jobs(self) -> Iterator[records.JobRow]:
        """Every job of the catalogue with its money, in the manifest's order."""
        return map(records.JobRow._make, self._stream("jobs"))

    def images(self) -> Iterator[records.ImageRow]:
        """Every wanted or stored image, in the manifest's order."""
        return map(records.ImageRow._make, self._stream("every", "images"))

    def images_since(self, moment: datetime) -> Iterator[records.ImageRow]:
        """Every image that changed, or about which somebody decided, since a moment; in the manifest's order."""
        return map(records.ImageRow._make, self._stream("since", "images", since=stamp(moment)))

    def images_of(self, slots: Sequence[tuple[str, int]]) -> Iterator[records.ImageRow]:
        """Find the images in these slots of jobs, by key; in the manifest's order."""
        return map(records.ImageRow._make, self._stream("of", "images", slots=json.dumps(slots)))

    def usage(self) -> Iterator[records.UsageRow]:
        """Sum up calls, images, tokens and money for each combination of model, size, quality, provider and tags."""
        return map(records.UsageRow._make, self._stream("usage"))

    def edited(self) -> Iterator[tuple[str, ImageRequest]]:
        """Every stored image in its place that was drawn from others: its hash, and what was asked for."""
        return ((sha256, request_from(request)) for sha256, request in self._stream("edited"))

    def accepted(self) -> Iterator[records.AcceptedRow]:
        """Sum up what people said of images, and what these cost, by model, quality, template and tags; or nothing."""
        return map(records.AcceptedRow._make, self._stream("accepted"))

    def ways(self) -> Iterator[records.WayRow]:
        """Sum up what people said of images that were drawn in one of several ways."""
        return map(records.WayRow._make, self._stream("ways"))

    def calls(self) -> Iterator[records.CallRow]:
        """Every call that left and ended: when, how long it took and what it brought; in the order of their ends."""
        return map(records.CallRow._make, self._stream("calls"))

    def attempts(self) -> Iterator[AttemptRow]:
        """Every call, the oldest first."""
        return map(attempt_from, self._database.stream(f"{ATTEMPTS} ORDER BY a.seq"))

    def listed(self) -> Iterator[records.ListedRow]:
        """Every image that a shop lists: stored, in place and wanted; those of one unit stand together."""
        return map(records.ListedRow._make, self._stream("listed"))

    def measured(self) -> Iterator[records.MeasuredRow]:
        """Every stored image that is in its place and was measured, in the manifest's order."""
        return map(records.MeasuredRow._make, self._stream("measured"))

    def earlier(self) -> Iterator[records.EarlierRow]:
        """Every image that stood where another one stands now, those of one slot in the order of their calls."""
        return map(records.EarlierRow._make, self._stream("earlier"))

    def sent_images(self) -> Iterator[tuple[str, InputImage]]:
        """Every image that was sent along with a job, by the job's key, those of one job in their order."""
        known = dict[str, InputImage]()
        for key, text in self._stream("sent_images"):
            yield key, known.setdefault(text, input_image(text))

    def variants(self) -> Iterator[records.VariantRow]:
        """Every stored and wanted image that was drawn in more than one way; those of one thing stand together."""
        return map(records.VariantRow._make, self._stream("variants"))

    def sidecars(self, attempt_id: str) -> tuple[records.SidecarRow, ...]:
        """How the images of one call came about."""
        sql = f"{_queries()['sidecars']} AND i.attempt_id = :attempt ORDER BY i.slot"
        rows = self._database.rows(sql, attempt=attempt_id)
        return tuple(
            records.SidecarRow._make(row[:-1])._replace(request=_sent(row["request"], row["said"])) for row in rows
        )

    def tag_names(self) -> tuple[str, ...]:
        """Every tag's name, in the order in which they first appear."""
        rows = self._database.rows(
            "SELECT tags FROM jobs WHERE catalogue = :catalogue GROUP BY tags ORDER BY min(seq << 32 | rowid)"
        )
        return tuple(dict.fromkeys(name for (tags,) in rows for name, _ in json.loads(tags)))

    def _stream(self, *names: str, **values: str) -> Iterator[sqlite3.Row]:
        return self._database.stream("".join(_queries()[name] for name in names), **values)


def _sent(request: str, said: str | None) -> ImageRequest:
    """Say what was asked for, in the words of this call."""
    asked = request_from(request)
    return asked if said is None else replace(asked, prompt=said)
