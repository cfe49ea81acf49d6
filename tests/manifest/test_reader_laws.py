"""Laws that every reader of row files obeys: one content, many formats, the same rows."""

# ruff: noqa: DTZ001 - sheets know no time zones

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batchgen.errors import InputError, Problem
from batchgen.manifest.rows.number_format import as_shown
from batchgen.manifest.rows.table import USUAL, Layout, Row, Skipped, Table, Unreadable
from batchgen.manifest.rows.tables import READERS, open_table

Content = Sequence[Sequence[str]]
NAMES = ("sku", "Body (HTML)", "note")
CONTENT: dict[str, Content] = {
    "plain": [["A1", "Lamp", "x"], ["A2", "Chair", "y"]],
    "letters": [["00042", "NO", "1e3"], ["22:30", " two  blanks ", "Größe, 椅子 🪑"], ['say "hi"', "it's", "a;b|c"]],
    "holes": [["A1", "", "x"], ["", "Chair", ""], ["", "", "z"]],
    "an empty row": [["A1", "Lamp", "x"], ["", "", ""], ["A3", "Chair", "y"]],
    "empty rows at the end": [["A1", "Lamp", "x"], ["", "", ""], ["", " ", ""]],
    "nothing": [],
}


def write_csv(path: Path, names: Sequence[str], rows: Content, mark: str = ",", encoding: str = "utf-8") -> None:
    """Write CSV as the standard library does."""
    out = io.StringIO()
    csv.writer(out, delimiter=mark).writerows([names, *rows])
    path.write_bytes(out.getvalue().encode(encoding))


def write_tsv(path: Path, names: Sequence[str], rows: Content) -> None:
    """Write TSV: cells as they are, with tabs between them."""
    path.write_text("".join("\t".join(cells) + "\n" for cells in [names, *rows]), "utf-8")


def write_jsonl(path: Path, names: Sequence[str], rows: Content) -> None:
    """Write one object a line."""
    path.write_text("".join(json.dumps(dict(zip(names, cells, strict=True))) + "\n" for cells in rows), "utf-8")


def write_parquet(path: Path, names: Sequence[str], rows: Content) -> None:
    """Write columns of text."""
    pq.write_table(
        pa.table({name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(names)}), path
    )


def write_xlsx(path: Path, names: Sequence[str], rows: Content) -> None:
    """Write the first sheet of a workbook."""
    book = openpyxl.Workbook()
    for cells in [names, *rows]:
        book.worksheets[0].append([*cells])
    book.save(path)


WRITERS: dict[str, Callable[[Path, Sequence[str], Content], None]] = {
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".jsonl": write_jsonl,
    ".ndjson": write_jsonl,
    ".parquet": write_parquet,
    ".xlsx": write_xlsx,
}
LINES_ABOVE = {".jsonl": 0, ".ndjson": 0, ".parquet": 0}


def table(context: Any, suffix: str, rows: Content, names: Sequence[str] = NAMES) -> Table:
    """Write content in a format and open it."""
    path = context.folder / f"r{suffix}"
    WRITERS[suffix](path, names, rows)
    return open_table(path, path.name)


def test_every_reader_but_that_of_lines_is_under_these_laws() -> None:
    """A new format does not come in without them; a text of one prompt a line has no columns to compare."""
    assert READERS.keys() - {".txt"} == WRITERS.keys()


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("suffix", WRITERS)
def test_the_same_content_gives_the_same_rows(context: Any, suffix: str, content: str) -> None:
    """Rows with content come as they were written, with their lines; those without are skipped with theirs."""
    rows = CONTENT[content]
    above = LINES_ABOVE.get(suffix, 1)
    expected = [
        ("row", dict(zip(NAMES, cells, strict=True)), line) if any(map(str.strip, cells)) else ("skipped", {}, line)
        for line, cells in enumerate(rows, above + 1)
    ]
    found = []
    for row in table(context, suffix, rows).read():
        if isinstance(row, Row):
            found.append(("row", dict(row.values), row.line))
        else:
            assert isinstance(row, Skipped)
            assert row.place
            found.append(("skipped", {}, row.place.line))
    assert found == expected


