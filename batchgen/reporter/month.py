"""A month for finance: one page and one sheet, by day, catalogue, provider, model and tag; every sum exact."""

from calendar import month_name, monthrange
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from batchgen.ledger import Month, MonthLine, Sums, Waste
from batchgen.money import MicroUSD, exact
from batchgen.reporter import templates, xlsx
from batchgen.reporter.accounts import wasted_words
from batchgen.reporter.charts import Bar, bar, of_money
from batchgen.reporter.folder import put
from batchgen.reporter.table_files import csv_file
from batchgen.reporter.tables import COUNTED, MICRO_DOLLARS, TOTALS, Column, batches, with_tags
from batchgen.reporter.templates import template
from batchgen.storage import Workspace

MOST_VALUES = 5_000
MOST_ROWS = 200
"""Rows of one table of the page; the sheet has them all."""
_MONEY = ("confirmed", "estimated", "at_risk", "not_charged", "expected", "wasted")
_SUMS: tuple[Column[Any], ...] = (
    *(Column(name, attrgetter(f"sums.{name}"), int, unit) for name, unit in (("calls", "calls"), ("images", COUNTED))),
    *(Column(f"{name}_micro_usd", attrgetter(f"sums.{name}_micro_usd"), int, MICRO_DOLLARS) for name in _MONEY),
)
LINES: tuple[Column[MonthLine], ...] = (
    *(Column(name, attrgetter(name)) for name in ("day", "catalogue", "provider", "model")),
    *_SUMS,
)


@dataclass(frozen=True, slots=True)
class Spending:
    """The budget of one ledger in a month, and the catalogues that share it; None is no limit."""

    name: str
    timezone: str
    catalogues: frozenset[str]
    day: MicroUSD | None = None
    month: MicroUSD | None = None


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """Budget against spent: what was charged or may have been, in the month and on its dearest day."""

    name: str
    timezone: str
    month: MicroUSD | None
    spent: MicroUSD
    day: MicroUSD | None
    dearest: MicroUSD
    dearest_day: str
    days_over: int

    @property
    def left(self) -> MicroUSD | None:
        """What is left of the month's budget; negative when more was spent."""
        return None if self.month is None else MicroUSD(self.month - self.spent)


@dataclass(frozen=True, slots=True)
class Row:
    """One value with its sums, and a bar of them."""

    value: str
    sums: Sums
    bar: Bar


@dataclass(frozen=True, slots=True)
class Table:
    """Sums by one dimension; `total` counts the values that there are."""

    name: str
    rows: tuple[Row, ...]
    total: int


def _dollars(name: str) -> Column[Any]:
    return Column(f"{name}_micro_usd", attrgetter(name), int, MICRO_DOLLARS)


DAYS: tuple[Column[Row], ...] = (Column("day", attrgetter("value")), *_SUMS)
WASTE: tuple[Column[Any], ...] = (
    Column("why", wasted_words),
    Column("calls", attrgetter("attempts"), int, "calls"),
    Column("lost_micro_usd", attrgetter("micro_usd"), int, MICRO_DOLLARS),
    Column("certain", lambda waste: str(waste.kind != "at_risk").lower()),
)
BUDGETS: tuple[Column[BudgetLine], ...] = (
    Column("ledger", attrgetter("name")),
    Column("timezone", attrgetter("timezone")),
    *map(_dollars, ("month", "spent", "left", "day", "dearest")),
    Column("dearest_day", attrgetter("dearest_day")),
    Column("days_over", attrgetter("days_over"), int, "days"),
)


def write_month(
    month: Month, budgets: Sequence[Spending], workspace: Workspace, *, where: str, name: str
) -> tuple[Path, ...]:
    """Write `month-2026-11.csv`, `.xlsx` and `.html` into a folder of the workspace; the paths written."""
    base = f"month-{month.name}"

    def make(stage: Path) -> None:
        spent = _lines(month, stage / f"{base}.csv")
        found = tuple(_budget(one, spent) for one in budgets)
        days = _days(month)
        waste = tuple(Waste(*one) for one in month.waste())
        if xlsx.available():
            _workbook(stage / f"{base}.xlsx", month, days, waste, found)
        page = _page(month, name, days, waste, found)
        (stage / f"{base}.html").write_text(page, encoding="utf-8", errors="backslashreplace", newline="")

    return put(workspace, where, make)[1]


