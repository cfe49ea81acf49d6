"""Who waits for what: jobs that a run does not start although nothing is wrong with them, by what they wait for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchgen.model import ReasonCode
from batchgen.planner.chain import until_approved
from batchgen.planner.pairing import Planned

MOST_GROUPS = 20
MOST_NAMED = 5
BY_PEOPLE = frozenset({ReasonCode.CANARY, ReasonCode.ANCHOR})
"""What keeps a run from its end (exit status 4): previews are an end of their own."""
_LOOK = "approve them in batchgen view, or with batchgen review FILE after a look at the report"
HOW: Mapping[ReasonCode, str] = {
    ReasonCode.PREVIEW: _LOOK,
    ReasonCode.CANARY: f"{_LOOK}; the same command draws the rest",
    ReasonCode.ANCHOR: f"{_LOOK}; the same command draws the rest",
}
"""What lets jobs start that wait."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs that wait: the code, the first jobs that they wait for, how many jobs and images, and why."""

    code: ReasonCode
    awaited: tuple[str, ...]
    jobs: int
    images: int
    why: str


def as_facts(one: Waiting) -> dict[str, Any]:
    """Return the keys that scripts rely on."""
    facts = {"code": one.code.value, "jobs": one.jobs, "images": one.images, "for": list(one.awaited)}
    return {**facts, "why": one.why, "next": HOW.get(one.code, "")}


@dataclass(slots=True)
class _Group:
    why: str
    jobs: int = 0
    images: int = 0
    awaited: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class WaitingTally:
    """Counts jobs that wait: those of one template together, and those that wait for approval together."""

    _groups: dict[tuple[ReasonCode, tuple[str, ...]], _Group] = field(default_factory=dict)

    def add(self, item: Planned) -> None:
        """Take a job, if it waits."""
        if not item.waits:
            return
        key = (item.waits, item.awaited if item.waits is ReasonCode.CANARY else ())
        if key not in self._groups and len(self._groups) >= MOST_GROUPS:
            key = (item.waits, ())
        group = self._groups.setdefault(key, _Group(item.why if key[1] else ""))
        group.jobs += 1
        group.images += len(item.later)
        if len(group.awaited) <= MOST_NAMED:
            group.awaited.update(dict.fromkeys(item.awaited[:MOST_NAMED]))

    def total(self) -> tuple[Waiting, ...]:
        """Return the groups, the largest first."""
        found = []
        for (code, _), group in self._groups.items():
            names, more = tuple(group.awaited)[:MOST_NAMED], len(group.awaited) > MOST_NAMED
            why = group.why or until_approved(names) + (" and others" if more else "")
            found.append(Waiting(code, names, group.jobs, group.images, why))
        return tuple(sorted(found, key=lambda one: (-one.jobs, one.code, one.awaited)))