@pytest.mark.parametrize("suffix", WRITERS)
def test_reading_starts_anew_each_time(context: Any, suffix: str) -> None:
    """A table can be read twice, and half of it in between."""
    found = table(context, suffix, CONTENT["an empty row"])
    next(iter(found.read()))
    assert list(found.read()) == list(found.read())


@pytest.mark.parametrize("suffix", WRITERS)
def test_nothing_is_told_of_a_usual_file(context: Any, suffix: str) -> None:
    """Only what was detected is told."""
    assert table(context, suffix, CONTENT["letters"]).told == ()


@pytest.mark.parametrize("suffix", sorted(set(WRITERS) - set(LINES_ABOVE)))
@pytest.mark.parametrize("names", [("sku", "name", ""), ("sku", "", "name"), ("", "sku", "name")])
def test_a_column_without_name_and_cells_is_left_out(context: Any, suffix: str, names: Sequence[str]) -> None:
    """It is told in one line; a cell in it is an error."""
    cells = [name and f"a {name}" for name in names]
    found = table(context, suffix, [cells, cells], names)
    assert found.columns == ("sku", "name")
    assert [dict(row.values) for row in found.read() if isinstance(row, Row)] == [
        {"sku": "a sku", "name": "a name"}
    ] * 2
    if suffix != ".xlsx" or names[-1]:  # a sheet has no cells to the right of its last name
        assert [problem.message.endswith("it is left out") for problem in found.told] == [True]
        with pytest.raises(InputError, match="has no name; name it, or remove it"):
            table(context, suffix, [["1", "2", "3"]], names)
        late = table(context, suffix, [cells] * 100 + [["1", "2", "3"]], names)
        assert [row.place.line for row in late.read() if isinstance(row, Problem) and row.place] == [102]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx"])
def test_a_title_above_the_names_is_left_out(context: Any, suffix: str) -> None:
    """Where it is unmistakable: set apart, padded, or above a full table. It is told; lines stay those of the file."""
    titles: list[Content] = [
        [["Products 2026"], [""], ["sku", "name"], ["A1", "Lamp"]],
        [["Products 2026", ""], ["sku", "name"], ["A1", "Lamp"]],
        [["Product list"], ["of autumn 2026"], ["sku", "name", "note"], ["A1", "Lamp", "x"], ["A2", "Chair", "y"]],
        [["Created", "2026-11-30"], [""], ["sku", "name", "note", "price"], ["A1", "Lamp", "x", "2"]],
    ]
    for number, rows in enumerate(titles):
        path = context.folder / f"{number}{suffix}"
        WRITERS[suffix](path, rows[0], rows[1:])
        if suffix == ".csv":
            path.write_bytes(path.read_bytes().replace(b'""', b""))
        found = open_table(path, path.name)
        first = next(row for row in found.read() if isinstance(row, Row))
        assert (first.values["sku"], first.values["name"]) == ("A1", "Lamp")
        assert first.line == next(line for line, cells in enumerate(rows, 1) if cells[0] == "A1")
        assert ["what stands above is left out" in problem.message for problem in found.told] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "prompt\nA lamp, on a table, lit\nA chair, by a door, red\n",
        "description\nA lamp, on a table, lit\nA chair, by a door, red\n",
        "prompt\nA lamp; on a table\nA chair; by a door\n",
        "sku,name\nA1,Lamp\nA2,Chair\n",
        "A\nb,c\n",
    ],
)
def test_a_first_line_that_may_name_columns_does(context: Any, text: str) -> None:
    """A column of prompts with commas in them is not taken for a table below a title."""
    found = open_table(context.write("r.csv", text), "r.csv")
    assert found.columns == tuple(text.splitlines()[0].split(","))
    assert found.told == ()


