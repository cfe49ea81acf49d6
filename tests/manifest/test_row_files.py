"""Row files: what is taken, and what is refused with the line where it stands."""

from collections.abc import Callable
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import InputError, Problem
from batchgen.manifest.rows.table import Layout, Row, empty_row
from batchgen.manifest.rows.tables import open_table

BAD_HEADS = {
    "empty.csv": (b"", 1, "the file is empty"),
    "blank.csv": (b"\n\n\n", 1, "the file is empty"),
    "twice.csv": (b"prompt,b,prompt\n1,2,3\n", 1, "columns 1 and 3 are both named 'prompt'"),
    "archive.csv": (b"PK\x03\x04...", 1, "a ZIP archive; a workbook in it is called .xlsx"),
    "old.xlsx": (b"\xd0\xcf\x11\xe0...", 1, "of the old kind, or one with a password"),
    "page.xlsx": (b"<table><tr><td>sku</td></tr></table>", 1, "a web page or XML and no table"),
    "page.csv": (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html>", 1, "without signing in"),
    "packed.jsonl": (b"\x1f\x8b\x08", 1, "packed with gzip"),
    "columns.csv": (b"PAR1", 1, "call it .parquet"),
    "print.csv": (b"%PDF-1.7", 1, "a PDF"),
    "sheet.ods": (b"PK", 1, "save it as .xlsx or .csv"),
    "rows.json": (b"[]", 1, "write one object a line, as .jsonl"),
    "polish.csv": ("name\nMa\u0142y".encode("cp1250"), 2, "say what it is with `encoding`"),
    "russian.csv": ("name\n\u041b\u0430\u043c\u043f\u0430".encode("cp1251"), 2, "say what it is with `encoding`"),
    "japanese.csv": ("name\n\u65e5\u672c\u88fd\u306e".encode("shift_jis"), 2, "say what it is with `encoding`"),
    "chinese.csv": ("name\n\u53f0\u706f\u548c".encode("gbk"), 2, "say what it is with `encoding`"),
    "greek.csv": ("name\n\u03bb\u03ac\u03bc\u03c0\u03b1".encode("cp1253"), 2, "say what it is with `encoding`"),
    "nameless.csv": (b"a,,c\n1,2,3\n", 1, "column 2 has no name; name it, or remove it"),
    "blankname.csv": (b"a,  ,c\n1,2,3\n", 1, "column 2 has no name"),
    "not_cp1252.csv": (b"a\nok\n\x81\n", 3, "UTF-8"),
    "nul.csv": (b"a,\0b\n", 1, "NUL"),
    "wide.csv": (b",".join(b"c%d" % n for n in range(10_001)) + b"\n", 1, "more than 10,000 columns"),
    "open.csv": (b'a,"b\n1,2\n', 1, "never closed"),
    "not.parquet": (b"PAR1 no", 1, "not a Parquet file"),
    "not.xlsx": (b"PK no", 1, "not a readable XLSX"),
}
BAD_ROWS = {
    "short.csv": (b"a,b\n1,2\n3\n", 3, "1 cell for 2 columns; is a cell missing?"),
    "long.csv": (b"a,b\n1,2,3\n", 2, "3 cells for 2 columns; put quotation marks around a cell that holds commas"),
    "after_many.csv": (b'a,b\n"x\ny\nz",1\n1,2,3\n', 5, "3 cells for 2 columns"),
    "damaged.csv": (b"a\n" + "\u00e9\n".encode() * 9000 + b"\xff\n", 9002, "UTF-8"),
    "nul_row.csv": (b"a\nok\nx\0y\n", 3, "NUL"),
    "unclosed.csv": (b'a,b\n1,2\n"3,4\n5,6\n', 3, "never closed"),
    "after_quote.csv": (b'a\n"b"c\n', 2, "closing quotation mark"),
    "huge_cell.csv": (b"a\nok\n" + b"x" * 140_000 + b"\n", 3, "longer than 131,072"),
    "huge_quoted.csv": (b'a\n"' + b"x\n" * 90_000 + b'"\n', 2, "longer than 131,072"),
    "endless.csv": (b"a\n" + b"x" * 5_000_000, 2, "the line is longer"),
    "not.jsonl": (b'{"a": "1"}\n{"a": }\n', 2, "not JSON"),
    "list.jsonl": (b"[1]\n", 1, "one JSON object"),
    "long_list.jsonl": (b'[\n {"a": 1},\n {"a": 2}\n]\n', 1, "write one object a line"),
    "nested_twice.jsonl": (b'{"a.b": 2, "a": {"b": 1}}\n', 1, "'a.b' is given twice"),
    "nested_nameless.jsonl": (b'\n{"a": {"": 1}}\n', 2, "no name"),
    "last_comma.jsonl": (b'{"a": 1,}\n', 1, "a comma before `}`; leave it out"),
    "line_comma.jsonl": (b'{"a": 1},\n', 1, "a comma at the end; leave it out"),
    "backslash.jsonl": (b'{"a": "photos\\lamp.png"}\n', 1, "write `/` in paths"),
    "single.jsonl": (b"{'a': 1}\n", 1, "not in '"),
    "twice.jsonl": (b'{"a": 1, "a": 2}\n', 1, "given twice"),
    "nan.jsonl": (b'{"a": NaN}\n', 1, "not a JSON value"),
    "nameless.jsonl": (b'{"": 1}\n', 1, "no name"),
    "deep.jsonl": (b"[" * 100_000 + b"\n", 1, ""),
    "damaged.jsonl": ('{"a": "caf\u00e9"}\n'.encode() + b'{"a": "caf\xe9"}\n', 2, "UTF-8"),
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_bad_head_refuses_the_file(context: Any, name: str) -> None:
    """A file whose columns cannot be read is one error with its line, before any row."""
    content, line, words = BAD_HEADS[name]
    with pytest.raises(InputError, match=words) as error:
        open_table(context.write(name, content), name)
    assert str(error.value).startswith(f"{name}:{line}:")


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_a_problem_with_its_line(context: Any, name: str) -> None:
    """Rows before it are read; the row itself is a value, not an exception."""
    content, line, words = BAD_ROWS[name]
    problems = [row for row in open_table(context.write(name, content), name).read() if isinstance(row, Problem)]
    assert len(problems) == 1
    assert problems[0].place is not None
    assert (problems[0].place.file, problems[0].place.line) == (name, line)
    assert words in problems[0].message


def test_lines_are_counted_as_an_editor_counts(context: Any) -> None:
    """A cell of several lines, blank lines and a byte order mark do not shift what follows."""
    table = open_table(context.write("r.csv", '\ufeffa,b\r\n"x\r\ny",1\r\n\r\nz,2\r\n'), "r.csv")
    assert table.columns == ("a", "b")
    assert list(table.read()) == [Row({"a": "x\r\ny", "b": "1"}, 2), Row({"a": "z", "b": "2"}, 5)]


def test_a_table_can_be_read_twice(context: Any) -> None:
    """Reading starts from the first row each time."""
    table = open_table(context.write("r.csv", "a\n1\n2\n"), "r.csv")
    assert list(table.read()) == list(table.read())


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.lists(texts, min_size=2, max_size=2), max_size=5))
def test_what_csv_writes_is_what_is_read(contexts: Callable[[], Any], cells: list[list[str]]) -> None:
    """Any text survives the way through a CSV file."""
    import csv
    import io

    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], *cells])
    table = open_table(contexts().write("r.csv", out.getvalue()), "r.csv")
    filled = [row for row in cells if any(map(str.strip, row))]
    assert [list(row.values.values()) for row in table.read() if isinstance(row, Row)] == filled


