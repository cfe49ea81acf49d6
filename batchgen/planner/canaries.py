"""The first jobs of each template are drawn; the others wait for what comes of them: a canary in a mine."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from batchgen.ledger import Begun, Ledger
from batchgen.model import Canary, CanaryUntil, Job, ReasonCode
from batchgen.planner.pairing import Planned, waiting

MOST_NAMED = 3
"""Canaries that are named to people."""


@dataclass
class Canaries:
    """Holds jobs back whose template has not proved itself.

    `closed` are templates that have not, each with those of its jobs that were begun and are still wanted. What may
    start is fixed when it is first asked for: the same jobs are let through however often a plan is made. Without a
    `rule` nothing is held back; `checks` is the hash of those that count.
    """

    rule: Canary | None = None
    checks: str = ""
    open: frozenset[str] = frozenset()
    closed: Mapping[str, Sequence[Begun]] = field(default_factory=dict)
    _chosen: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def of(cls, rule: Canary | None, ledger: Ledger, checks: str, jobs: Callable[[], Iterable[Job]]) -> "Canaries":
        """Read how the templates stand. Blocks.

        `jobs` are walked once where a template was begun and has not proved itself: rows that are gone count no more.
        """
        if rule is None:
            return cls()
        begun = ledger.canaries.begun(rule.until, checks)
        proved = frozenset(template for template, some in begun.items() if is_proved(rule, some))
        closed = {template: some for template, some in begun.items() if template not in proved}
        if closed:
            names = {template: {one.id for one in some} for template, some in closed.items()}
            there = {(job.template, job.id) for job in jobs() if job.id in names.get(job.template, ())}
            closed = {
                template: tuple(one for one in some if (template, one.id) in there) for template, some in closed.items()
            }
        return cls(rule, checks, proved, closed)

    def hold(self, item: Planned) -> Planned:
        """Give a job as it is planned, or as one that waits."""
        job = item.job
        if not item.slots or self.may_start(job):
            return item
        why, names = self.why(job.template)
        return waiting(item, ReasonCode.CANARY, why, names)

    def may_start(self, job: Job) -> bool:
        """Whether a job is one of the first of its template, or its template has proved itself."""
        if self.rule is None or not self.is_closed(job.template):
            return True
        begun, chosen = self.closed.get(job.template, ()), self._chosen[job.template]
        if job.id in chosen or any(one.id == job.id for one in begun):
            return True
        if len(begun) + len(chosen) >= self.rule.first:
            return False
        chosen[job.id] = None
        return True

    def why(self, template: str) -> tuple[str, tuple[str, ...]]:
        """Say for what the jobs of a template wait, and name its canaries that are not taken yet."""
        assert self.rule is not None, "nothing waits without one"
        begun = self.closed.get(template, ())
        rejected = tuple(one.id for one in begun if one.rejected)
        left = (*(one.id for one in begun if not one.taken), *self._chosen[template])
        if rejected:
            verb = "was" if len(rejected) == 1 else "were"
            return f"waits: {_listed(rejected)} of its template {verb} rejected", rejected
        until = "are approved" if self.rule.until is CanaryUntil.APPROVED else "pass the checks"
        return f"waits until {_listed(left)} of its template {until}", left

    def is_closed(self, template: str) -> bool:
        """Whether jobs of a template wait for its first ones."""
        return self.rule is not None and bool(template) and template not in self.open

    def unmeasured(self, ledger: Ledger, template: str) -> tuple[str, ...]:
        """Name images of a template, by hash, at which no check has looked yet. Blocks."""
        assert self.rule is not None, "nothing waits without one"
        begun = ledger.canaries.begun(self.rule.until, self.checks, [template]).get(template, ())
        return tuple(sha256 for one in begun for sha256 in one.unmeasured)

    def look(self, ledger: Ledger) -> None:
        """See whether templates for which jobs wait have proved themselves meanwhile. Blocks."""
        left = [template for template in {**self.closed, **self._chosen} if template not in self.open]
        if self.rule is None or not left:
            return
        begun = ledger.canaries.begun(self.rule.until, self.checks, left)
        self.open |= frozenset(template for template, some in begun.items() if is_proved(self.rule, some))


def is_proved(rule: Canary, begun: Sequence[Begun]) -> bool:
    """Whether as many jobs of a template are taken as are drawn first."""
    return sum(one.taken for one in begun) >= rule.first


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
