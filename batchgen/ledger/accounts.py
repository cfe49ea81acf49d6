"""Sums: where things stand, what was wasted, what calls really cost, and whether the books are right."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.report_rows import COUNTED, FOUR_NUMBERS, OUTCOME, SENT
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.totals import Counted, History, ImageCounts, JobCounts, Money, Totals, Waste
from batchgen.money import MicroUSD

LATEST = 1000
_DECIDED = ("stored", "moderated", "failed", "uncertain", "lost_paid", "pending")
PARTS = ("pending", "again", "for_now", "closed")
"""Counts of images that are part of another count."""
STATES = ("stored", "moderated", "failed", "uncertain", "lost_paid", "submitted", "not_started")
_JOB_SUMS = f"""
SELECT {OUTCOME} AS outcome, {{had_work}} AS had_work, count(*) AS jobs,
    {", ".join(f"sum({name}) AS {name}" for name in (*STATES, *PARTS))}
FROM ({COUNTED} {{which}} GROUP BY j.key) GROUP BY 1, 2
"""  # noqa: S608 - our own words
_WANTED = " AND j.last_run = :run"
_TOUCHED = """
    SELECT job_key FROM attempts WHERE catalogue = :catalogue AND run_id = :run
    UNION SELECT job_key FROM images WHERE catalogue = :catalogue AND run_id = :run
"""
_HAD_WORK = f"(not_started + submitted > 0 OR job_key IN ({_TOUCHED}))"
_BY_THIS_RUN = " AND (i.run_id = :run OR i.state = 'not_started')"
_SAME_MANIFEST = """
    AND run_id IN (SELECT run_id FROM runs WHERE catalogue = :catalogue AND manifest IN
        ('', (SELECT manifest FROM runs WHERE catalogue = :catalogue AND run_id = :run)))
