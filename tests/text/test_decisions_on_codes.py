"""Nobody decides on words: what code asks of a reason, a message or a sentence is its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import batchgen

ROOT = Path(batchgen.__file__).parent
SENTENCES = frozenset({"reason", "why", "words", "what", "detail", "message"})
SEARCHES = frozenset(
    {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "find", "index"}
)
SPOKEN_SQL = re.compile(
    r"\b(reason_detail|reason|why|message)\b[^,()]*\b(LIKE|GLOB|MATCH|instr|substr)\b", re.IGNORECASE
)
ALLOWED = frozenset(
    {
        # Words of a provider may repeat a prompt: what comes after our own is cut off before it is told to others.
        "app/notify/message.py",
    }
)


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module of some rooms, or of all of batchgen but the mock, which stands for others."""
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(rooms or "") and not name.startswith("mock/") and name not in ALLOWED:
            yield name, ast.parse(path.read_text("utf-8"))


def named(node: ast.expr) -> str:
    """Check that the last name of an expression: `slot.reason` is a reason; `words` alone may be any words."""
    match node:
        case ast.Attribute(attr=name):
            return name
        case ast.Name(id="reason" | "why" as name):
            return name
        case _:
            return ""


def test_no_sentence_is_searched() -> None:
    """Neither by its beginning, its end or its parts, nor by what stands in it."""
    found = []
    for name, tree in modules():
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.expr)):
            match node:
                case ast.Call(func=ast.Attribute(attr=search, value=value)) if search in SEARCHES:
                    searched = named(value) in SENTENCES
                case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[where]):
                    searched = named(where) in SENTENCES
                case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=str())]):
                    searched = named(left) in SENTENCES
                case _:
                    searched = False
            if searched:
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert not found, found


def test_no_sentence_is_searched_in_sql() -> None:
    """Columns of codes are compared; only a migration reads old words."""
    found = [
        f"{name}:{node.lineno}: {node.value}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SPOKEN_SQL.search(node.value)
    ]
    assert not found, found


def test_places_of_superseded_images_are_not_told_from_their_paths() -> None:
    """The ledger has a column for it."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules("ledger/", "reporter/", "engine/", "planner/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"(<|>|=|LIKE|GLOB|startswith)\s*'?\(?[\"']?(superseded|images)/", node.value)
    ]
    assert not found, found