@pytest.mark.parametrize(
    ("suffix", "content", "told"),
    [
        (".csv", "sku;name\nA1;Lamp, large\nA2;Chair\n", "semicolons"),
        (".csv", "sku;name;price\nA1;Lamp;1,50\nA2;Chair;2,00\n", "semicolons"),
        (".csv", "sku\tname\nA1\tLamp, large\n", "tabs"),
        (".csv", "sku|name\nA1|Lamp\n", "vertical bars"),
        (".csv", "sep=;\nsku;name\nA1;Lamp\n", "semicolons"),
        (".csv", "sep=\t\r\nsku\tname\r\nA1\tLamp\r\n", "tabs"),
        (".tsv", "sku;name\nA1;Lamp\n", "semicolons"),
        (".tsv", "sku,name\nA1,Lamp\n", "commas"),
        (".csv", "sku;name, long;note\nA1;a, b;x\nA2;c;y\n", "semicolons"),
    ],
)
def test_another_separator_is_detected_and_told(context: Any, suffix: str, content: str, told: str) -> None:
    """Where only it gives columns."""
    found = open_table(context.write(f"r{suffix}", content), f"r{suffix}")
    rows = [row for row in found.read() if isinstance(row, Row)]
    assert rows[0].values["sku"] == "A1"
    assert rows[0].line == (3 if content.startswith("sep") else 2)
    assert [problem.message for problem in found.told] == [f"the columns are separated by {told}"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".txt"])
def test_the_encoding_is_detected_and_told(context: Any, suffix: str, encoding: str) -> None:
    """UTF-8 is usual; marks, zeros and what is not UTF-8 show the others. It may be said as well."""
    texts = {".txt": "Größe € weiß\n", ".jsonl": '{"prompt": "Größe € weiß"}\n'}
    content = texts.get(suffix, "prompt\nGröße € weiß\n").encode(encoding)
    path = context.write(f"r{suffix}", content)
    for layout in (USUAL, Layout(encoding=encoding)):
        found = open_table(path, path.name, layout)
        assert [dict(row.values) for row in found.read() if isinstance(row, Row)] == [{"prompt": "Größe € weiß"}]
        usual = encoding.startswith("utf-8") or layout != USUAL
        assert len(found.told) == (0 if usual else 1)


def test_what_is_said_of_a_file_is_done(context: Any) -> None:
    """Separator, line of the names, quotation marks, encoding."""
    path = context.write("r.csv", "a title, with a comma\nand more\n\nsku#name\n\u20ac1#'Lamp\n".encode("cp1252"))
    found = open_table(path, "r.csv", Layout(delimiter="#", encoding="cp1252", header_row=4))
    assert list(found.read()) == [Row({"sku": "€1", "name": "'Lamp"}, 5)]
    assert found.told == ()
    path = context.write("q.csv", 'sku,name\n"A1",12" lamp\n')
    letters = open_table(path, "q.csv", Layout(quotes=False))
    assert [dict(row.values) for row in letters.read() if isinstance(row, Row)] == [{"sku": '"A1"', "name": '12" lamp'}]


def test_quotation_marks_are_letters_in_tsv(context: Any) -> None:
    """Unless asked otherwise; where they look like quoting that is told."""
    path = context.write("r.tsv", 'sku\tname\nA1\t12" lamp\nA2\t"a ""b"""\n')
    found = open_table(path, "r.tsv")
    assert [row.values["name"] for row in found.read() if isinstance(row, Row)] == ['12" lamp', '"a ""b"""']
    assert ["`quotes: true`" in problem.message for problem in found.told] == [True]
    path = context.write("q.tsv", 'sku\tname\nA2\t"a ""b"""\n')
    asked = open_table(path, "q.tsv", Layout(quotes=True))
    assert [row.values["name"] for row in asked.read() if isinstance(row, Row)] == ['a "b"']
    assert asked.told == ()


