"""Faults that need no code, from `faults.csv`: a status with its error or page, and what spoils a life or an upload.

The columns `value`, `code`, `kind` and `message` are of the answer; of a life, `value` says what becomes of it.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import Any

from batchgen.mock import fault_replies as instead
from batchgen.mock.fault import Fault

ANSWERS = ("error", "page", "empty")
"""Effects that answer with something else than images; any other is a field of a fault."""


def faults(*effects: str) -> dict[str, Fault]:
    """List the faults with one of these effects."""
    return {name: fault for name, effect, fault in _listed() if effect in effects}


@cache
def _listed() -> list[tuple[str, str, Fault]]:
    text = (files("batchgen.mock") / "faults.csv").read_text("utf-8")
    return [(row["name"], row["effect"], _fault(row)) for row in csv.DictReader(text.splitlines())]


def _fault(row: dict[str, str]) -> Fault:
    charged, value, message = row["charged"] == "yes", row["value"], row["message"]
    match row["effect"]:
        case "error":
            reply = instead.failed(int(value), message, row["code"] or None, row["kind"] or "api_error")
        case "page":
            reply = instead.page(int(value), message)
        case "empty":
            reply = instead.empty(int(value))
        case life:
            spoilt: dict[str, Any] = {life: value}
            return Fault(row["shows"], charged, **spoilt)
    return Fault(row["shows"], charged, reply=reply)
