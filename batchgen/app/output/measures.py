"""What a run makes of its images and measures on them, while it draws and when it ends; what is measured is kept."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

from batchgen.app.config.project import Project
from batchgen.app.output.derive import NO_PIXELS, Deriver, DeriveResult, Reference, sources
from batchgen.errors import Problem, Severity
from batchgen.imaging.checks import duplicates
from batchgen.imaging.digest import digest
from batchgen.imaging.measures import differing
from batchgen.ledger import Ledger
from batchgen.model import Checks, FileImage, Measured, Settings
from batchgen.storage import ImageStore, Workspace
from batchgen.text import counted


@dataclass
class RunDerivatives:
    """The derivatives and measures of one run's output. `anew`: some of them changed in this run."""

    ledger: Ledger
    settings: Settings
    deriver: Deriver
    result: DeriveResult = field(default_factory=DeriveResult)
    anew: bool = False

    @classmethod
    def of(cls, project: Project, workspace: Workspace, store: ImageStore, ledger: Ledger) -> Self:
        """Begin with what the ledger knows of measures."""
        settings = project.settings
        known = ledger.measures.known(digest(settings.checks)) if settings.checks else ()
        return cls(ledger, settings, Deriver(workspace, store, settings.derivatives, settings.checks, known))

    def complete(self, *, earlier: bool) -> None:
        """Make what is missing, also of `earlier` runs' images, and keep what was measured."""
        settings = self.settings
        if settings.derivatives or settings.checks:
            there = sources(self.ledger)
            if settings.checks.duplicate:
                self.deriver.look_at(reference for _, used in edited(self.ledger) for reference in used)
            self.result = self.deriver.complete(there, there if earlier else ())
        changed = keep_measures(self.ledger, settings.checks, self.result.measured)
        self.anew = changed or bool(self.result.made)

    def problems(self) -> Iterator[Problem]:
        """Say which derivatives could not be made; the images themselves are there."""
        failed = self.result.failed
        if failed:
            path, why = failed[0]
            first = f"{counted(len(failed), 'image')} without all derivatives and checks; the first: {path}: {why}"
            again = "; the next run tries again" if any(why != NO_PIXELS for _, why in failed) else ""
            yield Problem(f"{first}{again}", None, Severity.WARNING)


def keep_measures(ledger: Ledger, checks: Checks, measured: Mapping[str, Measured]) -> bool:
    """Write down what was measured, and which images look like others of their group; whether anything is new.

    Without checks, what was measured is forgotten.
    """
    if not checks:
        return ledger.measures.forget()
    new = ledger.measures.keep(digest(checks), measured.items())
    groups = defaultdict[str, dict[str, str]](dict)
    if checks.duplicate is not None:
        for row in ledger.report_rows.measured():
            if value := dict(json.loads(row.tags)).get(checks.duplicate.within):
                groups[value][row.sha256] = row.looks
    bits = checks.duplicate.bits if checks.duplicate else 0
    alike = chain(*(duplicates(group, bits) for group in groups.values()), unchanged(ledger, checks))
    return ledger.measures.mark_alike(alike) or new


def unchanged(ledger: Ledger, checks: Checks) -> Iterator[str]:
    """Name the edited images, by hash, that look like what they were drawn from."""
    edits = list(edited(ledger)) if checks.duplicate else []
    seen = ledger.measures.looks({sha256 for image, used in edits for sha256 in (image, *(one.sha256 for one in used))})
    bits = checks.duplicate.bits if checks.duplicate else 0
    for image, used in edits:
        looks = [int(seen[one.sha256], 16) for one in used if one.sha256 in seen]
        if image in seen and any(differing(int(seen[image], 16), other) <= bits for other in looks):
            yield image


def edited(ledger: Ledger) -> Iterator[tuple[str, list[Reference]]]:
    """Give the stored images, by hash, that were drawn from files, and these files."""
    for sha256, request in ledger.report_rows.edited():
        yield sha256, [Reference(one.path, one.sha256) for one in request.images if isinstance(one, FileImage)]
