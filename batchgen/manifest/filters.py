"""Filters of templates that are ours: none can make much of a little, and several texts stay several."""

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any, SupportsIndex, overload

from batchgen.manifest.rows.cells import of_several

_NO_BREAK = frozenset({"a", "abbr", "b", "cite", "code", "em", "font", "i", "mark", "s", "small", "span", "strong"})
_NO_BREAK |= frozenset({"sub", "sup", "tt", "u"})
"""Tags inside a word or a sentence; any other ends a line."""
_NO_TEXT = frozenset({"script", "style", "template"})


class Several(list[str]):
    """Several texts, written as a list where one text is wanted, so that `images` finds them again."""

    def __str__(self) -> str:
        return of_several(self)

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Several": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "str | Several":
        found = super().__getitem__(index)
        return found if isinstance(found, str) else Several(found)


def split(text: Any, separator: str = ",") -> Several:
    """Take a text apart; what is blank is no part of it."""
    parts: Iterable[str] = str(text).split(str(separator) or None)
    return Several(stripped for part in parts if (stripped := part.strip()))


def striptags(text: Any) -> str:
    """Give what a person reads of HTML: no tags, entities as the characters they stand for, blanks single."""
    reader = _Words()
    reader.feed(str(text))
    reader.close()
    return " ".join("".join(reader.words).split())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in _NO_TEXT
        if tag not in _NO_BREAK:
            self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _NO_TEXT))
        if tag not in _NO_BREAK:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)
