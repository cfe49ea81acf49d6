"""A month of one ledger or several for finance: on whose days, under which budget, and which folders."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from batchgen import manifest, reporter
from batchgen.app.config.locate import catalogue_of, find_ledger, find_output, kept_path
from batchgen.app.output.joined import distinct, named, report_folder
from batchgen.errors import BatchgenError
from batchgen.ledger import Ledger, Month
from batchgen.model import Budget
from batchgen.money import MicroUSD
from batchgen.reporter.month import Spending
from batchgen.runtime.clock import SystemClock
from batchgen.storage import Workspace
from batchgen.storage.durable import make_root
from batchgen.storage.workspace import REPORT


@dataclass(frozen=True, slots=True)
class _File:
    """One ledger: its own path, and the output folder by which it was named first."""

    path: Path
    output: Path

    def folder(self, catalogue: str) -> Path:
        """Return the output folder that a catalogue of it stands for."""
        return (self.path.parent / catalogue).resolve()


def month(name: str, outputs: Sequence[Path | None], into: Path | None = None) -> Sequence[Path]:
    """Write what a month cost, of every ledger that these folders have; the paths written.

    A ledger that several folders share is told whole: they share its budget, too.
    """
    folders = [find_output(output) for output in outputs]
    files = tuple(
        {path.resolve(): _File(path, output) for output in folders for path in (find_ledger(output),)}.values()
    )
    alone = into is None and len(folders) == 1
    report = folders[0] / REPORT if alone else report_folder(into, folders)
    with ExitStack() as stack:
        told = Month(name)
        stack.callback(told.close)
        budgets = [_take(file, told, names) for names in (_names(files, name),) for file in files]
        if not alone:
            make_root(report.parent)
        place = Workspace(report.parent)
        return reporter.write_month(told, budgets, place, where=report.name, name=named(distinct(folders)))


def _names(files: Sequence[_File], name: str) -> Mapping[Path, str]:
    """Name every output folder of these ledgers: shortly, and by its path where two would have one name."""
    found: dict[Path, str] = {}
    for file in files:
        found[file.output.resolve()] = ""
        with _opened(file) as ledger:
            found |= {file.folder(facts.catalogue): "" for facts in ledger.budgets(name)}
    often = Counter(path.name for path in found)
    return {path: path.name if often[path.name] == 1 else str(path) for path in found}


def _take(file: _File, told: Month, names: Mapping[Path, str]) -> Spending:
    """Take the calls of one ledger in, on the days of its budget's time zone."""
    catalogues = set[str]()

    @cache
    def called(catalogue: str) -> str:
        folder = file.folder(catalogue)
        catalogues.add(known := names.get(folder, folder.name))
        return known

    with _opened(file) as ledger:
        budget = _budget(file, ledger, told.name)
        ledger.give_month(told, _zone(budget.timezone), called)
    name = names[file.output.resolve()]
    return Spending(name, budget.timezone, frozenset(catalogues), budget.day, budget.month)


def _opened(file: _File) -> Ledger:
    catalogue = catalogue_of(file.output, file.path)
    return Ledger.open(file.path, catalogue, clock=SystemClock(), readonly=True)


def _budget(file: _File, ledger: Ledger, name: str) -> Budget:
    """Return the budget that held: as a run's facts keep it, or as its manifest says; none where neither tells."""
    for facts in ledger.budgets(name):
        if facts.known:
            return _read(facts.budget)
        with suppress(BatchgenError, OSError):
            return manifest.load(kept_path(facts.manifest, file.folder(facts.catalogue))).settings.budget or Budget()
    return Budget()


def _read(kept: Mapping[str, object] | None) -> Budget:
    if not kept:
        return Budget()
    day, most = (
        MicroUSD(amount) if isinstance(amount, int) else None for amount in (kept.get("day"), kept.get("month"))
    )
    return Budget(day, most, str(kept.get("timezone", "UTC")))


def _zone(name: str) -> ZoneInfo:
    """Return a time zone; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
