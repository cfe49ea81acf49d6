"""JSONL rows: one object a line, every value the text that was written (`1.10` stays `1.10`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchgen.errors import Place, Problem
from batchgen.manifest.names import shown
from batchgen.manifest.rows.table import BadLineError, Row, Table, lines, open_text


def open_jsonl(path: Path, file: str) -> Table:
    """Open a JSONL file; its rows may have different members, so it has no columns of its own."""
    with path.open("rb"):
        return Table(file, None, lambda: _records(path, file))


def _records(path: Path, file: str) -> Iterator[Row | Problem]:
    with open_text(path) as stream:
        number = 0
        try:
            for number, line in enumerate(lines(stream), start=1):
                if line.strip():
                    yield _record(line, Place(file, number))
        except BadLineError as error:
            yield Problem(f"{error}; nothing after this line was read", Place(file, error.line))


def _record(line: str, place: Place) -> Row | Problem:
    try:
        value = json.loads(line, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant)
        if not isinstance(value, dict):
            return Problem("each line is one JSON object", place)
        return Row({name: _text(name, cell) for name, cell in value.items()}, place.line)
    except json.JSONDecodeError as error:
        return Problem(f"this is not JSON: {error.msg}", Place(place.file, place.line, error.colno))
    except (ValueError, RecursionError) as error:
        return Problem(str(error) if isinstance(error, ValueError) else "nested too deeply", place)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is given twice")
    return members


def _constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON value")


def _text(name: str, cell: Any) -> str:
    """Give a JSON value as it was written; null is an empty cell."""
    if not name.strip():
        raise ValueError("a member has no name")
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    raise ValueError(f"{shown(name)} is a list or an object; a cell is text")
