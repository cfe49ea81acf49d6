"""Where a run stands, told a few times a second at most, and written to `status.json` every second."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from batchgen.app.watch import Progress
from batchgen.model import Outcome, OutcomeKind
from batchgen.money import ZERO, MicroUSD
from batchgen.runtime.clock import Clock

WINDOW = 60.0
"""Seconds over which the rate is measured."""
DRAWING, AT_PROVIDER = "drawing", "waiting for batches"
AT_WORK = frozenset({DRAWING, AT_PROVIDER})
"""States of a run that asks for images."""


@dataclass
class Meter:
    """Counts what a run does; `snapshot` is what people see.

    `under_way` holds the job, and `reserved` the money, of every call that was sent and is neither settled nor pending;
    `changed` is when anything last happened.
    """

    clock: Clock
    jobs_total: int | None = None
    images_wanted: int = 0
    cap: MicroUSD | None = None
    state: str = "reading the manifest"
    images_stored: int = 0
    retries: int = 0
    spent: MicroUSD = ZERO
    outcomes: Counter[OutcomeKind] = field(default_factory=Counter)
    done_before: int = 0
    changed: float = 0.0
    paused: bool = False
    under_way: dict[str, str] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    _stored_at: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.changed = self.clock.monotonic()

    def note(self, event: str, facts: dict[str, Any]) -> None:
        """Take an event of the run."""
        now = self.changed = self.clock.monotonic()
        if event == "dispatched":
            self.under_way[facts["attempt"]] = facts["job"]
            self.reserved[facts["attempt"]] = facts.get("reserved_micro_usd", 0)
            self.retries += facts["purpose"] != "first"
        if event in {"settled", "pending"}:
            self.under_way.pop(facts["attempt"], None)
            self.reserved.pop(facts["attempt"], None)
        if event in {"settled", "downloaded", "recovered"}:
            self.images_stored += facts.get("pictures", 0)
            self.spent = MicroUSD(self.spent + facts.get("cost_micro_usd", 0))
        if event in {"settled", "downloaded"}:  # what a run before drew says nothing of how fast this one draws
            self._stored_at.append((now, self.images_stored))
            while self._stored_at and self._stored_at[0][0] < now - WINDOW:
                self._stored_at.popleft()

    def grow(self, images: int) -> None:
        """Take that a job can start which waited when the run was planned."""
        self.jobs_total = (self.jobs_total or 0) + 1
        self.images_wanted += images

    def done(self, outcome: Outcome) -> None:
        """Take a finished job."""
        self.outcomes[outcome.kind] += 1
        self.changed = self.clock.monotonic()

    def snapshot(self, in_flight: int) -> Progress:
        """Where the run stands now."""
        rate = self._rate()
        left = self.images_wanted - self.images_stored
        return Progress(
            jobs_done=self.done_before + self.outcomes.total(),
            jobs_total=self.jobs_total,
            images_stored=self.images_stored,
            images_wanted=self.images_wanted,
            spent=self.spent,
            cap=self.cap,
            images_per_minute=rate,
            eta_seconds=left / rate * 60 if rate and left > 0 else None,
            retries=self.retries,
            in_flight=in_flight,
            state="paused" if self.paused and self.state in AT_WORK else self.state,
            failed=self.outcomes[OutcomeKind.FAILED],
            moderated=self.outcomes[OutcomeKind.MODERATED],
        )

    def _rate(self) -> float:
        if len(self._stored_at) < 2:
            return 0.0
        (first, before), (last, now) = self._stored_at[0], self._stored_at[-1]
        return (now - before) / (last - first) * 60 if last > first else 0.0


def as_json(progress: Progress) -> dict[str, Any]:
    """Return the keys of `status.json`; money in micro-dollars."""
    facts = asdict(progress)
    facts["spent_micro_usd"] = facts.pop("spent")
    facts["cap_micro_usd"] = facts.pop("cap")
    return facts


def from_json(facts: Mapping[str, Any]) -> Progress:
    """Read the keys of `status.json` back; what an older one does not say is nothing."""
    money = {"spent": facts.get("spent_micro_usd"), "cap": facts.get("cap_micro_usd")}
    known = {name: value for name, value in {**facts, **money}.items() if value is not None}
    return Progress(**{one.name: known[one.name] for one in fields(Progress) if one.name in known})