"""


_LAWS = {
    "the running sums differ from the calls they sum up": """
        SELECT count(*) FROM (
            SELECT catalogue, run_id, sum(cost), sum(at_risk) FROM attempts a WHERE ended IS NOT NULL
            GROUP BY 1, 2 EXCEPT SELECT catalogue, run_id, sum(cost), sum(at_risk) FROM spent GROUP BY 1, 2)""",
    "calls whose images cost more than the call": """
        SELECT count(*) FROM attempts a
        WHERE a.cost < (SELECT sum(cost) FROM images i WHERE i.attempt_id = a.id)""",
    "images that belong to another job's call": """
        SELECT count(*) FROM attempts a CROSS JOIN images i ON i.attempt_id = a.id
        WHERE (a.catalogue != i.catalogue OR a.job_key != i.job_key)""",
    "two images at one place": """
        SELECT count(*) FROM (
            SELECT catalogue, path FROM images INDEXED BY images_by_path WHERE path IS NOT NULL
            GROUP BY catalogue, path HAVING count(*) > 1) twice
        WHERE (SELECT count(*) FROM images i WHERE i.catalogue = twice.catalogue AND i.path = twice.path
            AND i.state = 'stored' AND i.fault = '') > 1""",
    "stored images without a charged call": """
        SELECT count(*) FROM attempts a CROSS JOIN images i ON i.attempt_id = a.id
        WHERE i.state = 'stored' AND a.state != 'settled'""",
    "approved images that had to step aside": f"""
        SELECT count(*) FROM reviews r CROSS JOIN images i ON {IN_FORCE}
        WHERE r.decision = 'approved' AND (i.fault = 'overwritten' OR i.superseded)""",  # noqa: S608
}


WASTED = """
WITH calls AS (
    SELECT a.id, a.state, a.code, a.brought, a.cost, a.at_risk + a.reserved AS risked,
        (SELECT ifnull(sum(cost), 0) FROM images WHERE attempt_id = a.id) AS kept,
        (SELECT count(*) FROM images WHERE attempt_id = a.id) AS owned,
        (SELECT sum(state = 'not_started' AND url IS NOT NULL) FROM images WHERE attempt_id = a.id) AS waiting
    FROM attempts a WHERE (risked > 0 OR a.cost > kept OR (a.cost > 0 AND a.brought = 0)) {attempts}
),
wasted AS (
    SELECT id, 'charged_no_result' AS kind, code, cost AS lost FROM calls WHERE brought = 0 AND cost > 0
    UNION ALL SELECT id, 'replaced', 'drawn_again', cost - kept FROM calls WHERE brought > owned
    UNION ALL SELECT id, 'waiting', '', cost - kept FROM calls WHERE brought = owned AND waiting
    UNION ALL SELECT id, 'lost_paid', 'download', cost - kept FROM calls WHERE brought = owned AND NOT waiting
    UNION ALL SELECT id, 'at_risk',
        CASE state WHEN 'dispatched' THEN 'under_way' WHEN 'pending' THEN 'submitted' ELSE code END,
        risked FROM calls
)
"""
"""What each call cost, or may have cost, for nothing (`lost`), and why; `attempts` says which calls are meant."""
_WASTE = f"""
{WASTED.format(attempts="AND a.catalogue = :catalogue {attempts}")}
SELECT kind, code, count(*), sum(lost) FROM wasted WHERE lost > 0 GROUP BY kind, code ORDER BY 4 DESC, 1, 2
"""  # noqa: S608 - our own words


class Accounts(LedgerPart):
    """The sums over one output."""

    def totals(self, run_id: str | None = None) -> Totals:
        """Jobs, images and money: of the whole catalogue, or what a run wanted and the money of its whole manifest."""
        if run_id is not None:
            return self.of_run(run_id)[0]
        values = {"catalogue": self._database.catalogue}
        with self._database.reading() as db:
            return _totals(db, _jobs(db, "", "TRUE", values), values)

    def of_run(self, run_id: str) -> tuple[Totals, Totals]:
        """Say where a manifest stands as of a run, and what of it is this run's.

        First the jobs that it wanted, and the money of every run of the same manifest. Then those of these jobs that it
        had work for, what it made of them, and its own money.
        """
        values = {"catalogue": self._database.catalogue, "run": run_id}
        with self._database.reading() as db:
            rows = _jobs(db, _WANTED, _HAD_WORK, values)
            whole = _totals(db, rows, values, _SAME_MANIFEST)
            alone = _totals(db, [row for row in rows if row["had_work"]], values, " AND run_id = :run")
            if alone.jobs.total:
                alone = replace(alone, images=_images_alone(db, values, alone.images))
        return whole, alone

    def waste(self, run_id: str | None = None) -> tuple[Waste, ...]:
        """List what was paid, or perhaps paid, for nothing, and why; the dearest first."""
        which = "" if run_id is None else " AND a.run_id = :run"
        rows = self._database.rows(_WASTE.format(attempts=which), run=run_id)
        return tuple(Waste(kind, code, attempts, MicroUSD(lost)) for kind, code, attempts, lost in rows)

    def history(self, model: str, size: str, quality: str, provider: str | None = None) -> History | None:
        """Say what such calls without input images really cost and took, over the latest 1000; None without any."""
        rows = self._database.rows(
            "SELECT a.cost, a.asked, a.seconds, a.text_in, a.output, a.text_out, a.estimated FROM attempts a"  # noqa: S608
            " JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key"
            " WHERE a.state = 'settled' AND a.route = 'sync' AND a.brought > 0 AND j.operation = 'generate'"
            " AND ifnull(a.image_in, 0) = 0 AND a.model = :model AND j.size = :size AND j.quality = :quality"
            f" AND a.provider = ifnull(:provider, a.provider) AND a.seconds > 0 ORDER BY a.seq DESC LIMIT {LATEST}",
            model=model,
            size=size,
            quality=quality,
            provider=provider,
        )
        if not rows:
            return None
        costs = sorted(-(-row["cost"] // row["asked"]) for row in rows)
        seconds = sorted(row["seconds"] for row in rows)
        low, high = (len(rows) - 1) // 2, -(-95 * len(rows) // 100) - 1
        cost, most = MicroUSD(costs[low]), MicroUSD(costs[high])
        return History(len(rows), cost, most, seconds[low], seconds[high], _counted(rows))

    def served(self, provider: str) -> bool:
        """Whether a provider ever brought an image."""
        brought = "SELECT 1 FROM attempts WHERE provider = :provider AND brought > 0 LIMIT 1"
        return self._database.value(brought, provider=provider) is not None

    def audit(self) -> tuple[str, ...]:
        """Every broken invariant, in words; empty when all is well."""
        with self._database.reading() as db:
            found = {law: db.execute(sql).fetchone()[0] for law, sql in _LAWS.items()}
        return tuple(f"{law} ({count})" for law, count in found.items() if count)


def _jobs(db: sqlite3.Connection, which: str, had_work: str, values: Mapping[str, str]) -> list[sqlite3.Row]:
    """Count jobs and their images by outcome; apart from the others those that a run had work for."""
    return db.execute(_JOB_SUMS.format(had_work=had_work, which=which), values).fetchall()


def _totals(db: sqlite3.Connection, rows: Sequence[sqlite3.Row], values: Mapping[str, str], calls: str = "") -> Totals:
    """Add up counts of jobs, and the money of some calls."""
    outcomes = Counter[str]()
    for row in rows:
        outcomes[row["outcome"]] += row["jobs"]
    sums = {name: sum(row[name] for row in rows) for name in (*STATES, *PARTS)}
    images = ImageCounts(wanted=sum(sums.values()) - sum(sums[name] for name in PARTS), **sums)
    row = db.execute(
        f"SELECT {FOUR_NUMBERS}, ifnull(sum({SENT}), 0) AS sent,"  # noqa: S608 - our own words
        f" ifnull(sum(purpose IN ('retry', 'check') AND {SENT}), 0) AS retried,"
        " ifnull(sum(CASE WHEN state = 'pending' THEN reserved END), 0) AS held_back"
        f" FROM attempts WHERE catalogue = :catalogue {calls}",
        values,
    ).fetchone()
    jobs, money = JobCounts(total=outcomes.total(), **outcomes), Money(*(MicroUSD(row[index]) for index in range(4)))
    return Totals(jobs, images, money, row["sent"], row["retried"], MicroUSD(row["held_back"]))


def _images_alone(db: sqlite3.Connection, values: Mapping[str, str], of_its_jobs: ImageCounts) -> ImageCounts:
    """Count images that this run decided, and those of its jobs that are still open."""
    counted = COUNTED.replace("i.slot < j.n", "i.slot < j.n" + _BY_THIS_RUN)
    sums = ", ".join(f"ifnull(sum({name}), 0) AS {name}" for name in _DECIDED)
    decided = dict(db.execute(f"SELECT {sums} FROM ({counted}{_WANTED} GROUP BY j.key)", values).fetchone())  # noqa: S608
    still = {"submitted": of_its_jobs.submitted, "not_started": of_its_jobs.not_started}
    wanted = sum(decided.values()) - decided["pending"] + sum(still.values())
    return ImageCounts(wanted=wanted, **still, **decided)


def _counted(rows: Sequence[sqlite3.Row]) -> Counted | None:
    """Return the call of middle cost among those whose provider counted tokens."""
    counted = [row for row in rows if row["output"] and not row["estimated"]]
    if not counted:
        return None
    counted.sort(key=lambda row: -(-row["cost"] // row["asked"]))
    row = counted[(len(counted) - 1) // 2]
    return Counted(MicroUSD(row["cost"]), row["asked"], row["text_in"] or 0, row["output"], row["text_out"] or 0)
