"""Rows of one line: a JSON object whose values are the texts that were written (`1.10` stays `1.10`), or a prompt.

Objects may be lines for the vendor's Batch API, with `custom_id`, `url` and `body`: they are read as the words of a
manifest.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import REQUEST, did_you_mean, shown
from batchgen.manifest.rows.cells import flat
from batchgen.manifest.rows.separated import open_csv
from batchgen.manifest.rows.table import Layout, Read, Row, Table, Unreadable, empty_row, is_blank, telling
from batchgen.manifest.rows.text_file import BadLineError, text_file

COLUMN = "prompt"
"""What a line of plain text is called."""
_OPERATIONS = {"/v1/images/generations": "generate", "/v1/images/edits": "edit", "/v1/images/variations": "variation"}
_AS_WE_DO = frozenset({"stream", "partial_images"})
"""Words of the body that say how an answer comes, and nothing of what is drawn."""
_ONE_LIST = "a list over several lines; write one object a line, without the `[`, the `]` and the commas between"


def open_jsonl(path: Path, file: str, layout: Layout) -> Table:
    """Open a JSONL file; its rows may have different members, so it has no columns of its own."""
    return _by_line(path, file, layout, None, _record)


def open_lines(path: Path, file: str, layout: Layout) -> Table:
    """Open a text file whose lines are prompts; with a separator it is a table under another name."""
    if layout.delimiter:
        return open_csv(path, file, layout)
    if path.stat().st_size == 0:
        raise InputError(Problem("the file is empty; each line is a prompt", Place(file)))
    return _by_line(path, file, layout, (COLUMN,), lambda line, place: Row({COLUMN: line.strip()}, place.line))


def _by_line(
    path: Path, file: str, layout: Layout, columns: tuple[str, ...] | None, read: Callable[[str, Place], Read]
) -> Table:
    text = text_file(path, file, layout.encoding)

    def rows() -> Iterator[Read]:
        try:
            with text.lines() as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield (found := read(line, Place(file, number)))
                        if isinstance(found, Unreadable):
                            return
        except BadLineError as error:
            yield Unreadable(f"{error}; nothing after this line was read", Place(file, error.line))

    return Table(file, columns, rows, telling(file, 1, text.told))


def _record(line: str, place: Place) -> Read:
    if line.strip() == "[":
        return Unreadable(_ONE_LIST, place)
    try:
        value = json.loads(
            line.rstrip(), object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant
        )
        if not isinstance(value, dict):
            return Problem("each line is one JSON object", place)
        return _row(_words(value) if "custom_id" in value and isinstance(value.get("body"), dict) else value, place)
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


def _words(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of a request that a line for the Batch API asks for; ValueError where it asks for no image."""
    url = str(members.get("url") or "/v1/images/generations")
    operation = next((meant for path, meant in _OPERATIONS.items() if url.endswith(path.removeprefix("/v1"))), None)
    if operation is None:
        raise ValueError(f"the url {shown(url)} draws no images; here it is one of {', '.join(_OPERATIONS)}")
    found: dict[str, Any] = {"id": members["custom_id"], "operation": operation}
    for name, value in members["body"].items():
        if name in _AS_WE_DO:
            continue
        if name not in REQUEST or name in found:
            raise ValueError(f"{shown(name)} in `body` is not known{did_you_mean(name, REQUEST)}")
        found[name] = _image_words(value) if name in {"image", "images", "mask"} else value
    return found


def _image_words(value: Any) -> Any:
    """Input images as a manifest names them: the vendor's own form is an object with an address."""
    if isinstance(value, list):
        return [_image_words(item) for item in value]
    if isinstance(value, dict):
        address = value.get("image_url") or value.get("url")
        if not isinstance(address, str):
            raise ValueError("an input image in `body` is an address or a file; uploaded ids are not known here")  # noqa: TRY004
        return address
    return value
