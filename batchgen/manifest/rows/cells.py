"""Values with types -> the text of a cell; a list of texts is one cell that holds several."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from batchgen.manifest.names import shown


def flat(members: Mapping[str, Any]) -> Mapping[str, str]:
    """Give the members of an object as cells; those of an object in it are named after both: `size.width`.

    ValueError for a name that stands twice.
    """
    cells: dict[str, str] = {}
    for name, text in _flat("", members):
        if name in cells:
            raise ValueError(f"{shown(name)} is given twice")
        cells[name] = text
    return cells


def _flat(prefix: str, members: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        if not name.strip():
            raise ValueError("a member has no name")
        if isinstance(value, dict) and value:
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", of_json(value or None if isinstance(value, dict) else value)


def of_json(value: Any) -> str:
    """Give a JSON value, whose numbers are text already, as it was written; null is an empty cell.

    A list of objects or lists is one cell that holds its JSON.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        if any(isinstance(item, list | dict) for item in value):
            return json.dumps(value, ensure_ascii=False, default=str)
        return of_several(map(of_json, value))
    raise ValueError("is an object; a cell is text or a list of texts")


def of_several(texts: Iterable[str]) -> str:
    """Write several texts into one cell, from which `several` reads them; no text is an empty cell."""
    return json.dumps(list(texts), ensure_ascii=False).removeprefix("[]")


def is_list(cell: str) -> bool:
    """Whether a cell holds the JSON of a list."""
    try:
        return cell.startswith("[") and isinstance(json.loads(cell), list)
    except (ValueError, RecursionError):
        return False


def several(cell: str) -> Sequence[str]:
    """Read the texts of a cell: those of a list, else the cell itself."""
    if not cell.lstrip().startswith("["):
        return (cell,)
    try:
        found = json.loads(cell, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return (cell,)
    return found if isinstance(found, list) and all(isinstance(text, str) for text in found) else (cell,)
