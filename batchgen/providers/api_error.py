"""What a provider says is wrong: the one reader of error bodies, in all the shapes that gateways give them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

_VIOLATIONS = re.compile(r"safety_violations=\[([^\]]{0,200})\]")
_WORDS = 4000


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error as the provider words it; empty text where it is silent. `message` is raw: redact it before showing.

    `bare`: the words stand where an answer should be, and nothing calls them an error.
    """

    code: str = ""
    type: str = ""
    message: str = ""
    param: str = ""
    stage: str = ""
    categories: tuple[str, ...] = ()
    bare: bool = False


def complaint(value: Any) -> ApiError | None:
    """Find the error in a body; None when it holds none.

    Understood: `{"error": {...}}`, `{"error": "words"}`, `{"errors": [...]}`, `{"detail": ...}` and a bare
    `{"code": ..., "message": ...}`.
    """
    if not isinstance(value, Mapping):
        return None
    found = value.get("error")
    if not found and isinstance(value.get("errors"), list) and value["errors"]:
        found = value["errors"][0]
    if found:
        return _read(found)
    if value.get("data") is None and "choices" not in value:
        found = value.get("detail") or (value if value.get("message") or value.get("msg") else None)
    return replace(_read(found), bare=True) if found else None


def _read(found: Any) -> ApiError:
    if isinstance(found, list):
        found = found[0] if found else {}
    if not isinstance(found, Mapping):
        return ApiError(message=_text(found))
    inner = found.get("error")
    if isinstance(inner, Mapping) and "message" not in found:
        return _read(inner)
    message = _text(found.get("message") or found.get("msg") or found.get("detail") or inner)
    details = found.get("moderation_details")
    details = details if isinstance(details, Mapping) else {}
    return ApiError(
        code=_text(found.get("code")),
        type=_text(found.get("type")),
        message=message,
        param=_text(found.get("param")),
        stage=_text(details.get("moderation_stage")),
        categories=_categories(details.get("categories"), message),
    )


def _categories(named: Any, message: str) -> tuple[str, ...]:
    if isinstance(named, list) and named:
        return tuple(_text(name)[:60] for name in named[:10])
    found = _VIOLATIONS.search(message)
    names = (name.strip() for name in found.group(1).split(",")) if found else ()
    return tuple(name for name in names if name)


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_WORDS]