def _lines(month: Month, path: Path) -> Counter[tuple[str, str]]:
    """Write the sheet; what each catalogue spent on each day."""
    spent = Counter[tuple[str, str]]()
    with csv_file(path, with_tags(LINES, month.tag_names())) as take:
        for some in batches(month.lines()):
            take(some)
            for line in some:
                spent[line.catalogue, line.day] += line.sums.spent_micro_usd
    return spent


def _budget(one: Spending, spent: Mapping[tuple[str, str], int]) -> BudgetLine:
    days = Counter[str]()
    for (catalogue, day), amount in spent.items():
        if catalogue in one.catalogues:
            days[day] += amount
    day, dearest = max(days.items(), key=itemgetter(1), default=("", 0))
    over = 0 if one.day is None else sum(amount > one.day for amount in days.values())
    whole = MicroUSD(days.total())
    return BudgetLine(one.name, one.timezone, one.month, whole, one.day, MicroUSD(dearest), day, over)


def _days(month: Month) -> Table:
    """Give every day of the month, also those without a call."""
    year, number = map(int, month.name.split("-"))
    names = [f"{month.name}-{day:02}" for day in range(1, monthrange(year, number)[1] + 1)]
    found = month.by("day")
    return _table("day", {name: found.get(name, Sums()) for name in names}, ordered=False)


def _table(name: str, sums: Mapping[str, Sums], *, ordered: bool = True, total: int | None = None) -> Table:
    longest = max((one.spent_micro_usd for one in sums.values()), default=MicroUSD(0))
    items = sorted(sums.items(), key=lambda item: (-item[1].spent_micro_usd, item[0])) if ordered else sums.items()
    rows = tuple(Row(value, one, _bar(value, one, longest)) for value, one in items)
    return Table(name, rows, len(sums) if total is None else total)


def _bar(value: str, sums: Sums, longest: int) -> Bar:
    pieces = of_money(sums.confirmed_micro_usd, sums.estimated_micro_usd, sums.at_risk_micro_usd)
    return bar(value, exact(sums.spent_micro_usd), pieces, longest)


def _workbook(path: Path, month: Month, days: Table, waste: Sequence[Waste], budgets: Sequence[BudgetLine]) -> None:
    total, tags = month.total(), month.tag_names()
    with xlsx.WorkbookFile(path) as book:
        counts = ((name, getattr(total, name), None) for name in ("calls", "images"))
        amounts = ((name, None, getattr(total, f"{name}_micro_usd")) for name in _MONEY)
        book.sheet("Totals", TOTALS).add((("month", month.name, None), *counts, *amounts))
        book.sheet("Days", DAYS).add(days.rows)
        lines = book.sheet("Lines", with_tags(LINES, tags))
        for some in batches(month.lines()):
            lines.add(some)
        book.sheet("Waste", WASTE).add(waste)
        book.sheet("Budgets", BUDGETS).add(budgets)


def _page(month: Month, name: str, days: Table, waste: Sequence[Waste], budgets: Sequence[BudgetLine]) -> str:
    tags = (_table(tag, sums, total=len(sums) or MOST_VALUES) for tag, sums in month.by_tag(MOST_VALUES))
    groups = (*(_table(name, month.by(name)) for name in ("catalogue", "provider", "model")), *tags)
    total, year, number = month.total(), *map(int, month.name.split("-"))
    from markupsafe import Markup

    css = templates.css() + (templates.WEB / "month.css").read_text("utf-8")
    return template("month.html").render(
        css=Markup(css),  # noqa: S704 - our own file
        policy=templates.policy(css, ""),
        title=f"{month_name[number]} {year}",
        name=name,
        zones=", ".join(dict.fromkeys(one.timezone for one in budgets)),
        total=total,
        under_way=month.under_way(),
        days=days,
        groups=groups,
        most=MOST_ROWS,
        waste=waste,
        budgets=budgets,
        drift=_drift(total),
    )


def _drift(total: Sums) -> str:
    expected, paid = total.expected_micro_usd, total.charged_micro_usd
    if not expected:
        return "There was no expectation to compare with."
    share = 100 * (paid - expected) / expected
    than = f"{abs(share):.1f} % {'more' if share > 0 else 'less'} than" if paid != expected else "exactly what was"
    return f"Calls were expected to cost {exact(expected)}; {exact(paid)} was charged, {than} expected."
