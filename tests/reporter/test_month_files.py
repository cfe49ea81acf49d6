"""The page and the sheet of a month: what stands in them, of one folder, of several, and of a shared ledger."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from re import findall, search
from typing import Any

import openpyxl
import pytest

from batchgen.app.bill.finance import month
from batchgen.errors import InputError
from batchgen.ledger import Caps, Ledger, RunStart
from batchgen.model import AttemptState, Charge
from tests.ledger.conftest import Hands, Make


def drawn(output: Path, budget: dict[str, Any] | None, *, ledger: Path | None = None, facts: bool = True) -> None:
    """Draw two images in an output folder around the end of November in Berlin, one of them for nothing."""
    output.mkdir()
    make, clock, command = Make(f"run-{output.name}"), Hands(), {"manifest": "../shop.yaml"}
    clock.time = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
    path = ledger or output / "ledger.db"
    make.numbers = iter(f"{output}-{number}" for number in range(9))
    (output / "runs" / make.run_id).mkdir(parents=True)
    (output / "runs" / make.run_id / "status.json").write_text(json.dumps({"ledger": f"../{path.name}"}))
    with Ledger.open(path, f"{output.name}" if ledger else ".", clock=clock) as books:
        told = json.dumps(command | ({"budget": budget} if facts else {}))
        books.runs.begin(RunStart(make.run_id, "shop", "mock", command=told))
        for cost, state in ((700_001, AttemptState.SETTLED), (300_000, AttemptState.CHARGED_NO_RESULT)):
            job = make.job(f"{output.name}-{cost}", tags=(("room", "=hall"),))
            books.jobs.remember([make.wanted(job)])
            attempt = make.attempt(job, 800_000)
            assert books.reservations.reserve(attempt, Caps()) is None
            receipt = (
                make.answer(attempt) if state is AttemptState.SETTLED else make.failure(attempt, Charge.YES, "odd")
            )
            books.attempts.settle(receipt, state, make.cost(cost))
            clock.time = datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC)
        late = make.job(f"{output.name}-late")
        books.jobs.remember([make.wanted(late)])
        clock.time = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # December in Berlin
        attempt = make.attempt(late, 100)
        assert books.reservations.reserve(attempt, Caps()) is None
        books.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(77))


def rows(path: Path) -> list[dict[str, str]]:
    """Read a sheet as another program does."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cells(page: str, name: str) -> list[list[str]]:
    """Return the cells of a table of the page, row by row."""
    found = search(rf'<table data-by="{name}">.*?<tbody>(.*?)</tbody>', page, 16)
    assert found
    return [findall(r"<td[^>]*>(?:<svg.*?</svg>)?([^<]*)</td>", row) for row in findall(r"<tr>(.*?)</tr>", found[1])]


BUDGET = {"day": 900_000, "month": 5_000_000, "timezone": "Europe/Berlin"}


def test_a_month_of_one_folder_lies_in_its_report(tmp_path: Path) -> None:
    """Page, sheet and workbook say the same, in the budget's time zone, and what was wasted and why."""
    drawn(tmp_path / "shop", BUDGET)
    files = {path.name: path for path in month("2026-11", [tmp_path / "shop"])}
    assert files.keys() == {f"month-2026-11.{kind}" for kind in ("html", "csv", "xlsx")}
    assert {path.parent for path in files.values()} == {tmp_path / "shop" / "report"}
    (line,) = rows(files["month-2026-11.csv"])
    named = {
        "day": "2026-11-30",
        "catalogue": "shop",
        "provider": "mock",
        "calls": "2",
        "images": "1",
        "room": "'=hall",
    }
    money = {"confirmed_micro_usd": "1000001", "estimated_micro_usd": "0", "wasted_micro_usd": "300000"}
    assert {**line, **named, **money} == line
    page = files["month-2026-11.html"].read_text("utf-8")
    assert dict(findall(r'data-figure="(\w+)">([^<]*)<', page))["confirmed"] == "$1.000001"
    assert len(cells(page, "day")) == 30
    assert cells(page, "budget") == [
        ["shop", "Europe/Berlin", "$5.00", "$1.000001", "$3.999999", "$0.90", "$1.000001", "2026-11-30", "1"]
    ]
    assert cells(page, "waste") == [["paid, no usable image: odd", "1", "$0.30", "$0.00"]]
    book = openpyxl.load_workbook(files["month-2026-11.xlsx"])
    assert book.sheetnames == ["Totals", "Days", "Lines", "Waste", "Budgets"]
    totals = {row[0]: row[2] for row in book["Totals"].iter_rows(values_only=True)}
    assert (totals["confirmed"], totals["wasted"]) == (1.000001, 0.3)


def test_several_folders_are_told_together(tmp_path: Path) -> None:
    """Each under its own budget and zone; a shared ledger is told whole and once; equal names are told apart."""
    drawn(tmp_path / "a", BUDGET)
    (tmp_path / "old").mkdir()
    drawn(tmp_path / "old" / "a", {"day": None, "month": None, "timezone": "UTC"})
    for name in ("b", "c"):
        drawn(tmp_path / name, {"month": 9_000_000, "timezone": "UTC"}, ledger=tmp_path / "shared.db")
    folders = [tmp_path / name for name in ("a", "old/a", "b", "c", "a")]
    files = month("2026-11", folders, tmp_path / "finance")
    sheet = rows(tmp_path / "finance" / "month-2026-11.csv")
    assert {row["catalogue"] for row in sheet} == {str(tmp_path / "a"), str(tmp_path / "old" / "a"), "b", "c"}
    assert sum(int(row["confirmed_micro_usd"]) for row in sheet) == 4 * 1_000_001 + 3 * 77
    page = files[1].read_text("utf-8")
    assert [(row[1], row[2], row[3]) for row in cells(page, "budget")] == [
        ("Europe/Berlin", "$5.00", "$1.000001"),
        ("UTC", "none", "$1.000078"),
        ("UTC", "$9.00", "$2.000156"),
    ]


def test_the_budget_of_older_runs_is_that_of_their_manifest(tmp_path: Path) -> None:
    """Where a run's facts do not keep it; without a manifest there is none, and days are those of UTC."""
    drawn(tmp_path / "shop", None, facts=False)
    (tmp_path / "shop.yaml").write_text("budget: {month: 5, timezone: Europe/Berlin}\njobs: [{prompt: A lamp}]\n")
    page = month("2026-11", [tmp_path / "shop"])[1].read_text("utf-8")
    assert cells(page, "budget")[0][1:4] == ["Europe/Berlin", "$5.00", "$1.000001"]
    (tmp_path / "shop.yaml").unlink()
    page = month("2026-11", [tmp_path / "shop"])[1].read_text("utf-8")
    assert cells(page, "budget")[0][1:4] == ["UTC", "none", "$1.000078"]


def test_a_month_without_a_call_is_told_as_that(tmp_path: Path) -> None:
    """Every day with nothing; a folder without a ledger is an error that names it."""
    drawn(tmp_path / "shop", BUDGET)
    files = month("2027-02", [tmp_path / "shop"])
    assert rows(files[0]) == []
    page = files[1].read_text("utf-8")
    assert len(cells(page, "day")) == 28
    assert "Nothing: every call" in page
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty has no ledger"):
        month("2026-11", [tmp_path / "shop", tmp_path / "empty"], tmp_path / "finance")
