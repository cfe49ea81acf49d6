"""Values with types -> the text of a cell; a list of texts is one cell that holds several."""

import json
from collections.abc import Iterable, Sequence
from typing import Any


def of_json(value: Any) -> str:
    """Give a JSON value, whose numbers are text already, as it was written; null is an empty cell."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return of_several(map(_item, value))
    raise ValueError("is an object; a cell is text or a list of texts")


def _item(value: Any) -> str:
    if isinstance(value, list | dict):
        raise ValueError("is a list or an object in a list; a cell is text or a list of texts")  # noqa: TRY004
    return of_json(value)


def of_several(texts: Iterable[str]) -> str:
    """Write several texts into one cell, from which `several` reads them; no text is an empty cell."""
    return json.dumps(list(texts), ensure_ascii=False).removeprefix("[]")


def several(cell: str) -> Sequence[str]:
    """Read the texts of a cell: those of a list, else the cell itself."""
    if not cell.lstrip().startswith("["):
        return (cell,)
    try:
        found = json.loads(cell, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return (cell,)
    return found if isinstance(found, list) and all(isinstance(text, str) for text in found) else (cell,)
