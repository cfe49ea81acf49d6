"""JSONL rows: one object a line, every value the text that was written (`1.10` stays `1.10`)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from batchgen.errors import Place, Problem
from batchgen.manifest.names import shown
from batchgen.manifest.rows import batch_line
from batchgen.manifest.rows.cells import flat
from batchgen.manifest.rows.layout import Layout
from batchgen.manifest.rows.table import Read, Row, Table, Unreadable, empty_row, is_blank, telling
from batchgen.manifest.rows.text_file import BadLineError, TextFile, text_file


def open_jsonl(path: Path, file: str, layout: Layout) -> Table:
    """Open a JSONL file; its rows may have different members, so it has no columns of its own."""
    text = text_file(path, file, layout.encoding)
    return Table(file, None, lambda: _records(text, file), telling(file, 1, text.told))


def _records(text: TextFile, file: str) -> Iterator[Read]:
    number = 0
    try:
        with text.lines() as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _record(line, Place(file, number))
    except BadLineError as error:
        yield Unreadable(f"{error}; nothing after this line was read", Place(file, error.line))


def _record(line: str, place: Place) -> Read:
    try:
        value = json.loads(line, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant)
        if not isinstance(value, dict):
            return Problem("each line is one JSON object", place)
        return _row(batch_line.words(value) if batch_line.is_one(value) else value, place)
    except json.JSONDecodeError as error:
        return Problem(f"this is not JSON: {_explained(error)}", Place(place.file, place.line, error.colno))
    except (ValueError, RecursionError) as error:
        return Problem(str(error) if isinstance(error, ValueError) else "nested too deeply", place)


def _row(members: Mapping[str, Any], place: Place) -> Read:
    values = flat(members)
    return empty_row(place.file, place.line) if is_blank(values.values()) else Row(values, place.line)


def _explained(error: json.JSONDecodeError) -> str:
    """Say what is wrong, with what to write where the parser's words are no help to a person."""
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].strip()
    if before.endswith(",") and after[:1] in {"}", "]"}:
        return f"a comma before `{after[0]}`; leave it out"
    if after[:1] == "," and after[1:2] in {"}", "]"}:
        return f"a comma before `{after[1]}`; leave it out"
    if error.msg == "Illegal trailing comma before end of object" or after == ",":
        return "a comma at the end; leave it out"
    if error.msg.startswith("Invalid \\escape"):
        return "a backslash stands alone; write `/` in paths, and `\\\\` for a backslash in a text"
    if after.startswith("'"):
        return "names and texts stand in \" and not in '"
    return error.msg


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is given twice")
    return members


def _constant(name: str) -> str:
    raise ValueError(f"{name} is not a JSON value")
