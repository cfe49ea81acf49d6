"""What a fault is: what it shows, whether the call is charged, and its effect; and those that need no code.

These stand in `faults.csv`, by the table that they belong `of`. `value`, `code`, `kind` and `message` are of their
effect: an answer instead of images, what is drawn, what the answer tells (as JSON), an address, or what becomes of a
life or an upload.
"""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from batchgen.mock import fault_answers as told
from batchgen.mock import fault_replies as instead
from batchgen.mock import fault_scripts as wire
from batchgen.mock.data import text_of
from batchgen.mock.resolved_request import Look

FREE = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `script` and `as_url` may stand beside another effect, which else stands alone.

    `reply` answers with something else, `spoil` changes what is drawn, `alter` changes the answer, `script` spoils the
    wire, `blocked` is moderation at a stage, `download` spoils the reading of an image by its address, `address` is
    given out instead of an image's true one (`{origin}` and `{key}` are the call's own). `delay` is the default wait
    before the answer; what is not `drawn` never shows a byte of an image. `factor` multiplies the tokens that are
    reported and charged, `cost` is charged instead (dollars). `task`, `batch`, `line` and `file` spoil the life of a
    task, the life of a batch, what is written of one of its lines, and an upload.
    """

    shows: str
    charged: bool = True
    reply: instead.Instead | None = None
    spoil: told.Spoil | None = None
    alter: told.Alter | None = None
    script: wire.Scripted | None = None
    blocked: str | None = None
    download: str | None = None
    address: str | None = None
    as_url: bool = False
    delay: float = 0.0
    drawn: bool = True
    factor: int = 1
    cost: float | None = None
    task: str | None = None
    batch: str | None = None
    line: str | None = None
    file: str | None = None


_EFFECTS: Mapping[str, Callable[[str, dict[str, str]], dict[str, Any]]] = {
    "error": lambda value, row: {
        "reply": instead.failed(int(value), row["message"], row["code"] or None, row["kind"] or "api_error")
    },
    "page": lambda value, row: {"reply": instead.page(int(value), row["message"])},
    "empty": lambda value, _: {"reply": instead.empty(int(value))},
    "text": lambda _, row: {"reply": instead.body(row["message"].encode())},
    "inside": lambda _, row: {"reply": instead.inside(row["code"], row["message"])},
    "redirect": lambda value, _: {"reply": instead.elsewhere(int(value))},
    "come": lambda value, _: {"spoil": told.come(int(value))},
    "look": lambda value, _: {"spoil": told.looking(Look(value))},
    "without": lambda value, _: {"alter": told.without(value)},
    "having": lambda value, _: {"alter": told.having(**json.loads(value))},
    "entry": lambda value, _: {"alter": told.entries(lambda _entry: json.loads(value))},
    "base64": lambda value, _: {"alter": told.text(lambda _text: json.loads(value))},
    "usage": lambda value, _: {"alter": told.usage(lambda usage: {**usage, **json.loads(value)})},
    "numbers": lambda value, _: {"alter": told.numbers(lambda _number: json.loads(value))},
    "finish": lambda value, row: {"spoil": told.come(0), "alter": told.finished(value, row["message"])},
    "download": lambda value, _: {"download": value, "as_url": True},
    "address": lambda value, _: {"address": value, "as_url": True},
}
"""What an effect sets of a fault; any other sets the member of its name."""


def listed(of: str) -> dict[str, Fault]:
    """List the faults of one table."""
    return {row["name"]: _fault(row) for row in _rows() if row["of"] == of}


@cache
def _rows() -> list[dict[str, str]]:
    return list(csv.DictReader(text_of("faults.csv").splitlines()))


def _fault(row: dict[str, str]) -> Fault:
    effect, value = row["effect"], row["value"]
    members = _EFFECTS[effect](value, row) if effect in _EFFECTS else {effect: value}
    return Fault(row["shows"], row["charged"] == "yes", **members)
