"""One report over several outputs, each read and none changed."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from batchgen import reporter
from batchgen.app.config.locate import catalogue_of, find_ledger, find_output
from batchgen.app.output.maintain import opened
from batchgen.errors import Exit, InputError, StorageError
from batchgen.ledger import Joining, Ledger
from batchgen.runtime.clock import SystemClock
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.derived import Derivatives
from batchgen.storage.durable import make_root
from batchgen.storage.workspace import LEDGER, REPORT, RUNS
from batchgen.text import counted

ORDER = (
    *(Exit.BUG, Exit.SIGINT, Exit.SIGTERM, Exit.STORAGE, Exit.ACCOUNT, Exit.LIMIT, Exit.UNAVAILABLE, Exit.HELD),
    *(Exit.SUBMITTED, Exit.SOME_FAILED),
)
"""Which exit status stands where several runs have one each."""
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One output of several: where its images are as seen from the report of all, and their store."""

    prefix: str
    store: ImageStore

    def place(self, path: str) -> str:
        """Say where a path of this output is."""
        return f"{self.prefix}/{path}" if self.prefix else path


@dataclass(frozen=True, slots=True)
class Parts:
    """The images of several outputs, by where the report says they are."""

    parts: Sequence[Part]

    def open(self, path: str) -> BinaryIO:
        """Open an image of one of them."""
        for part in sorted(self.parts, key=lambda part: -len(part.prefix)):
            if path.startswith(part.place("")):
                try:
                    return part.store.open(path.removeprefix(part.place("")))
                except StorageError:
                    continue
        raise StorageError(f"{path}: not there")


def distinct(outputs: Iterable[Path]) -> Sequence[Path]:
    """Return output folders, each once however it is named; InputError names one that is none, or has no ledger."""
    found: dict[tuple[Path, str], Path] = {}
    for output in outputs:
        ledger = find_ledger(find_output(output))
        found.setdefault((ledger.resolve(), catalogue_of(output, ledger)), output)
    return tuple(found.values())


def join(outputs: Sequence[Path], into: Path | None = None) -> Sequence[Path]:
    """Write one report over several outputs; the paths written."""
    folders = distinct(outputs)
    report = report_folder(into, folders)
    with joined(folders, report.parent) as (ledger, images, derivatives):
        name = named(folders)
        make_root(report.parent)
        place = reporter.Joined(report.name, name, derivatives)
        written = reporter.write(ledger, Workspace(report.parent), images, joined=place)
    return written.files


def report_folder(into: Path | None, outputs: Sequence[Path]) -> Path:
    """Return the folder of a report over several outputs; InputError where it would take the place of something."""
    report = Path(os.path.abspath(into or REPORT))  # noqa: PTH100 - a link is seen, and refused, where it is entered
    if not report.name:
        raise InputError(f"{report} cannot hold a report: choose a folder with --output")
    if any(os.path.lexists(report / name) for name in (LEDGER, RUNS)):
        raise InputError(f"{report} is an output folder itself: choose another --output for the joined report")
    if any(report == Path(os.path.abspath(output)) / REPORT for output in outputs):  # noqa: PTH100
        raise InputError(f"{report} is the report of one of these folders: choose another place with --output")
    return report


def named(outputs: Sequence[Path]) -> str:
    """Name several outputs, for people."""
    names = [output.resolve().name for output in outputs]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def worst(statuses: Iterable[int]) -> int:
    """Return the exit status that says most of several."""
    there = set(statuses)
    return next((int(status) for status in ORDER if status in there), max(there, default=0))


@contextmanager
def joined(outputs: Sequence[Path], beside: Path) -> Iterator[tuple[Ledger, Parts, Derivatives]]:
    """Bring the rows of all together; paths are as seen from the folder `beside`. Ledgers are read one by one."""
    parts: list[Part] = []
    derived: list[tuple[Workspace, Callable[[str], str], Callable[[str], str]]] = []
    with ExitStack() as stack:
        joining = Joining(SystemClock())
        stack.callback(joining.close)
        for output in outputs:
            with opened(output, readonly=True) as (ledger, workspace, store):
                part = Part(_prefix(output, ledger.stores.address(), beside), store)
                ledger.give(joining, part.place)
            parts.append(part)
            here = os.path.relpath(output.resolve(), beside.resolve())
            derived.append((workspace, part.place, Part(here, store).place))
        why = f"{counted(len(outputs), 'folder')} together"
        yield Ledger.joined(joining, why, worst), Parts(parts), Derivatives(tuple(derived))


def _prefix(output: Path, address: str, beside: Path) -> str:
    """Say where the images of an output are, as seen from a folder; nothing for what is not on this machine."""
    if not address:
        return os.path.relpath(output.resolve(), beside.resolve())
    if address.startswith("file:"):
        return os.path.relpath(Path(unquote(urlsplit(address).path)).resolve(), beside.resolve())
    return ""
