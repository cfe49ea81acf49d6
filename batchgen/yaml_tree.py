"""YAML text -> a tree in which every scalar is the text that was written and everything knows its line and column.

The text is composed from parser events here and not by PyYAML, because manifests and provider files need three things
that its loaders do not give: scalars letter for letter (`012345`, `NO`, `1e3`), a place for every key and value, and
limits that are counted while composing, so that a bomb is refused before it is built.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Never

from batchgen.errors import InputError, Place, Problem
from batchgen.text import safe

MAX_BYTES = 50_000_000
MAX_NODES = 1_000_000
MAX_DEPTH = 50
_LEADING_TABS = re.compile(r"^[ \t]+", re.MULTILINE)
_HALVES = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_BARE_TEMPLATE = re.compile(r"(?P<before>[^\"'#]*?(?:[:,\[{-]\s+|^\s*))(?P<value>[^\"'\s]*\{[{%].*)")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_TOUCHING = re.compile(r"[ \t]+(#[^\s#]\S*)")

_Event = Any  # PyYAML's event classes share no typed base with `tag` and `anchor`


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: what it is called, which bare words are an empty value, whether it is JSON."""

    name: str
    empty: frozenset[str] = frozenset({""})
    json: bool = False


Plain = str | list["Plain"] | dict[str, "Plain"] | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place. `value` is text, None for an empty scalar, a tuple of items or a dict of entries.

    `keys` holds the place of each key of a mapping; `twice` the keys that are given again, and where. `lost` is
    the word behind a text without quotation marks that touches a `#`, as a colour or a tag does, and makes a comment.
    """

    value: "str | tuple[Node, ...] | dict[str, Node] | None"
    place: Place
    keys: dict[str, Place] | None = None
    twice: tuple[tuple[str, Place], ...] = ()
    lost: str = ""

    def plain(self) -> Plain:
        """Give the value without places; what an alias shares is copied."""
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value

    def at(self, *path: str | int) -> "Node":
        """Find the node at a path; steps that name nothing here are passed over."""
        node = self
        for step in path:
            match node.value, step:
                case dict() as entries, str() if step in entries:
                    node = entries[step]
                case tuple() as items, int() if step < len(items):
                    node = items[step]
        return node

    def key_place(self, *path: str | int) -> Place:
        """Find the place of the last key of a path, or of its value when it is an item of a list."""
        owner, last = self.at(*path[:-1]), path[-1]
        if owner.keys is not None and isinstance(last, str):
            return owner.keys.get(last, owner.place)
        return self.at(*path).place


def repeated(root: Node, *path: str | int) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Find every key that is given twice, with its path."""
    steps: Iterable[tuple[str | int, Node]] = ()
    if isinstance(root.value, dict):
        keys = root.keys or {}
        for key, place in root.twice:
            yield (*path, key), Problem(f"`{key}` is given twice; it stands first at {keys[key]}", place)
        steps = root.value.items()
    elif isinstance(root.value, tuple):
        steps = enumerate(root.value)
    for step, inner in steps:
        yield from repeated(inner, *path, step)


def cut_short(node: Node) -> Iterator[Node]:
    """Find the texts that may have been meant to go on behind their `#`."""
    if node.lost:
        yield node
    inner: Iterable[Node] = ()
    if isinstance(node.value, tuple):
        inner = node.value
    elif isinstance(node.value, dict):
        inner = node.value.values()
    for one in inner:
        yield from cut_short(one)


def move(root: Node, old: tuple[str | int, ...], new: tuple[str | int, ...]) -> None:
    """Let what stands at one path be found at another; nothing happens where an alias has moved it before."""
    name, meant = str(old[-1]), str(new[-1])
    if len(new) > len(old) and isinstance(root.value, dict) and new[0] not in root.value:
        root.value[str(new[0])] = Node({}, root.place, {})
    before, after = root.at(*old[:-1]), root.at(*new[:-1])
    if isinstance(before.value, dict) and isinstance(after.value, dict) and name in before.value:
        after.value[meant] = before.value.pop(name)
        if before.keys is not None and after.keys is not None:
            after.keys[meant] = before.keys.pop(name)


