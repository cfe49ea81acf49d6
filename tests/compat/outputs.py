"""What scripts rely on of an output folder and of what commands print; what is volatile or prose is masked."""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq

MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[0-9a-f]{8}"), "<run>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00| UTC)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{24}\b"), "<attempt>"),
    (re.compile(r"\breq_mock_\w+"), "<request>"),
    (re.compile(r"\b([0-9a-f]{16})[0-9a-f]{48}\b"), r"\1..."),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
)
VOLATILE = frozenset({"seconds", "pid", "images_per_minute", "eta_seconds", "at", "batchgen", "created"})
LEARNED = frozenset({"wall_seconds"})
"""Guessed from the catalogue as long as there is no ledger to learn from."""
PROSE = frozenset({"why", "message", "reason", "warnings"})
DOLLARS = re.compile(r"\$[\d,.]*\d")
UNSEEN_ENDS = ("-wal", "-shm", ".bak")
HASHED = ("images/", "superseded/")
MOST_SIDECARS = 3
UNSEEN = ("report/thumbs/", "report/report.html")
"""Thumbnails are made as long as there is time, and the page is tested by itself."""


def masked(text: str, work: Path) -> str:
    """Return a text without what differs from run to run."""
    text = text.replace(str(work), "<work>")
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


def tidied(value: Any, work: Path, key: str = "") -> Any:
    """Return a JSON value without what differs from run to run, and without prose."""
    if key in VOLATILE | LEARNED and value is not None and (key in VOLATILE or any(work.rglob("*.db"))):
        return "<volatile>"
    if key in PROSE:
        return "<prose>" if value else value
    if isinstance(value, dict):
        return {masked(name, work): tidied(item, work, name) for name, item in value.items()}
    if isinstance(value, list):
        return [tidied(item, work) for item in value]
    return masked(value, work) if isinstance(value, str) else value


def printed(words: tuple[str, ...], out: str, work: Path) -> Any:
    """Say what a command printed: its JSON or CSV, the files that it names, else the amounts of money in its prose."""
    if words[0] == "schema":
        whole = json.loads(out)
        return _properties(whole, whole["$defs"])
    if "--json" in words:
        return tidied(json.loads(out), work) if out else None
    if "--csv" in words:
        return _table(list(csv.reader(out.splitlines())), work)
    if words[0] == "report":
        return sorted(masked(line, work) for line in out.splitlines())
    return sorted(set(DOLLARS.findall(out)))


def _properties(schema: Any, named: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that a JSON Schema allows, as a tree; how its parts are called inside is its own affair."""
    if isinstance(schema, list):
        return {key: below for one in schema for key, below in _properties(one, named).items()}
    if not isinstance(schema, dict):
        return {}
    found = {key: _properties(one, named) for key, one in schema.get("properties", {}).items()}
    if "$ref" in schema:
        found |= _properties(named[schema["$ref"].rpartition("/")[2]], named)
    for inside in ("anyOf", "oneOf", "allOf", "items", "additionalProperties"):
        found |= _properties(schema.get(inside), named)
    return found


def observed(output: Path, work: Path) -> dict[str, Any]:
    """Files, tables, numbers and events of an output folder."""
    report = output / "report"
    return {
        "files": dict(sorted(_files(output, work))),
        "tables": {path.name: _read_table(path, work) for path in sorted(report.glob("*.csv"))},
        "summary": tidied(_json(report / "summary.json"), work),
        "log": _events(output),
    }


def forms(output: Path, work: Path) -> dict[str, Any]:
    """Say what is much alike in every output folder: sidecars, columns of Parquet and of sheets, files of a run."""
    report = output / "report"
    return {
        "sidecars": {
            path.relative_to(output).as_posix(): tidied(_json(path), work)
            for top in HASHED
            for path in sorted((output / top).rglob("*.json"))[:MOST_SIDECARS]
        },
        "parquet": {path.name: _columns(path) for path in sorted(report.glob("*.parquet"))},
        "sheets": _sheets(report / "report.xlsx"),
        "summaries": [tidied(_json(path), work) for path in sorted(output.glob("runs/*/summary.json"))][-1:],
        "status": {key: "" for path in sorted(output.glob("runs/*/status.json")) for key in sorted(_json(path))},
    }


def _files(output: Path, work: Path) -> Iterator[tuple[str, str]]:
    """Every file with its hash where that is a picture's; not what SQLite and locks need beside it."""
    for path in output.rglob("*"):
        name = path.relative_to(output).as_posix()
        if path.is_dir() or path.name.startswith(".") or name.endswith(UNSEEN_ENDS) or name.startswith(UNSEEN):
            continue
        is_picture = name.startswith(HASHED) and not name.endswith(".json")
        yield masked(name, work), _hash(path) if is_picture else ""


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] + "..."


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def _read_table(path: Path, work: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8", newline="") as file:
        return _table(list(csv.reader(file)), work)


def _table(rows: list[list[str]], work: Path) -> dict[str, Any]:
    columns = rows[0] if rows else []
    return {
        "columns": columns,
        "rows": [[_cell(name, text, work) for name, text in zip(columns, row, strict=True)] for row in rows[1:]],
    }


def _cell(name: str, text: str, work: Path) -> str:
    if name == "fault":
        return text.partition(":")[0]
    return str(tidied(text, work, name)) if text else ""


def _columns(path: Path) -> dict[str, Any]:
    schema = pq.read_schema(path)
    told = {}
    for column in schema:
        unit = (column.metadata or {}).get(b"unit", b"").decode()
        told[column.name] = f"{column.type} {unit}".strip()
    return {"rows": pq.read_metadata(path).num_rows, "columns": told}


def _sheets(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    book = openpyxl.load_workbook(path, read_only=True)
    try:
        return {sheet.title: {cell.value: "" for cell in next(sheet.iter_rows(max_row=1), ())} for sheet in book}
    finally:
        book.close()


def _events(output: Path) -> dict[str, Any]:
    """How often each event was logged, and the kinds of its facts."""
    told: dict[str, Any] = {}
    for path in sorted(output.glob("runs/*/log.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            event = json.loads(line)
            facts = told.setdefault(event["event"], {"count": 0, "keys": {}})
            facts["count"] += 1
            for key, value in event.items():
                kinds = facts["keys"].setdefault(key, [])
                if (kind := type(value).__name__) not in kinds:
                    kinds[:] = sorted((*kinds, kind))
    return dict(sorted(told.items()))
