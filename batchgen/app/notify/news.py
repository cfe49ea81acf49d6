"""What is new in a run: what an earlier run told, and what has not changed since, is no news."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from batchgen.errors import Exit
from batchgen.ledger import Ledger
from batchgen.model import OutcomeKind

TROUBLE = frozenset(OutcomeKind) - {OutcomeKind.DONE, OutcomeKind.SUBMITTED}
STANDING = frozenset({Exit.SOME_FAILED, Exit.LIMIT, Exit.HELD, Exit.SUBMITTED})
"""Exit statuses of runs that tell what stands as it stood; any other is news whenever it comes."""


@dataclass
class News:
    """The troubles of one run of a manifest. `rejected` says why rows of it were left out."""

    ledger: Ledger
    run_id: str
    manifest: str
    rejected: tuple[str, ...] = ()
    strict: bool = False
    accepted: Counter[OutcomeKind] = field(default_factory=Counter)
    _fresh: list[tuple[OutcomeKind, str]] = field(default_factory=list)
    _found: list[tuple[OutcomeKind, str]] = field(default_factory=list)

    def asked(self, kind: OutcomeKind, key: str) -> None:
        """Take how a job ended for which this run asked: its trouble is new."""
        if kind in TROUBLE:
            self._fresh.append((kind, f"{kind} {key}"))

    def found(self, kind: OutcomeKind, key: str, *, accepted: bool = False) -> None:
        """Take how a job stands for which this run asks nothing; `accepted`: a person takes its trouble."""
        if accepted:
            self.accepted[kind] += 1
        elif kind in TROUBLE:
            self._found.append((kind, f"{kind} {key}"))

    def old(self) -> Counter[OutcomeKind]:
        """Count the jobs that failed as an earlier run told by exit status 3, and those that a person accepted."""
        failed = () if self.strict else [pair for pair in self._found if pair[0] is not OutcomeKind.HELD]
        told = (kind for kind, subject in failed if self._by_failures(subject))
        return self.accepted + Counter(told)

    @property
    def some_rejected(self) -> bool:
        """Whether rows were left out that no run told by exit status 3."""
        return any(self.strict or not self._by_failures(subject) for subject in self._rows)

    def is_news(self, status: Exit) -> bool:
        """Whether somebody has to hear of a run that ends like this."""
        if self.strict or status not in STANDING or status is Exit.SOME_FAILED:
            return status is not Exit.OK
        open_, fresh, found = OutcomeKind.NOT_STARTED, self._fresh, self._found
        if any(kind is not open_ for kind, _ in fresh) or self._before != status is Exit.LIMIT:
            return True
        return any(
            subject not in self._told for subject in (*(s for kind, s in found if kind is not open_), *self._rows)
        )

    def keep(self, status: Exit) -> None:
        """Write down what a run that ends like this tells."""
        if status not in STANDING:
            return
        jobs = (*self._fresh, *self._found)
        over = status is Exit.SOME_FAILED
        told = (subject for kind, subject in jobs if over or kind is not OutcomeKind.NOT_STARTED)
        self.ledger.told.keep(status, (*told, *self._rows))

    @cached_property
    def _rows(self) -> tuple[str, ...]:
        """Name rows by why they were left out, and not by their lines, which move when others are added."""
        return tuple(_numbered(f"row {self.manifest}", self.rejected))

    @cached_property
    def _told(self) -> Mapping[str, frozenset[int]]:
        return self.ledger.told.among((*(subject for _, subject in self._found), *self._rows))

    @cached_property
    def _before(self) -> int | None:
        """The exit status of the run of this manifest before this one."""
        runs = (run for run in self.ledger.runs.latest_first() if run.manifest == self.manifest)
        return next((run.exit_code for run in runs if run.run_id != self.run_id), None)

    def _by_failures(self, subject: str) -> bool:
        return Exit.SOME_FAILED in self._told.get(subject, ())


def _numbered(head: str, whys: Iterable[str]) -> Iterator[str]:
    count = Counter[str]()
    for why in whys:
        mark = sha256(why.encode(errors="replace")).hexdigest()[:16]
        count[mark] += 1
        yield f"{head} {mark} {count[mark]}"
