"""What a provider says is wrong: the one reader of error bodies, in all the shapes that gateways give them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchgen.providers.json_text import mapping, sequence
from batchgen.providers.retry_after import wait_in

_VIOLATIONS = re.compile(r"safety_violations=\[([^\]]{0,200})\]")
_WORDS = 4000
_INNER = ("innererror", "inner_error", "innerError")


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error as the provider words it; empty text where it is silent. `message` is raw: redact it before showing.

    `bare`: the words stand where an answer should be, and nothing calls them an error. `codes` are further names of
    it, `wait` the seconds after which to ask again.
    """

    code: str = ""
    type: str = ""
    message: str = ""
    param: str = ""
    stage: str = ""
    categories: tuple[str, ...] = ()
    bare: bool = False
    codes: tuple[str, ...] = ()
    wait: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the error has."""
        return (self.code, self.type, *self.codes)


def complaint(value: Any) -> ApiError | None:
    """Find the error in a body; None when it holds none.

    Understood: `{"error": {...}}`, that in a list, `{"error": "words"}`, `{"errors": [...]}`, `{"detail": ...}` and a
    bare `{"code": ..., "message": ...}`.
    """
    if isinstance(value, list) and value and isinstance(value[0], dict) and value[0].get("error"):
        value = value[0]
    if not isinstance(value, dict):
        return None
    found = value.get("error")
    if not found and isinstance(value.get("errors"), list) and value["errors"]:
        found = value["errors"][0]
    if found:
        read = _read(found)
        beside = value.get("code") if isinstance(value.get("code"), str) and not read.code else read.code
        return replace(read, code=_text(beside), wait=wait_in(found) or wait_in(value))
    if value.get("data") is None and "choices" not in value:
        found = value.get("detail") or (value if value.get("message") or value.get("msg") else None)
    return replace(_read(found), bare=True, wait=wait_in(value)) if found else None


def _read(found: Any) -> ApiError:
    if isinstance(found, list):
        found = found[0] if found else {}
    if not isinstance(found, Mapping):
        return ApiError(message=_text(found))
    inner = found.get("error")
    if isinstance(inner, Mapping) and "message" not in found:
        return _read(inner)
    message = _text(found.get("message") or found.get("msg") or found.get("detail") or inner)
    details = mapping(found.get("moderation_details"))
    return ApiError(
        code=_text(found.get("code")),
        type=_text(found.get("type")),
        message=message,
        param=_text(found.get("param")),
        stage=_text(details.get("moderation_stage")),
        categories=_categories(details.get("categories"), message),
        codes=_codes(found),
    )


def _codes(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Further names: a status beside the code, the code of an error inside it, and the reasons in its details."""
    inner = [found[name] for name in _INNER if isinstance(found.get(name), Mapping)]
    details = [one for one in sequence(found.get("details"))[:10] if isinstance(one, Mapping)]
    named = (found.get("status"), *(one.get("code") for one in inner), *(one.get("reason") for one in details))
    return tuple(_text(one)[:200] for one in named if one)


def _categories(named: Any, message: str) -> tuple[str, ...]:
    if isinstance(named, list) and named:
        return tuple(_text(name)[:60] for name in named[:10])
    found = _VIOLATIONS.search(message)
    names = (name.strip() for name in found.group(1).split(",")) if found else ()
    return tuple(name for name in names if name)


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_WORDS]
