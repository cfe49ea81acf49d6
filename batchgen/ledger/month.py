"""A month's money, call by call, of one ledger or several: each call once, on the day for which budgets count it."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from batchgen.ledger import opening
from batchgen.ledger.accounts import WASTED
from batchgen.ledger.database import Database
from batchgen.ledger.report_rows import SENT
from batchgen.ledger.text import moment, stamp
from batchgen.money import ZERO, MicroUSD

AT_ONCE = 1000
_MOMENT = "iif(a.handle IS NOT NULL OR a.ended IS NULL, a.started, a.ended)"
"""When a call counts for a day's budget: when it ended, one that is collected later when it was reserved."""
_CALLS = f"""
    SELECT a.id, {_MOMENT} AS at, a.catalogue, a.provider, a.model, j.tags, a.{SENT} AS calls,
        ifnull(s.stored, 0) AS images, a.cost * (a.estimated = 0) AS confirmed, a.cost * (a.estimated = 1) AS estimated,
        a.at_risk + a.reserved AS at_risk, a.released AS not_charged, iif(a.released = 0, a.expected, 0) AS expected,
        a.ended IS NULL AS under_way
    FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
        LEFT JOIN (SELECT attempt_id, sum(state = 'stored') AS stored FROM images GROUP BY attempt_id) s
            ON s.attempt_id = a.id
    WHERE at >= :begin AND at < :end
"""  # noqa: S608 - our own words
_WASTE = f"{WASTED.format(attempts='')} SELECT id, kind, code, lost FROM wasted WHERE lost > 0"  # noqa: S608
_SCHEMA = """
CREATE TABLE calls (
    id TEXT PRIMARY KEY, day TEXT, catalogue TEXT, provider TEXT, model TEXT, tags TEXT, calls INTEGER, images INTEGER,
    confirmed INTEGER, estimated INTEGER, at_risk INTEGER, not_charged INTEGER, expected INTEGER, under_way INTEGER
) WITHOUT ROWID;
CREATE TABLE waste (id TEXT PRIMARY KEY, kind TEXT, code TEXT, lost INTEGER) WITHOUT ROWID;
"""
_SUMS = """
    sum(calls), sum(images), sum(confirmed), sum(estimated), sum(at_risk), sum(not_charged), sum(expected),
    ifnull(sum(lost), 0)
"""
_FROM = "FROM calls LEFT JOIN waste USING (id)"
LINE = ("day", "catalogue", "provider", "model", "tags")


class Sums(NamedTuple):
    """What some calls came to. `calls` left this machine; `wasted` is part of the money, see `Waste`."""

    calls: int = 0
    images: int = 0
    confirmed_micro_usd: MicroUSD = ZERO
    estimated_micro_usd: MicroUSD = ZERO
    at_risk_micro_usd: MicroUSD = ZERO
    not_charged_micro_usd: MicroUSD = ZERO
    expected_micro_usd: MicroUSD = ZERO
    wasted_micro_usd: MicroUSD = ZERO

    @property
    def charged_micro_usd(self) -> MicroUSD:
        """What was charged for certain, from usage or from the table."""
        return MicroUSD(self.confirmed_micro_usd + self.estimated_micro_usd)

    @property
    def spent_micro_usd(self) -> MicroUSD:
        """What a budget counts: what was charged, and what may be."""
        return MicroUSD(self.charged_micro_usd + self.at_risk_micro_usd)

    def plus(self, other: "Sums") -> "Sums":
        """Add others to these."""
        return Sums(*(MicroUSD(mine + more) for mine, more in zip(self, other, strict=True)))


class MonthLine(NamedTuple):
    """What one day's calls of one catalogue, provider, model and tags came to; `tags` is a JSON list of pairs."""

    day: str
    catalogue: str
    provider: str
    model: str
    tags: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """What a run was told of its budget, as its facts keep it; where they do not, the path of its manifest."""

    catalogue: str
    manifest: str
    budget: dict[str, object] | None = None
    known: bool = False


