"""Fixtures as JSON that people can read, and what differs from them."""

import json
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).with_name("fixtures")
MOST_LINES = 120
STRICT = {"files"}
"""Keys below which nothing new may come."""


def read(name: str) -> Any:
    """Say what was recorded."""
    return json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))


def write(name: str, told: Any) -> None:
    """Record it."""
    FIXTURES.mkdir(exist_ok=True)
    (FIXTURES / f"{name}.json").write_text("\n".join(_written(told)) + "\n", "utf-8")


def _written(value: Any, indent: str = "") -> Iterator[str]:
    """JSON whose short objects and rows take one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(line) < 160 or _is_row(value):
        yield line
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield opening
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for count, (key, item) in enumerate(items, 1):
        head = f"{indent} " if key is None else f"{indent} {json.dumps(key)}: "
        first, *rest = _written(item, f"{indent} ")
        lines = [head + first, *rest]
        yield from lines[:-1]
        yield lines[-1] + ("," if count < len(value) else "")
    yield indent + closing


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (str, int, type(None))) for item in value)


def difference(recorded: Any, present: Any) -> str:
    """Say what differs, line by line; empty when all that was recorded is still so. New keys and columns may come."""
    was, now = recorded, _known(recorded, present)
    if was == now:
        return ""
    lines = unified_diff([*_flat(was)], [*_flat(now)], "recorded", "present", lineterm="", n=1)
    shown = [*lines]
    more = [f"... and {len(shown) - MOST_LINES} more lines"] if len(shown) > MOST_LINES else []
    return "\n".join([*shown[:MOST_LINES], *more])


def _known(recorded: Any, present: Any) -> Any:
    """Return the present value without keys and columns that were not there when the other was recorded."""
    if isinstance(recorded, dict) and isinstance(present, dict):
        if recorded.keys() == {"columns", "rows"} == present.keys() and isinstance(recorded["columns"], list):
            return _known_columns(recorded, present)
        known = {key: _known(item, present[key]) for key, item in recorded.items() if key in present}
        return known | {key: present[key] for key in STRICT & present.keys()}
    if isinstance(recorded, list) and isinstance(present, list) and len(recorded) == len(present):
        return [_known(was, now) for was, now in zip(recorded, present, strict=True)]
    return present


def _known_columns(recorded: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    columns = [name for name in present["columns"] if name in recorded["columns"]]
    places = [present["columns"].index(name) for name in columns]
    return {"columns": columns, "rows": [[row[place] for place in places] for row in present["rows"]]}


def _flat(value: Any, at: str = "") -> Iterator[str]:
    """Return a line for each value, with the way to it."""
    if isinstance(value, dict) and value.keys() == {"columns", "rows"} and isinstance(value["columns"], list):
        yield f"{at}.columns = {value['columns']}"
        for number, row in enumerate(value["rows"]):
            yield from _flat(dict(zip(value["columns"], row, strict=True)), f"{at}[{number}]")
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            place = f"{at}[{number}]"
            if isinstance(item, dict) and ("command" in item or "files" in item):
                place += " {}".format(item.get("command") or f"look {item['look']}")
            yield from _flat(item, place)
    else:
        yield f"{at} = {json.dumps(value, ensure_ascii=False)}"
