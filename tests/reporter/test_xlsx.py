"""The workbook: text is text and numbers are numbers."""

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from batchgen.ledger import JobRow
from batchgen.reporter.tables import JOBS, Column, tag_names, with_tags
from batchgen.reporter.xlsx import LONGEST, MARK, MOST_ROWS, Book

PAYLOADS = [
    *(f"{sign}{rest}" for sign in "=+-@|%#" for rest in ("1+1", "cmd|' /C calc'!A0", "SUM(A1:A9)", "N/A", "REF!")),
    "http://evil.example", "mailto:x@evil.example", "file:///etc/passwd", "TRUE", "2026-11-20", "1e3", "012345", "\t=1",
]  # fmt: skip


def reopened(rows: list[JobRow]) -> list[dict[str, Any]]:
    """The cells of the sheet of jobs, as another program reads them."""
    columns = with_tags(JOBS, tag_names(rows))
    made, file = Book(), io.BytesIO()
    made.sheet("Jobs", columns).add(rows)
    made.save(file)
    book = openpyxl.load_workbook(file)
    head, *body = book["Jobs"].iter_rows()
    return [{str(name.value): cell for name, cell in zip(head, row, strict=True)} for row in body]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_every_text_is_text(payload: str, job: Callable[..., JobRow], tagged: Callable[..., str]) -> None:
    """No prompt, id, message or tag becomes a formula, an error, a link or a number."""
    row = job(prompt=payload, job_id=payload, message=payload, tags=tagged(category=payload))
    (cells,) = reopened([row])
    for name in ("prompt", "job_id", "message", "category"):
        assert (cells[name].data_type, cells[name].value, cells[name].hyperlink) == ("s", payload, None)


def test_numbers_are_numbers(job: Callable[..., JobRow]) -> None:
    """Money and counts can be summed."""
    (cells,) = reopened([job(confirmed_micro_usd=1_234_567_890_123)])
    assert cells["confirmed_micro_usd"].data_type == "n"
    assert cells["confirmed_micro_usd"].value == 1_234_567_890_123


def test_text_that_a_sheet_cannot_hold(job: Callable[..., JobRow]) -> None:
    """Control characters are escaped, and what is too long is cut with a mark."""
    (cells,) = reopened([job(prompt="a\x00\x1bb\nc\ud800", message="x" * 40_000)])
    assert cells["prompt"].value == "a\\x00\\x1bb\nc\\ud800"
    assert len(cells["message"].value) == LONGEST
    assert cells["message"].value.endswith(MARK)


def test_a_long_sheet_says_where_the_rest_is() -> None:
    """After so many rows a last one points to the CSV file."""
    made, file = Book(), io.BytesIO()
    sheet = made.sheet("Jobs", [Column("n", lambda row: row, int)])
    for _ in range(3):
        sheet.add(range(MOST_ROWS // 2))
    sheet.add([7])
    made.save(file)
    page = openpyxl.load_workbook(file, read_only=True)["Jobs"]
    values = [row[0] for row in page.iter_rows(values_only=True)]
    assert len(values) == 1 + MOST_ROWS + 1
    assert values[-1] == "only the first 5,000 rows are here; the CSV file has them all"
