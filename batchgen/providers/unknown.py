"""What is told of an answer that is none: the provider's words, and everything in them that looks like an id."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from batchgen.providers.decode import Document

_ID = re.compile(r"(?:^|[_\-])(?:id|uuid)s?$|[a-z](?:Id|ID|Uuid|UUID)s?$", re.ASCII)
_DEEPEST = 6
_MOST_IDS = 6
_LONGEST_ID = 100
_LONGEST_QUOTE = 1000


def ids_of(value: Any) -> tuple[tuple[str, str], ...]:
    """Everything in an answer that looks like an id, by its name, from the outside in."""
    found = sorted(_ids(value, "", 0), key=lambda one: one[0])
    return tuple(dict.fromkeys((name, text) for _, name, text in found))[:_MOST_IDS]


def quote(document: Document, words: str) -> str:
    """Say what an answer says that is none: its ids first, then its words to people, else its text as it came."""
    ids = ", ".join(f"{name}={text}" for name, text in ids_of(document.value))
    said = words or document.text[:_LONGEST_QUOTE].decode("utf-8", "replace").strip()
    return " ".join(piece for piece in (f"({ids})" if ids else "", said) if piece)


def _ids(value: Any, name: str, depth: int) -> Iterator[tuple[int, str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _ids(inner, str(key), depth + 1)
    elif isinstance(value, list):
        for inner in value[:_MOST_IDS]:
            yield from _ids(inner, name, depth + 1)
    elif _ID.search(name) and isinstance(value, str | int) and not isinstance(value, bool) and str(value):
        yield depth, name[:_LONGEST_ID], str(value)[:_LONGEST_ID]