def parse(text: str, file: str, how: Reading) -> Node:
    """Compose one YAML document; a key that is given twice has its first value, anything worse raises `InputError`.

    JSON is read as the YAML that it is, but for `null`, an empty value, tabs, which do not indent YAML, and signs that
    are escaped in two halves.
    """
    import yaml

    language = "JSON" if how.json else "YAML"
    if how.json:
        text = _LEADING_TABS.sub(lambda tabs: " " * len(tabs[0]), text)
        text = _HALVES.sub(lambda found: found[1] + json.loads(f'"{found[2]}"'), text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        composer = _Composer(yaml.parse(text, Loader=loader), file, how, text)
        return composer.document()
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise InputError(
            Problem(f"is not {language}: a control character stands here; write it as an escape", place)
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        context = f" ({error.context})" if error.context else ""
        problem, hint = error.problem or "unreadable", _hint(error, text)
        raise InputError(Problem(f"is not {language}: {problem}{context}{hint}", place)) from error


def _hint(error: Any, text: str) -> str:
    """Say what to write instead, where the parser's words are no help to a person."""
    mark = error.problem_mark
    line = _line_of(text, mark) if mark else ""
    if mark and line[mark.column :].startswith("\t"):
        return "; indent with blanks, not with tabs"
    if "mapping values are not allowed" in str(error.problem):
        return "; put quotation marks around a text that holds a colon and a blank"
    if "unknown escape character" in str(error.problem):
        return "; write `/` between folders, or put the text between ' and '"
    if "cannot start any token" in str(error.problem):
        return _in_quotes(line) or "; put quotation marks around a text that begins with this character"
    return ""


def _line_of(text: str, mark: Any) -> str:
    return "".join(text.splitlines()[mark.line : mark.line + 1])


def _in_quotes(line: str) -> str:
    """Return the line to write where a template stands without quotation marks; empty where none does."""
    match = _BARE_TEMPLATE.match(line)
    if match is None:
        return ""
    before, value = match["before"].strip(), match["value"].strip()
    before = before.removeprefix("- ").lstrip() or before
    if "{" in before or "[" in before:  # where the text ends is not sure
        return '; put quotation marks around a text that holds a template, as in "{{ name }}"'
    mark = "'" if '"' in value else '"'
    return f"; put quotation marks around a text that holds a template: {f'{before} {mark}{value}{mark}'.strip()}"


class _Composer:
    """Builds nodes from events, counting what it builds."""

    def __init__(self, events: Iterator[_Event], file: str, how: Reading, text: str) -> None:
        self._text = text
        self._events = events
        self._file = file
        self._how = how
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._nodes = 0

    def document(self) -> Node:
        import yaml

        event = next(self._events)
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise InputError(Problem(f"{self._how.name} is empty", Place(self._file)))
        root = self._node(event, 1)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse("one document is enough; put a second one into a file of its own", after)
        return root

    def _node(self, event: _Event, depth: int) -> Node:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._count(1, event)
        if depth > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH} levels", event)
        if event.tag not in _TEXT_TAGS:
            self._refuse(f"tags such as {safe(event.tag, 60)} are not taken; every value is text as written", event)
        before = self._nodes
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            empty = event.style in (None, "") and event.value in self._how.empty
            node = Node(None if empty else event.value, self._place(event), lost=self._lost(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = (node, self._nodes - before + 1)
        return node

    def _lost(self, event: _Event) -> str:
        found = _TOUCHING.match(self._text, event.end_mark.index) if event.style in (None, "") else None
        return found[1] if found else ""

    def _sequence(self, start: _Event, depth: int) -> Node:
        import yaml

        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Node(tuple(items), self._place(start))

    def _mapping(self, start: _Event, depth: int) -> Node:
        import yaml

        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        twice: list[tuple[str, Place]] = []
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(f"a key must be plain text{_in_quotes(_line_of(self._text, event.start_mark))}", event)
            self._count(1, event)
            key, place = event.value, self._place(event)
            value = self._node(next(self._events), depth + 1)
            if key == "<<" and event.style in (None, ""):
                merged += value.value if isinstance(value.value, tuple) else (value,)
            elif key in entries:
                twice.append((key, place))
            else:
                entries[key], keys[key] = value, place
        for source in merged:
            self._merge(source, entries, keys)
        return Node(entries, self._place(start), keys, tuple(twice))

    def _merge(self, source: Node, entries: dict[str, Node], keys: dict[str, Place]) -> None:
        if not isinstance(source.value, dict) or source.keys is None:
            raise InputError(Problem("`<<` takes an alias of a mapping", source.place))
        for key, value in source.value.items():
            if key not in entries:
                entries[key], keys[key] = value, source.keys[key]

    def _alias(self, event: _Event) -> Node:
        if event.anchor not in self._anchors:
            self._refuse(f"alias `*{event.anchor}` names no anchor above it", event)
        known = self._anchors[event.anchor]
        if known is None:
            self._refuse(
                f"anchor `&{event.anchor}` holds itself; it must be a mapping, a list or a text that ends", event
            )
        node, weight = known
        self._count(weight, event)
        return node

    def _count(self, nodes: int, event: _Event) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse(f"more than {MAX_NODES:,} values, aliases written out; rows belong into a CSV file", event)

    def _place(self, event: _Event) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, message: str, event: _Event) -> Never:
        raise InputError(Problem(message, self._place(event)))