def test_separators_at_the_end_of_rows_make_no_cells(context: Any) -> None:
    """Neither those of the names nor those of single rows; a cell beyond the names is an error."""
    found = open_table(context.write("r.csv", "sku,name,,\nA1,Lamp,,\nA2,Chair,,,,\nA3,Desk\n"), "r.csv")
    assert [row.values["sku"] for row in found.read() if isinstance(row, Row)] == ["A1", "A2", "A3"]
    assert [problem.message for problem in found.told] == ["2 columns have no name and no cells; they are left out"]
    late = open_table(context.write("l.csv", "sku,name\n" + "A1,Lamp\n" * 80 + "A2,Chair,x\n"), "l.csv")
    assert [row.message for row in late.read() if isinstance(row, Problem)] == [
        "3 cells for 2 columns; put quotation marks around a cell that holds commas"
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_list_of_texts_is_a_cell_of_several(context: Any, suffix: str) -> None:
    """It is written as the list it is; numbers in it too. Empty, it is an empty cell."""
    rows = [{"a": ["x.png", "y.png"]}, {"a": []}, {"a": ["7"]}]
    path = context.folder / f"r{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows).replace('"7"', "7"), "utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    found = list(open_table(path, path.name).read())
    assert [row.values["a"] for row in found if isinstance(row, Row)] == ['["x.png", "y.png"]', '["7"]']
    assert isinstance(found[1], Skipped)


def test_a_text_file_gives_a_prompt_a_line(context: Any) -> None:
    """Lines without content are none; with a separator it is a table under another name."""
    found = open_table(context.write("r.txt", "\ufeffA lamp, lit\r\n\r\n  A chair\r\n"), "r.txt")
    assert list(found.read()) == [Row({"prompt": "A lamp, lit"}, 1), Row({"prompt": "A chair"}, 3)]
    with pytest.raises(InputError, match="each line is a prompt"):
        open_table(context.write("e.txt", ""), "e.txt")
    tabs = open_table(context.write("t.txt", "sku\tname\nA1\tLamp\n"), "t.txt", Layout(delimiter="\t"))
    assert list(tabs.read()) == [Row({"sku": "A1", "name": "Lamp"}, 2)]


# ---- workbooks -------------------------------------------------------------------------------------------------------

SHOWN = [
    (42, "00000", "00042"),
    (42, "General", "42"),
    (3.0, None, "3"),
    (0.5, "0%", "50%"),
    (0.1234, "0.0%", "12.3%"),
    (1234.5, "#,##0.00", "1,234.50"),
    (1234567, "#,##0", "1,234,567"),
    (1234.5, '"$"#,##0.00', "$1,234.50"),
    (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
    (-5, "0.00;(0.00)", "(5.00)"),
    (-5, "0.0", "-5.0"),
    (0, '0;-0;"none"', "none"),
    (7, '0 "pieces"', "7 pieces"),
    (123456789, "000-00-0000", "123-45-6789"),
    (4915112345, "+00 000 00000", "+49 151 12345"),
    (2.5, "0.##", "2.5"),
    (2, "0.##", "2"),
    (12345, "0.00E+00", "1.23E+4"),
    (1500000, '0.0,,"M"', "1.5M"),
    (0.05, "0.0", "0.1"),
    (42, "[Red]00000", "00042"),
    ("00042", "0", "00042"),
    (True, "0", "TRUE"),
    (42, "# ?/?", "42"),
    (date(2024, 5, 1), "yyyy-mm-dd", "2024-05-01"),
    (datetime(2024, 5, 1), "yyyy-mm-dd", "2024-05-01"),
    (datetime(2024, 5, 1), "mm-dd-yy", "2024-05-01"),
    (datetime(2024, 5, 1), "dd.mm.yyyy", "01.05.2024"),
    (datetime(2024, 5, 1), "d/m/yy", "1/5/24"),
    (datetime(2024, 5, 1, 15, 4, 5), "d mmm yyyy h:mm AM/PM", "1 May 2024 3:04 PM"),
    (datetime(2024, 5, 1, 15, 4, 5), "dddd, mmmm dd, yyyy", "Wednesday, May 01, 2024"),
    (datetime(2024, 5, 1, 15, 4, 5), "yyyy-mm-dd hh:mm:ss", "2024-05-01 15:04:05"),
    (time(9, 5), "h:mm", "9:05"),
    (timedelta(hours=30, minutes=5), "[h]:mm", "30:05"),
    (datetime(2024, 5, 1), "[$-407]d. mmmm yyyy;@", "1. May 2024"),
]


@pytest.mark.parametrize(("value", "written", "shown"), SHOWN)
def test_a_cell_is_what_its_sheet_shows(value: object, written: str | None, shown: str) -> None:
    """Dates, leading zeros, currencies, shares: as the number format writes them."""
    assert as_shown(value, written) == shown


def test_a_workbook_gives_what_it_shows(context: Any) -> None:
    """From the file: dates without a time, and zeros that only the format knows."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["sku", "day", "share"])
    sheet.append([42, date(2024, 5, 1), 0.25])
    sheet["A2"].number_format, sheet["C2"].number_format = "00000", "0%"
    book.save(context.folder / "r.xlsx")
    found = open_table(context.folder / "r.xlsx", "r.xlsx")
    assert list(found.read()) == [Row({"sku": "00042", "day": "2024-05-01", "share": "25%"}, 2)]


def test_a_sheet_is_chosen_by_name_or_as_the_first_with_rows(context: Any) -> None:
    """The choice among several is told; a name that is none is an error with the nearest."""
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Cover"
    for title in ("Products", "Old"):
        sheet = book.create_sheet(title)
        sheet.append(["sku", "name"])
        sheet.append([title, "x"])
    hidden = book.create_sheet("Hidden", 0)
    hidden.append(["sku"])
    hidden.sheet_state = "hidden"
    book.save(context.folder / "r.xlsx")
    found = open_table(context.folder / "r.xlsx", "r.xlsx")
    assert [row.values["sku"] for row in found.read() if isinstance(row, Row)] == ["Products"]
    assert [problem.message for problem in found.told] == ["the sheet 'Products' is read; `sheet` names another: `Old`"]
    old = open_table(context.folder / "r.xlsx", "r.xlsx", Layout(sheet="Old"))
    assert [row.values["sku"] for row in old.read() if isinstance(row, Row)] == ["Old"]
    assert old.told == ()
    with pytest.raises(InputError, match="did you mean `Products`"):
        open_table(context.folder / "r.xlsx", "r.xlsx", Layout(sheet="Product"))


def _rewrite(path: Path, changes: dict[str, Callable[[bytes], bytes]]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, changes.get(name, bytes)(content))


@pytest.mark.parametrize("claim", [b"A1", b"A1:B2", b"A1:A1048576", b"B3:C4"])
def test_a_sheet_is_not_believed_about_its_size(context: Any, claim: bytes) -> None:
    """Every row is read, whatever `<dimension>` says."""
    rows = [[f"A{n}", "x", "y"] for n in range(9)]
    path = context.folder / "r.xlsx"
    write_xlsx(path, NAMES, rows)
    import re

    change = {
        "xl/worksheets/sheet1.xml": lambda xml: re.sub(
            rb'<dimension ref="[^"]*"', b'<dimension ref="' + claim + b'"', xml
        )
    }
    _rewrite(path, change)
    assert [list(row.values.values()) for row in open_table(path, "r.xlsx").read() if isinstance(row, Row)] == rows


def test_a_workbook_that_unpacks_to_too_much_is_refused(context: Any) -> None:
    """One huge text, and a document type with which a few letters become many, before anything is built."""
    path = context.folder / "r.xlsx"
    write_xlsx(path, ["sku"], [["MARK"]])
    _rewrite(path, {"xl/worksheets/sheet1.xml": lambda xml: xml.replace(b"MARK", b"x" * 50_000_000)})
    with pytest.raises(InputError, match=r"holds a text of more than 4\.0 MB"):
        open_table(path, "r.xlsx")
    write_xlsx(path, ["sku"], [["MARK"]])
    _rewrite(path, {"xl/worksheets/sheet1.xml": lambda xml: b'<!DOCTYPE x [<!ENTITY a "b">]>' + xml})
    with pytest.raises(InputError, match="declares a document type"):
        open_table(path, "r.xlsx")


@pytest.mark.first
def test_a_row_far_below_is_refused_and_not_filled_up_to(context: Any) -> None:
    """A sheet that claims a row beyond all sheets ends there."""
    path = context.folder / "r.xlsx"
    write_xlsx(path, ["sku"], [["A1"], ["A2"]])
    _rewrite(
        path,
        {"xl/worksheets/sheet1.xml": lambda xml: xml.replace(b'r="3"', b'r="99999999"').replace(b"A3", b"A99999999")},
    )
    last = None
    for row in open_table(path, "r.xlsx").read():
        last = row
    assert isinstance(last, Unreadable)


NESTED = {"sku": "A1", "size": {"w": 12, "in": {"x": "y"}}, "tags": ["a", "b"], "parts": [{"sku": "P1"}], "none": None}


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".parquet"])
def test_an_object_in_a_row_is_columns_named_after_both(context: Any, suffix: str) -> None:
    """Lists of texts are one cell that holds several, lists of objects their JSON; nobody has to edit an export."""
    path = context.folder / f"r{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([NESTED]), path)
    else:
        path.write_text(json.dumps(NESTED), "utf-8")
    (row,) = open_table(path, path.name).read()
    assert isinstance(row, Row)
    assert dict(row.values) == {
        "sku": "A1",
        "size.w": "12",
        "size.in.x": "y",
        "tags": '["a", "b"]',
        "parts": '[{"sku": "P1"}]',
        "none": "",
    }


@pytest.mark.parametrize("suffix", sorted(set(WRITERS) - {".jsonl", ".ndjson"}))
def test_names_that_stand_for_several_columns_get_numbers(context: Any, suffix: str) -> None:
    """The first keeps the name; it is told. What is bought hangs on no guess: words of the request stand once."""
    path, names = context.folder / f"r{suffix}", ("sku", "note", "note", "note (2)", "note")
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_arrays([pa.array([str(n)]) for n in range(5)], names=list(names)), path)
    else:
        WRITERS[suffix](path, names, [[*"01234"]])
    found = open_table(path, path.name)
    assert found.columns == ("sku", "note", "note (3)", "note (2)", "note (4)")
    (row,) = found.read()
    assert isinstance(row, Row)
    assert [*row.values.values()] == [*"01234"]
    assert ["several columns are named 'note'" in problem.message for problem in found.told] == [True]


def test_a_cover_is_not_taken_for_the_sheet_of_products(context: Any) -> None:
    """A sheet of one line has no row."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Price list 2026"])
    products = book.create_sheet("Products")
    products.append(["sku", "name"])
    products.append(["A1", "Lamp"])
    book.save(context.folder / "r.xlsx")
    found = open_table(context.folder / "r.xlsx", "r.xlsx")
    assert found.columns == ("sku", "name")
    assert "the sheet 'Products' is read" in found.told[0].message


@pytest.mark.parametrize(
    "text", ["\u201cÉté à l\u2019île\u201d \u2013 créée", "3 m², ½ £3, 20°C, nº1", "ÄÖÜ, naïve ¿Qué?", "col·lecció"]
)
def test_western_text_is_read_as_cp1252(context: Any, text: str) -> None:
    """What people write in the languages that it is made for."""
    found = open_table(context.write("r.csv", f'name\n"{text}"\n'.encode("cp1252")), "r.csv")
    assert [row.values["name"] for row in found.read() if isinstance(row, Row)] == [text]
    assert [problem.message for problem in found.told] == ["this is cp1252 text"]
