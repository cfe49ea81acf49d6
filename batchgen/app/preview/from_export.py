"""`init --from`: look at an export, and write a manifest for it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import InputError, Place, Problem, StorageError
from batchgen.manifest.first_manifest import manifest_text
from batchgen.manifest.guess import Guess, Role, guess
from batchgen.manifest.names import listed
from batchgen.manifest.rows.table import Table, why_no_file
from batchgen.manifest.rows.tables import open_table

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Written:
    """The manifest that was written, and what was guessed for it."""

    path: Path
    guess: Guess
    told: tuple[Problem, ...]


def manifest_for(export: Path, folder: Path) -> Written:
    """Write a manifest for an export into a folder; InputError when there is one, or no column tells what to draw."""
    if why := why_no_file(export.name, export.parent):
        raise InputError(why)
    table = open_table(export, str(export))
    name = _NOT_IN_A_NAME.sub("-", export.stem.casefold()).strip("-") or "catalogue"
    path = folder / f"{name}.yaml"
    if path.exists() or path.is_symlink():
        raise InputError(f"{path} is there already and is not overwritten; name another folder")
    found = guess(table, folder)
    if found.of(Role.TITLE) is None:
        raise InputError(Problem(_no_title(table), Place(str(export))))
    rows = Path(os.path.relpath(export.resolve(), folder.resolve())).as_posix()
    told = tuple(problem.message for problem in table.told)
    text = manifest_text(found, file=rows, name=name, manifest=path.name, told=told)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return Written(path, found, table.told)


def _no_title(table: Table) -> str:
    columns = listed(table.columns or (), 12)
    return (
        f"no column names what to draw; there are {columns}. Name the column of product names `title` "
        "and run this again, or begin with `batchgen init`"
    )
