"""What a provider says is wrong: the one reader of error bodies, in all the shapes that gateways give them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchgen.catalog.answers import plain
from batchgen.providers.base64_span import DecodeError
from batchgen.providers.json_text import mapping, parse_beginning, sequence, word
from batchgen.providers.retry_after import wait_in

_VIOLATIONS = re.compile(r"safety_violations=\[([^\]]{0,200})\]")
_WORDS = 4000
_INNER = "innererror"
_CODES = ("code", "errorcode", "errcode", "statuscode")
_MESSAGES = (
    *("message", "msg", "errormessage", "errormsg", "errmsg", "statusmsg", "errordescription"),
    *("detail", "error", "title"),
)
"""Names of an error's code and words, as `plain` writes them; the first that says something counts."""
_OF_A_GOOD_ONE = frozenset(
    ["created", "data", "usage", "id", "object", "model", "size", "quality", "output_format", "background"]
)
"""Names in an answer that complain of nothing."""
_FAILED = frozenset({"failed", "failure", "fail", "error"})
_FINE = frozenset({"ok", "success", "succeeded"})


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error as the provider words it; empty text where it is silent. `message` is raw: redact it before showing.

    `bare`: the words stand where an answer should be, and nothing calls them an error. `codes` are further names of
    it, `wait` the seconds after which to ask again. `around` are the errors in whose words gateways passed this one
    on, from the inside out.
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
    around: tuple["ApiError", ...] = ()

    @property
    def layers(self) -> tuple["ApiError", ...]:
        """The error, and those around it: what the inner one says counts before what the outer ones say."""
        return (self, *self.around)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the error has."""
        return (self.code, self.type, *self.codes)


def complaint(value: Any) -> ApiError | None:
    """Find the error in a body; None when it holds none.

    Understood: `{"error": {...}}`, that in a list, `{"error": "words"}`, `{"error": true, "message": ...}`,
    `{"errors": [...]}`, `{"base_resp": {...}}`, `{"detail": ...}` and a bare `{"code": ..., "message": ...}`. Of an
    error that is written as JSON into the words of another one, it is the inner one.
    """
    if isinstance(value, list) and value and isinstance(value[0], dict) and value[0].get("error"):
        value = value[0]
    if not isinstance(value, dict) or value.keys() <= _OF_A_GOOD_ONE:
        return None
    told = _plainly(value)
    if found := told.get("error") or sequence(told.get("errors")) or _base(told):
        read = _read(found if isinstance(found, Mapping | list) else told)
        code = read.code or _text(word(told.get("code")))
        return _passed_on(replace(read, code=code, wait=wait_in(found) or wait_in(value)), found)
    if "choices" in told or (told.get("data") is not None and not _says_failed(told)):
        return None
    found = told.get("detail") or (told if _first(told, _MESSAGES) else None)
    return _passed_on(replace(_read(found), bare=True, wait=wait_in(value)), told) if found else None


def _base(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stands beside an answer of MiniMax, where it says that there is none."""
    base = mapping(told.get("baseresp"))
    return base if str(base.get("status_code") or 0).strip("0") else {}


def _passed_on(outer: ApiError, found: Any) -> ApiError:
    """Return the error that another one holds as JSON in its words, or as a router's `raw`; without one, the outer.

    What blames a parameter quotes it, so that is no error of anybody's.
    """
    told = _plainly(found) if isinstance(found, Mapping) else {}
    raw = word(mapping(told.get("metadata")).get("raw"))
    words = raw or next((said for name in _MESSAGES if (said := word(told.get(name)))), outer.message)
    before, brace, _ = words.partition("{")
    if outer.param or not brace:
        return replace(outer, message=f"{outer.message}: {raw}"[:_WORDS]) if raw else outer
    try:
        inner = complaint(parse_beginning(words[len(before) :])[0])
    except DecodeError:
        return outer
    if inner is None or inner.bare:
        return outer
    outermost = replace(outer, message=outer.message if raw else before.strip()[:_WORDS])
    return replace(inner, bare=outer.bare, wait=inner.wait or outer.wait, around=(*inner.around, outermost))


def _says_failed(told: Mapping[str, Any]) -> bool:
    """Whether what is wrapped around an answer's data says that there is none."""
    if told.get("success") is False or told.get("ok") is False or plain(_text(told.get("status"))) in _FAILED:
        return True
    code = _code(told)
    return code.strip("0") not in {"", "2"} and plain(code) not in _FINE  # 0, 200 and 20000 are fine


def _plainly(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object under plain names; of several that are one name then, the first counts."""
    return {plain(str(name)): inner for name, inner in reversed(list(found.items()))}


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((_text(told[name]) for name in names if told.get(name)), "")


def _code(told: Mapping[str, Any]) -> str:
    return next((code for name in _CODES if told.get(name) and (code := _name(told[name]))), "")


def _read(found: Any) -> ApiError:
    if isinstance(found, list):
        found = found[0] if found else {}
    if not isinstance(found, Mapping):
        return ApiError(message=_text(found))
    told = _plainly(found)
    inner = told.get("error")
    if isinstance(inner, Mapping) and "message" not in told:
        return _read(inner)
    message = _first(told, _MESSAGES)
    details = mapping(told.get("moderationdetails"))
    return ApiError(
        code=_code(told),
        type=_name(told.get("type")),
        message=message,
        param="" if told.get("param") == "None" else _text(told.get("param")),  # as LiteLLM writes none
        stage=_text(details.get("moderation_stage")),
        categories=_categories(details.get("categories"), message),
        codes=_codes(told),
    )


def _codes(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Further names: a status beside the code, the code of an error inside it, and the reasons in its details."""
    details = [one for one in sequence(told.get("details"))[:10] if isinstance(one, Mapping)]
    inner = mapping(told.get(_INNER)).get("code")
    named = (told.get("status"), word(told.get("error")), inner, *(one.get("reason") for one in details))
    return tuple(_name(one)[:200] for one in named if one and _name(one))


def _categories(named: Any, message: str) -> tuple[str, ...]:
    if isinstance(named, list) and named:
        return tuple(_text(name)[:60] for name in named[:10])
    found = _VIOLATIONS.search(message)
    names = (name.strip() for name in found.group(1).split(",")) if found else ()
    return tuple(name for name in names if name)


def _name(value: Any) -> str:
    """Take text or a whole number for the name of an error; `true` names none."""
    return _text(value) if type(value) in {str, int} else ""


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_WORDS]
