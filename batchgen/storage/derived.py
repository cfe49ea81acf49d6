"""Which derivatives there are, of which image and by which recipe: a list beside them, one JSON object a line."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

from batchgen.errors import StorageError
from batchgen.storage.workspace import Workspace

DERIVATIVES = "derivatives"
LIST = ".derived.jsonl"
PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivative: the recipe's name and hash, the image it was made of, its own file, and what is odd about it.

    Paths are relative to the output folder.
    """

    name: str
    recipe: str
    source: str
    sha256: str
    path: str
    bytes: int
    width: int
    height: int
    flags: tuple[str, ...] = ()

    @property
    def format(self) -> str:
        """Its format, by its extension."""
        extension = self.path.rpartition(".")[2]
        return "jpeg" if extension == "jpg" else extension


class DerivedList:
    """The derivatives of one name, as their list tells them; the last line about an image stands."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Read the list; lines that were cut off or spoiled tell nothing, and what they told of is made again."""
        self._workspace = workspace
        self._path = f"{DERIVATIVES}/{name}/{LIST}"
        self._file: BinaryIO | None = None
        self.by_source = {derived.source: derived for derived in read(workspace, name)}
        self.owners = {derived.path: derived.source for derived in read(workspace, name, planned=True)}
        """Whose derivative stands, or is about to stand, at a path."""

    def plan(self, derived: Derived) -> None:
        """Write down that a file is about to be made: whatever stands there afterwards is ours."""
        self._write({PLANNED: True, **asdict(derived)})
        self.owners[derived.path] = derived.source

    def add(self, derived: Derived) -> None:
        """Write a derivative down, in place of what was made of its image before."""
        self._write(asdict(derived))
        self.by_source[derived.source] = derived

    def _write(self, line: Mapping[str, object]) -> None:
        if self._file is None:
            self._workspace.make(self._path.rpartition("/")[0])
            self._file = self._workspace.append(self._path)
            self._file.write(b"\n")  # a line that a crash cut off ends here
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def forget(self, source: str) -> None:
        """Take a derivative from the list, and its file away."""
        derived = self.by_source.pop(source)
        self.owners.pop(derived.path, None)
        self._workspace.remove(derived.path)

    def close(self, *, compact: bool = False) -> None:
        """End writing; with `compact`, the list is written anew with what is true."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if compact:
            lines = (json.dumps(asdict(derived), separators=(",", ":")) for derived in self.by_source.values())
            self._workspace.write(self._path, "".join(f"{line}\n" for line in lines).encode())


@dataclass(frozen=True, slots=True)
class Derivatives:
    """The derivatives of one output, or of several that are told of together.

    With each workspace stands how its images, and its own files, are named.
    """

    outputs: tuple[tuple[Workspace, Callable[[str], str], Callable[[str], str]], ...]

    @classmethod
    def of(cls, workspace: Workspace) -> "Derivatives":
        """Return those of one output, by their own paths."""
        return cls(((workspace, str, str),))

    def names(self) -> tuple[str, ...]:
        """Name the recipes of which there are derivatives."""
        return tuple(dict.fromkeys(name for workspace, _, _ in self.outputs for name in names(workspace)))

    def read(self, name: str) -> Iterator[Derived]:
        """Give the derivatives of one name; later ones of an image stand above earlier ones."""
        for workspace, image, file in self.outputs:
            for one in read(workspace, name):
                yield replace(one, source=image(one.source), path=file(one.path))


def names(workspace: Workspace) -> tuple[str, ...]:
    """Name the recipes of which there are derivatives."""
    with suppress(StorageError):
        return tuple(name for name in workspace.names(DERIVATIVES) if workspace.exists(f"{DERIVATIVES}/{name}/{LIST}"))
    return ()


def read(workspace: Workspace, name: str, *, planned: bool = False) -> Iterator[Derived]:
    """Give the derivatives of one name, as they were made; later ones of an image stand above earlier ones.

    With `planned`, also those that were about to be made.
    """
    path = f"{DERIVATIVES}/{name}/{LIST}"
    if not workspace.exists(path):
        return
    with workspace.open(path) as lines:
        for line in lines:
            with suppress(ValueError, TypeError, RecursionError):
                told = json.loads(line)
                only_planned = told.pop(PLANNED, False)
                derived = Derived(**{**told, "flags": tuple(told["flags"])})
                if only_planned and not planned:
                    continue
                if derived.path.startswith(f"{DERIVATIVES}/{name}/") and ".." not in derived.path.split("/"):
                    yield derived
