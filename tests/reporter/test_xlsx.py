"""The workbook: text is text and numbers are numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from batchgen.ledger import JobRow
from batchgen.reporter.tables import JOBS, Column, tags_of, with_tags
from batchgen.reporter.xlsx import LONGEST, MARK, MOST_ROWS, WorkbookFile
from tests.reporter.conftest import write

PAYLOADS = [
    *(f"{sign}{rest}" for sign in "=+-@|%#" for rest in ("1+1", "cmd|' /C calc'!A0", "SUM(A1:A9)", "N/A", "REF!")),
    "http://evil.example", "mailto:x@evil.example", "file:///etc/passwd", "TRUE", "2026-11-20", "1e3", "012345", "\t=1",
    "=_xlfn.WEBSERVICE(A1)", "<v>1</v>", "]]>", "&#61;1+1", " =1+1",
]  # fmt: skip

Make = Callable[..., JobRow]
Read = Callable[[list[JobRow]], list[dict[str, Any]]]


@pytest.fixture
def reopened(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Write the sheet of jobs, and read its cells as another program does."""

    def read(rows: list[JobRow]) -> list[dict[str, Any]]:
        with WorkbookFile(tmp_path / "report.xlsx") as made:
            made.sheet("Jobs", with_tags(JOBS, dict.fromkeys(name for row in rows for name in tags_of(row.tags)))).add(
                rows
            )
        head, *body = openpyxl.load_workbook(tmp_path / "report.xlsx")["Jobs"].iter_rows()
        return [{str(name.value): cell for name, cell in zip(head, row, strict=True)} for row in body]

    return read


@pytest.mark.parametrize("payload", PAYLOADS)
def test_every_text_is_text(payload: str, job: Make, tagged: Callable[..., str], reopened: Read) -> None:
    """No prompt, id, message or tag becomes a formula, an error, a link or a number."""
    row = job(prompt=payload, job_id=payload, message=payload, tags=tagged(category=payload))
    (cells,) = reopened([row])
    for name in ("prompt", "job_id", "message", "category"):
        assert (cells[name].data_type, cells[name].value, cells[name].hyperlink) == ("s", payload, None)


def test_numbers_are_numbers(job: Make, reopened: Read) -> None:
    """Counts can be summed, and money too: in dollars, to the micro-dollar, with a format that shows all of it."""
    (cells,) = reopened([job(confirmed_micro_usd=1_234_567_890_123, stored=3)])
    assert (cells["confirmed_usd"].data_type, cells["confirmed_usd"].value) == ("n", 1_234_567.890123)
    assert cells["confirmed_usd"].number_format == "$#,##0.00####"
    assert (cells["stored"].data_type, cells["stored"].value) == ("n", 3)


def test_text_that_a_sheet_cannot_hold(job: Make, reopened: Read) -> None:
    """Control characters are escaped, and what is too long is cut with a mark."""
    (cells,) = reopened([job(prompt="a\x00\x1bb\nc\ud800", message="x" * 40_000)])
    assert cells["prompt"].value == "a\\x00\\x1bb\nc\\ud800"
    assert len(cells["message"].value) == LONGEST
    assert cells["message"].value.endswith(MARK)


def test_a_long_sheet_says_where_the_rest_is(tmp_path: Path) -> None:
    """After so many rows a last one points to the CSV file."""
    with WorkbookFile(tmp_path / "report.xlsx") as made:
        sheet = made.sheet("Jobs", [Column("n", lambda row: row, int)])
        for _ in range(3):
            sheet.add(range(MOST_ROWS // 2))
        sheet.add([7])
    book = openpyxl.load_workbook(tmp_path / "report.xlsx", read_only=True)
    values = [row[0] for row in book["Jobs"].iter_rows(values_only=True)]
    book.close()
    assert len(values) == 1 + MOST_ROWS + 1
    assert values[-1] == "only the first 20,000 rows are here; the CSV file has them all"


def test_a_sheet_is_ready_for_people(tmp_path: Path, job: Make) -> None:
    """The names stay in sight, every column can be filtered, and a prompt has room."""
    with WorkbookFile(tmp_path / "report.xlsx") as made:
        made.sheet("Jobs", JOBS).add([job(), job()])
    page = openpyxl.load_workbook(tmp_path / "report.xlsx")["Jobs"]
    prompt = next(cell for cell in page[1] if cell.value == "prompt")
    assert (page.freeze_panes, page.auto_filter.ref) == ("A2", f"A1:{prompt.column_letter}3")
    assert page.column_dimensions[prompt.column_letter].width > page.column_dimensions["B"].width


def test_totals_are_sums_of_what_they_count(tmp_path: Path, rows: Callable[..., Any], job: Make) -> None:
    """Money stands in dollars in a column of its own, everything else beside its name."""
    write(rows([], [job()]), tmp_path)
    _, *told = openpyxl.load_workbook(tmp_path / "report" / "report.xlsx")["Totals"].iter_rows(values_only=True)
    found = {what: (value, amount) for what, value, amount in told}
    assert found["money.confirmed"] == (None, 0.042)
    assert found["jobs.done"] == (1, None)


def test_a_full_disk_is_told_as_one(tmp_path: Path, job: Make) -> None:
    """What the system says when the workbook cannot be written is what the report's writer can catch."""
    with (
        pytest.raises(OSError, match=r"Not a directory|No such file"),
        WorkbookFile(tmp_path / "gone" / "report.xlsx") as made,
    ):
        made.sheet("Jobs", JOBS).add([job()])
