"""A process that makes derivatives: one task a line on stdin, one result a line on stdout. Ends with its stdin.

It knows no key, no ledger and no network, and gives way to everything else on the machine.
"""

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import StorageError
from batchgen.imaging.checks import measure
from batchgen.imaging.render import Original, UnreadableError, largest_edge
from batchgen.model import NO_CHECKS, Checks, Measured, Recipe
from batchgen.model.plain import dump, load
from batchgen.storage import Workspace
from batchgen.storage.derived import DERIVATIVES, Derived

NICE = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """A derivative to make: the recipe, its hash, and the file's path."""

    recipe: Recipe
    digest: str
    path: str


@dataclass(frozen=True, slots=True)
class Task:
    """Everything to make of, and to measure on, one image; `file` is a copy of it on this machine."""

    root: str
    source: str
    sha256: str
    wishes: tuple[Wish, ...] = ()
    checks: Checks = NO_CHECKS
    file: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of an image and measured on it, and why the rest was not."""

    source: str
    sha256: str
    derived: tuple[Derived, ...] = ()
    why: str = ""
    measured: Measured | None = None


def make(task: Task) -> Made:
    """Make the derivatives of one image. Blocks."""
    workspace = Workspace(Path(task.root))
    made: list[Derived] = []
    measured: Measured | None = None
    whys: list[str] = []
    try:
        with os.fdopen(os.open(task.file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            recipes = tuple(wish.recipe for wish in task.wishes)
            original = Original(file, edge=None if task.checks else largest_edge(recipes))
        if task.checks:
            measured = measure(original.image, task.checks)
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything, and the next image is another matter
        return Made(task.source, task.sha256, why=_why(error))
    for wish in task.wishes:
        try:
            done = original.derive(wish.recipe)
            workspace.make(f"{DERIVATIVES}/{wish.recipe.name}")
            workspace.write(wish.path, done.data, durable=False)
        except Exception as error:  # noqa: BLE001 - an encoder may raise anything, and the next recipe is another matter
            whys.append(_why(error))
        else:
            about = (wish.recipe.name, wish.digest, task.source, task.sha256, wish.path, len(done.data))
            made.append(Derived(*about, done.width, done.height, tuple(flag.value for flag in done.flags)))
    return Made(task.source, task.sha256, tuple(made), "; ".join(dict.fromkeys(whys)), measured)


def _why(error: Exception) -> str:
    """Say why something could not be made."""
    if isinstance(error, StorageError | UnreadableError | OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return f"it cannot be made: {str(error) or type(error).__name__}"


def main() -> None:
    """Work until stdin ends; interrupts are for the run, which closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICE)
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        out.write(dump(make(load(Task, line.decode()))).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
