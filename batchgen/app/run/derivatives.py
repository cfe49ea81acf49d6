"""What a run makes of its images: derivatives and measures, while it draws and when it ends."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from batchgen.app.config.project import Project
from batchgen.app.output.derive import NO_PIXELS, Deriver, DeriveResult, edited, keep_measures, sources
from batchgen.errors import Problem, Severity
from batchgen.imaging.digest import digest
from batchgen.ledger import Ledger
from batchgen.model import Settings
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
