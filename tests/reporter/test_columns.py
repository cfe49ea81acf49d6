"""docs/report.md and the files themselves say the same: every column, its kind and its unit."""

import csv
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from batchgen.ledger import AcceptedRow, BatchRow, BatchState, ListedRow, MeasuredRow, VariantRow
from batchgen.money import MicroUSD
from batchgen.reporter.acceptance import ACCEPTED
from batchgen.reporter.comparison import COMPARISON
from batchgen.reporter.shop_csv import SHOP
from batchgen.reporter.tables import BATCHES, CHECKS, DERIVATIVES, IMAGES, JOBS, MODERATED, RERUN, USAGE, Column
from batchgen.reporter.xlsx import shown_as
from batchgen.storage import Workspace
from batchgen.storage.derived import Derived, DerivedList
from tests.reporter.conftest import write

KINDS = {str: "text", int: "whole number", float: "number"}
TYPES = {"string": "text", "int64": "whole number", "double": "number"}
TABLES: dict[str, Sequence[Column[Any]]] = {
    "images": IMAGES, "jobs": JOBS, "usage": USAGE, "moderated": MODERATED, "rerun": RERUN, "shop": SHOP,
    "comparison": COMPARISON, "checks": CHECKS, "derivatives": DERIVATIVES, "batches": BATCHES,
    "accepted": ACCEPTED,
}  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "report.md"


def documented(file: str) -> list[list[str]]:
    """Return the cells of the table under the heading that names a file, without its last column, the meaning."""
    (section,) = (
        text for text in PAGE.read_text("utf-8").split("\n## ") if file in text.partition("\n")[0].split(", ")
    )
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[1:]
    told = [[cell.strip() for cell in re.split(r"\s*\|\s*", row)] for row in rows]
    assert all(row[-1] for row in told), "every column has a meaning"
    return [row[:-1] for row in told]


def a_batch() -> BatchRow:
    """Make a batch that is at its provider."""
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    there = BatchRow.__annotations__
    facts: dict[str, Any] = {name: 0 if kind in {int, MicroUSD} else "" for name, kind in there.items()}
    nothing = dict.fromkeys(
        ("provider_id", "input_file", "output_file", "error_file", "ended", "deadline", "next_look")
    )
    return BatchRow(**facts | nothing | {"state": BatchState.SUBMITTED, "created": moment, "changed": moment})


@pytest.fixture
def report(tmp_path: Path, rows: Any, job: Any, image: Any) -> Path:
    """Check that a report with every file that there may be."""
    listed = [ListedRow("A", 1, "images/a.png", "A chair", "")]
    varied = [
        VariantRow("r", 0, way, "a", "k" * 64, "images/a.png", "ab" * 32, "png", "m", "s", way, "A chair", 1)
        for way in ("low", "high")
    ]
    measured = MeasuredRow("a", "images/a.png", "ab" * 32, "[]", 0.0, 0.1, 30.0, "0" * 16, "[]", 0)
    judged = AcceptedRow("m", "low", "ab" * 8, "[]", "lamp", 3, 1, 1, 6000)
    made = rows(
        [image()],
        [job(moderated=1, outcome="partial")],
        listed=listed,
        varied=varied,
        measured=[measured],
        judged=[judged],
        away=[a_batch()],
    )
    derived = DerivedList(Workspace(tmp_path), "web")
    derived.add(Derived("web", "r", "images/a.png", "ab" * 32, "derivatives/web/a.png", 1, 1, 1))
    derived.close()
    return write(made, tmp_path).folder


@pytest.mark.parametrize("table", TABLES)
def test_the_page_and_the_files_name_the_same_columns(table: str, report: Path) -> None:
    """Names in their order, kinds and units; in CSV, and in Parquet with the unit beside the field."""
    told = documented(f"{table}.csv")
    assert told == [[column.name, KINDS[column.kind], column.unit] for column in TABLES[table]]
    with (report / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == [name for name, _, _ in told]
    if (report / f"{table}.parquet").exists():
        schema = pq.read_schema(report / f"{table}.parquet")
        units = [(field.metadata or {}).get(b"unit", b"").decode() for field in schema]
        found = zip(schema.names, (TYPES[str(kind)] for kind in schema.types), units, strict=True)
        assert [list(field) for field in found] == told


def test_every_file_has_its_place_on_the_page(report: Path) -> None:
    """No file is written that the page does not name, and none is named that is not written."""
    headings = re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    named = {name for heading in headings for name in heading.split(", ") if "." in name}
    assert named == {path.name for path in report.iterdir() if path.is_file()} - {"report.html"}


def test_every_number_has_its_unit() -> None:
    """A name that ends in money is micro-dollars, and only a place in an order has no unit."""
    for columns in TABLES.values():
        for column in columns:
            assert column.name.endswith("_micro_usd") == (column.unit == "micro-dollars")
            assert (column.kind is str) == (not column.unit) or column.name in {"slot", "position"}


def test_the_sheets_of_the_workbook(report: Path) -> None:
    """They are those that the page names, with the columns of the tables, money in dollars."""
    book = openpyxl.load_workbook(report / "report.xlsx")
    assert f"the sheets {', '.join(book.sheetnames[:-1])} and {book.sheetnames[-1]}" in re.sub(
        r" \(.*?\)", "", PAGE.read_text("utf-8")
    )
    for title, columns in (("Images", IMAGES), ("Jobs", JOBS), ("Usage", USAGE), ("Moderated", MODERATED)):
        assert [cell.value for cell in book[title][1]] == [shown_as(column) for column in columns]


def test_the_keys_of_the_summary(report: Path) -> None:
    """Every key has a row on the page."""
    assert [name for name, _ in documented("summary.json")] == list(
        json.loads((report / "summary.json").read_text("utf-8"))
    )
