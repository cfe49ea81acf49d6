"""docs/architecture.md speaks of what there is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import batchgen

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
FOREIGN = frozenset({"at"})
"""What stands in code type and is a word of its own: the name of a parameter."""


def names() -> Iterator[str]:
    """Every name in code type, outside the drawn blocks."""
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    for name in re.findall(r"`([^`]+)`", prose):
        yield from (part for part in re.split(r" -> |, ", name) if part)


def known() -> set[str]:
    """Names of modules, of what they define, and of members of classes; tables and columns of the ledger."""
    found = set[str]()
    for module in pkgutil.walk_packages(batchgen.__path__, "batchgen."):
        if module.name == "batchgen.__main__":
            continue
        loaded = importlib.import_module(module.name)
        found |= {module.name, module.name.removeprefix("batchgen."), module.name.rpartition(".")[2]}
        for name, value in vars(loaded).items():
            found |= {name, f"{module.name.rpartition('.')[2]}.{name}"}
            if isinstance(value, type) and value.__module__.startswith("batchgen"):
                members = {*vars(value), *getattr(value, "__annotations__", {})}
                found |= members | {f"{name}.{member}" for member in members}
    return found


def test_every_name_of_the_page_resolves() -> None:
    """Names in code type are files and folders, modules, classes, functions, members, tables or columns."""
    there, schema = known(), "".join(path.read_text("utf-8") for path in ROOT.glob("batchgen/**/*.sql"))
    floors = (ROOT / ".importlinter").read_text("utf-8")
    lost = [
        name
        for name in names()
        if re.sub(r"\(.*\)$", "", name) not in there | FOREIGN
        and not any((base / name).exists() for base in (ROOT, ROOT / "batchgen"))
        and not all(word in schema for word in name.split("."))
        and f"contract:{name}" not in floors
        and not (name.endswith("/") and name in PAGE)
        and not name.startswith("make ")
        and not hasattr(batchgen, name.removeprefix("batchgen."))
    ]
    assert lost == []


def test_every_floor_of_the_page_is_guarded() -> None:
    """The drawn floors are those that import-linter guards, in the same order."""
    drawn = re.findall(r"^([a-z_]+(?: \| [a-z_]+)*)", PAGE.split("```")[1], flags=re.MULTILINE)
    guarded = (ROOT / ".importlinter").read_text("utf-8").split("layers =\n")[1].split("\n\n")[0]
    assert drawn == [line.strip() for line in guarded.splitlines()]


def test_each_room_of_app_is_on_the_page_and_has_a_dozen_modules_at_most() -> None:
    """A room that grows beyond that holds two subjects."""
    rooms = {path.parent for path in (ROOT / "batchgen" / "app").glob("*/__init__.py")}
    assert [room.name for room in rooms if f"| `batchgen.app.{room.name}` |" not in PAGE] == []
    sizes = {room.name: len({*room.glob("*.py")}) - 1 for room in rooms}
    assert {name: size for name, size in sizes.items() if size > 12} == {}