@dataclass(slots=True)
class Month:
    """The calls of a month such as `2026-11`, in a file that only this process sees; memory stays flat."""

    name: str
    _db: sqlite3.Connection = field(default_factory=lambda: opening.scratch((_SCHEMA,)))

    def take(self, source: Database, zone: ZoneInfo, named: Callable[[str], str]) -> None:
        """Take in the calls of a whole ledger, with their days in a time zone; a call that is here already stays."""
        reach = self._reach()
        with source.reading() as db, closing(db.execute(_CALLS, reach)) as calls:
            self._db.execute("BEGIN")
            while rows := calls.fetchmany(AT_ONCE):
                dated = (self._dated(row, zone, named) for row in rows)
                self._db.executemany(
                    "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (row for row in dated if row[1].startswith(self.name)),
                )
            with closing(db.execute(_WASTE)) as wasted:
                self._db.executemany("INSERT INTO waste VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", wasted)
            self._db.execute("COMMIT")

    def _dated(self, row: sqlite3.Row, zone: ZoneInfo, named: Callable[[str], str]) -> tuple[str, ...]:
        at = moment(row["at"])
        assert at is not None
        return (row["id"], f"{at.astimezone(zone):%Y-%m-%d}", named(row["catalogue"]), *tuple(row)[3:])

    def _reach(self) -> dict[str, str]:
        """Say between which moments the month lies, wherever on earth."""
        begin = datetime.fromisoformat(f"{self.name}-01").replace(tzinfo=UTC)
        return {"begin": stamp(begin - timedelta(days=1)), "end": stamp(begin + timedelta(days=33))}

    def lines(self) -> Iterator[MonthLine]:
        """Give the sums of each combination, by day."""
        names = ", ".join(LINE)
        sql = f"SELECT {names}, {_SUMS} {_FROM} GROUP BY {names} ORDER BY {names}"
        with closing(self._db.execute(sql)) as rows:
            for row in rows:
                day, catalogue, provider, model, tags, *sums = row
                yield MonthLine(day, catalogue, provider, model, tags, _sums(tuple(sums)))

    def by(self, name: str) -> dict[str, Sums]:
        """Give the sums by one of the names of `LINE`."""
        assert name in LINE
        sql = f"SELECT {name}, {_SUMS} {_FROM} GROUP BY 1 ORDER BY 1"
        return {row[0]: _sums(tuple(row)[1:]) for row in self._db.execute(sql)}

    def by_tag(self, most: int) -> Iterator[tuple[str, dict[str, Sums]]]:
        """Give the sums by each value of each tag; one with more values than `most` has none here."""
        sql = f"SELECT tags, {_SUMS} {_FROM} GROUP BY 1 ORDER BY 1"
        for name in self.tag_names():
            values = dict[str, Sums]()
            for row in self._db.execute(sql):
                value = dict(json.loads(row[0] or "[]")).get(name, "")
                values[value] = values.get(value, Sums()).plus(_sums(tuple(row)[1:]))
                if len(values) > most:
                    values.clear()
                    break
            yield name, values

    def tag_names(self) -> tuple[str, ...]:
        """Name the tags that any call has."""
        found: dict[str, None] = {}
        for (tags,) in self._db.execute("SELECT DISTINCT tags FROM calls ORDER BY tags"):
            found |= dict.fromkeys(name for name, _ in json.loads(tags or "[]"))
        return tuple(found)

    def waste(self) -> tuple[tuple[str, str, int, MicroUSD], ...]:
        """List what was paid, or perhaps paid, for nothing: kind, code, calls and money, the dearest first."""
        sql = (
            "SELECT kind, code, count(*), sum(lost) FROM waste JOIN calls USING (id)"
            " GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2"
        )
        return tuple((row[0], row[1], row[2], MicroUSD(row[3])) for row in self._db.execute(sql))

    def total(self) -> Sums:
        """Add up everything."""
        return _sums(tuple(self._db.execute(f"SELECT {_SUMS} {_FROM}").fetchone()))

    def under_way(self) -> int:
        """Count calls that have no end yet."""
        return int(self._db.execute("SELECT ifnull(sum(under_way), 0) FROM calls").fetchone()[0])

    def close(self) -> None:
        """Forget everything."""
        self._db.close()


def budgets(source: Database, month: str) -> Iterator[BudgetFacts]:
    """Give what runs of a ledger were told of the budget, the latest of the month, or before it, first; then others."""
    after = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC) + timedelta(days=32)
    end = stamp(after.replace(day=1))
    with source.reading() as db:
        rows = db.execute(
            "SELECT catalogue, command FROM runs ORDER BY started >= ?, iif(started >= ?, seq, -seq)", (end, end)
        ).fetchall()
    for catalogue, command in rows:
        facts = json.loads(command or "{}")
        if isinstance(facts, dict) and "manifest" in facts:
            yield BudgetFacts(catalogue, str(facts["manifest"]), facts.get("budget"), "budget" in facts)


def _sums(values: tuple[int | None, ...]) -> Sums:
    return Sums(*(MicroUSD(value or 0) for value in values))
