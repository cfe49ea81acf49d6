"""Finds images in an answer that is not written as its protocol writes them: other names, other nests, bare lists.

An image is known by its bytes, an address by the name under which it stands.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from batchgen.catalog.answers import plain, wording
from batchgen.providers.answer import Item, from_address, from_run, is_address
from batchgen.providers.api_error import ApiError, complaint
from batchgen.providers.base64_span import SpanState
from batchgen.providers.decode import Document

_DEEPEST = 8
_STATES = ("status", "state", "task_status")
_REASONS = (*_STATES, "finish_reason", "finishReason", "finish_details", "block_reason", "blockReason")
_REASONS_AT_ALL = frozenset(_REASONS)
_OF_FILTERS = frozenset({"contentfilterresults", "promptfilterresults"})
"""Names, as `plain` writes them, of what an answer says of its filters: an error there is none of the answer."""
_MOST = 1000


def images_anywhere(document: Document) -> tuple[tuple[Item, ...], str]:
    """Return the images of an answer in their order, and where the first of them stands, such as `images[].url`."""
    others = wording().shapes.others
    whole = [
        run for run in document.runs if run.state is not SpanState.EMPTY and others.isdisjoint(map(plain, run.names))
    ]
    if whole:
        return tuple(from_run(run) for run in whole), ".".join(whole[0].names)
    found = list(_addresses(document.value, (), 0))[:_MOST]
    return tuple(from_address(text) for _, text in found), ".".join(found[0][0]) if found else ""


def said_in(value: Any) -> ApiError | None:
    """Say what an answer complains of: an error in it, or a status that says moderation."""
    found = complaint(value)
    if found and not found.bare and (found.message or found.code):
        return found
    withheld = refusal_in(value)
    if withheld:
        return ApiError(code=withheld, message=found.message if found else withheld)
    return _error_in(value) or found


def _error_in(value: Any, depth: int = 0) -> ApiError | None:
    """Return the error of an entry, or of what is wrapped in an answer."""
    if depth > _DEEPEST or not isinstance(value, dict | list):
        return None
    found = complaint(value)
    if found and not found.bare and (found.message or found.code):
        return found
    if isinstance(value, dict):
        value = [inner for name, inner in value.items() if plain(str(name)) not in _OF_FILTERS]
    return next((said for one in value[:_MOST] if (said := _error_in(one, depth + 1))), None)


def refusal_in(value: Any, depth: int = 0) -> str:
    """Return a status or a reason in an answer that says moderation; empty when there is none."""
    if isinstance(value, dict):
        if not _REASONS_AT_ALL.isdisjoint(value):
            said = [value[name] for name in _REASONS if name in value and type(value[name]) is str]
            if said and (found := wording().moderation.named(*said)):
                return found
        value = list(value.values())
    if not isinstance(value, list) or depth > _DEEPEST:
        return ""
    for one in value[:_MOST]:
        if isinstance(one, dict | list) and (found := refusal_in(one, depth + 1)):
            return found
    return ""


def bearer(value: Any) -> Mapping[str, Any]:
    """Return the part of an answer that says what was used and drawn: the whole, or what is wrapped in it."""
    if not isinstance(value, dict):
        return {}
    if isinstance(value.get("usage"), dict):
        return value
    wrapped = (inner for inner in value.values() if isinstance(inner, dict))
    return next((one for one in wrapped if isinstance(one.get("usage"), dict)), value)


def _addresses(value: Any, names: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], str]]:
    if depth > _DEEPEST:
        return
    for name, inner in _members(value):
        yield from _addresses(inner, (*names, *name), depth + 1)
    if not isinstance(value, str) or not is_address(value.strip()):
        return
    if not names or plain(names[-1]) in wording().shapes.addresses:
        yield names, value


def _members(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Say what an object or a list holds; nothing of one whose images are still to come."""
    shapes = wording().shapes
    if isinstance(value, list):
        yield from (((), inner) for inner in value[:_MOST])
    elif isinstance(value, Mapping) and not any(plain(str(value.get(name))) in shapes.unfinished for name in _STATES):
        yield from (((str(key),), inner) for key, inner in value.items() if plain(str(key)) not in shapes.others)