def test_parquet_rows_are_text(context: Any) -> None:
    """Typed columns become what a person would write."""
    columns = {"sku": ["012345", None], "count": [1, 2], "share": [0.5, 2.0], "new": [True, False]}
    pq.write_table(pa.table(columns), context.folder / "r.parquet")
    rows = [row.values for row in open_table(context.folder / "r.parquet", "r.parquet").read() if isinstance(row, Row)]
    assert rows[0] == {"sku": "012345", "count": "1", "share": "0.5", "new": "TRUE"}
    assert rows[1] == {"sku": "", "count": "2", "share": "2", "new": "FALSE"}


def test_xlsx_rows_are_text(context: Any) -> None:
    """Text stays text, whole numbers lose their point, empty rows are told and lines are the sheet's."""
    book = openpyxl.Workbook()
    for cells in (["sku", "count", "share"], ["012345", 3, 0.5], [], ["NO", 4.0, None]):
        book.worksheets[0].append(cells)
    book.save(context.folder / "r.xlsx")
    rows = list(open_table(context.folder / "r.xlsx", "r.xlsx").read())
    assert rows == [
        Row({"sku": "012345", "count": "3", "share": "0.5"}, 2),
        empty_row("r.xlsx", 3),
        Row({"sku": "NO", "count": "4", "share": ""}, 4),
    ]


def test_bytes_that_are_no_text_are_told_as_such(context: Any) -> None:
    """A row of a Parquet file has a line, and words a person understands."""
    pq.write_table(pa.table({"a": [b"ok", b"\xff"]}), context.folder / "a.parquet")
    good, bad = open_table(context.folder / "a.parquet", "a.parquet", Layout()).read()
    assert isinstance(good, Row)
    assert str(bad) == "a.parquet:2:1: error: a cell holds bytes that are no UTF-8 text"


def test_hidden_rows_of_a_sheet_are_told(context: Any) -> None:
    """Whoever filters a sheet may think that only what is shown is read; other sheets do not count."""
    book = openpyxl.Workbook()
    for title, hidden in (("Products", (3, 4)), ("Lists", (2, 3, 4))):
        sheet = book.create_sheet(title)
        for row in (["sku"], ["a"], ["b"], ["c"]):
            sheet.append(row)
        for number in hidden:
            sheet.row_dimensions[number].hidden = True
    book.save(context.folder / "a.xlsx")
    for asked, count in (("Products", 2), ("Lists", 3)):
        table = open_table(context.folder / "a.xlsx", "a.xlsx", Layout(sheet=asked))
        assert len(list(table.read())) == 3
        assert [f"there are {count}" in problem.message for problem in table.told] == [True]


def test_a_file_that_is_gone_is_an_error(context: Any) -> None:
    """A row file that cannot be opened is said with its name."""
    with pytest.raises(InputError, match=r"r\.csv:1:1: error: cannot be read"):
        open_table(context.folder / "r.csv", "r.csv")
