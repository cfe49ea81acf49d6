"""Values reach the prompt as they were written, from every kind of file."""

import csv
import io
import json
from typing import Any

import pytest

VALUES = [
    *("012345", "NO", "no", "yes", "on", "off", "null", "Null", "~", "None", "NA", "N/A", "nan", "NaN", "true", "True"),
    *(
        "1e3",
        "1E3",
        "22:30",
        "1.10",
        "1.0",
        "0x1F",
        "0o17",
        "0b1",
        "1_000",
        "+1",
        "-1",
        "-0",
        ".5",
        "5.",
        "1,5",
        ".inf",
    ),
    *("2024-01-01", "2024-01-01T10:00:00Z", "12:30:45", "=1+1", "@sum", "  two  blanks  ", "tab\there", "ünïcode"),
    *(
        "日本語",
        "🪑 chair",
        "e\u0301",
        "\u00e9",
        "\u200bzero",
        "{brace}",
        "{single}",
        "100%",
        "a\\b",
        "C:\\temp",
        "a/b",
    ),
    *('say "hi"', "it's", "#hash", "key: value", "- item", "[list]", "{map: 1}", "&anchor", "*star", "!tag", "|", ">"),
    *("%directive", "`tick`", "line one\nline two", "a,b;c", "?", ":", "<<", "---"),
]


def _yaml(value: str) -> str:
    return f"jobs:\n  - rows: [{{v: {json.dumps(value, ensure_ascii=False)}}}]\n    prompt: '<{{{{ v }}}}>'\n"


def _csv(value: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([["v"], [value]])
    return out.getvalue()


@pytest.mark.parametrize("value", VALUES)
def test_a_cell_of_any_file_is_text(context: Any, value: str) -> None:
    """YAML, CSV, TSV and JSONL rows give the letters that were written, whatever they look like."""
    rows = "jobs:\n  - rows: {}\n    prompt: '<{{{{ v }}}}>'\n"
    context.write("r.csv", _csv(value))
    context.write("r.tsv", f"v\r\n{value}\r\n")
    context.write("r.jsonl", json.dumps({"v": value}) + "\n")
    texts = [_yaml(value), rows.format("r.csv"), rows.format("r.tsv"), rows.format("r.jsonl")]
    if "\t" in value or "\n" in value:
        texts.remove(rows.format("r.tsv"))
    assert {context.jobs(text)[0].request.prompt for text in texts} == {f"<{value}>"}


PLAIN = [v for v in VALUES[:40] if v.strip() == v and "\t" not in v and v not in {"=1+1", "@sum", "~"}]


@pytest.mark.parametrize("value", PLAIN)
def test_unquoted_yaml_is_text_too(context: Any, value: str) -> None:
    """A plain YAML scalar is never read as a number, a truth value, a date or nothing."""
    text = f"variables:\n  v: {value}\njobs: [{{prompt: 'a {{{{ v }}}}'}}]"
    assert context.jobs(text)[0].request.prompt == f"a {value}"


def test_numbers_in_jsonl_stay_as_written(context: Any) -> None:
    """JSON numbers keep their digits, truth values their words, and null is an empty cell."""
    context.write("r.jsonl", '{"a": 1.10, "b": 1e3, "c": 12345678901234567890123, "d": true, "e": null, "f": "null"}\n')
    job = context.jobs("jobs: [{rows: r.jsonl, prompt: '{{a}} {{b}} {{c}} {{d}} ({{e}}) {{f}}'}]")[0]
    assert job.request.prompt == "1.10 1e3 12345678901234567890123 true () null"


def test_a_csv_prompt_is_no_template(context: Any) -> None:
    """The prompt column of a CSV manifest is sent as it is, braces and all."""
    assert context.jobs("prompt\n{{ name }} {% if %}\n", "m.csv")[0].request.prompt == "{{ name }} {% if %}"


def test_request_values_in_yaml_are_text(context: Any) -> None:
    """Parameters keep their letters: only whole numbers have one canonical form."""
    job = context.jobs("jobs: [{prompt: p, size: 01x1, output_compression: 080, user: 007, n: 02}]")[0]
    assert job.request.params == (("output_compression", "80"), ("size", "01x1"), ("user", "007"))
    assert job.n == 2


@pytest.mark.parametrize(
    ("escaped", "prompt"),
    [
        (r"\ud83d\ude00", "\U0001f600"),
        (r"a\\\uD83D\uDE00\/", "a\\\U0001f600/"),
        (r"a\\ud83d\\ude00", r"a\ud83d\ude00"),
        (r"\u00e4\t", "\u00e4\t"),
    ],
)
def test_a_json_manifest_is_read_as_json(context: Any, escaped: str, prompt: str) -> None:
    """Most programs write signs beyond the first 65,536 in two escaped halves; YAML knows none."""
    (job,) = context.jobs(f'[{{"prompt": "{escaped}"}}]', "m.json")
    assert job.request.prompt == prompt
    assert "is not JSON" in context.complaints('[{"prompt": "\\ud83d"}]', name="m.json")[0]


def test_blanks_around_a_value_are_part_of_it(context: Any) -> None:
    """They are sent, and hashed: an image that was drawn so is never bought again."""
    (plain,) = context.jobs("prompt,size\nx,01x1\n", "m.csv")
    (spaced,) = context.jobs("prompt,size\nx, 01x1\n", "m.csv")
    assert spaced.request.params == (("size", " 01x1"),)
    assert spaced.key != plain.key
