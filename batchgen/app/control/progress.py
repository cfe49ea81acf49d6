"""Where a run stands, told a few times a second at most, and written to `status.json` every second."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from typing import Any

from batchgen.app.watch import Progress
from batchgen.model import Outcome, OutcomeKind
from batchgen.money import ZERO, MicroUSD
from batchgen.runtime.clock import Clock
from batchgen.text import counted, safe

WINDOW = 60.0
"""Seconds over which the rate is measured."""
DRAWING, AT_PROVIDER = "drawing", "waiting for batches"
MOST_TROUBLES = 6
AT_WORK = frozenset({DRAWING, AT_PROVIDER})
"""States of a run that asks for images."""


@dataclass(frozen=True, slots=True)
class BatchAway:
    """A batch at its provider: how far it is, as the provider told it last."""

    id: str
    provider_id: str
    provider: str
    model: str
    state: str
    lines: int
    completed: int
    failed: int


@dataclass
class Meter:
    """Counts what a run does; `snapshot` is what people see.

    `under_way` holds the job, and `reserved` the money, of every call that was sent and is neither settled nor pending;
    `changed` is when anything last happened. `expected` and `high` are what the plan says of the whole run.
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
    troubles: Counter[tuple[str, int]] = field(default_factory=Counter)
    batches: dict[str, BatchAway] = field(default_factory=dict)
    under_way: dict[str, str] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    expected: int = 0
    high: int = 0
    _begun: float = 0.0
    _charged_high: int = 0
    out: dict[str, str] = field(default_factory=dict)
    _drew: Counter[str] = field(default_factory=Counter)
    _paid: Counter[str] = field(default_factory=Counter)
    _stored_at: deque[tuple[float, int]] = field(default_factory=deque)
    _lately: int = 0
    _since: float | None = None

    def __post_init__(self) -> None:
        self._begun = self.changed = self.clock.monotonic()

    def note(self, event: str, facts: dict[str, Any]) -> None:
        """Take an event of the run."""
        now = self.changed = self.clock.monotonic()
        if event == "dispatched":
            self._since = now if self._since is None else self._since
            self.under_way[facts["attempt"]] = facts["job"]
            self.reserved[facts["attempt"]] = facts.get("reserved_micro_usd", 0)
            self.retries += facts["purpose"] != "first"
        elif event == "settled":
            self._end_call(facts)
            if not facts.get("pictures") and facts.get("state") != "settled":
                self.troubles[facts.get("code", ""), facts.get("status") or 0] += 1
            self._take(facts, now)
        else:
            self._note_other(event, facts, now)

    def _note_other(self, event: str, facts: dict[str, Any], now: float) -> None:
        """Take an event that is not the beginning or the end of a call."""
        match event:
            case "pending":
                self._end_call(facts)
            case "downloaded":
                self._take(facts, now)
            case "recovered":
                self._take(facts, None)
            case "provider_out":
                self.out[facts["provider"]] = facts["why"]
            case "batch_away":
                self.batches[facts["id"]] = BatchAway(**facts)
            case "batch_ended":
                self.batches.pop(facts["batch"], None)
            case _:
                pass

    def _end_call(self, facts: dict[str, Any]) -> None:
        """Take that a call is not under way any more."""
        self.under_way.pop(facts["attempt"], None)
        worst = self.reserved.pop(facts["attempt"], 0)
        self._charged_high += worst if facts.get("cost_micro_usd") else 0

    def _take(self, facts: dict[str, Any], at: float | None) -> None:
        """Take what came; what a run before drew says nothing of how fast this one draws, and has no moment."""
        provider, images = facts.get("look", {}).get("provider", ""), facts.get("pictures", 0)
        cost = facts.get("cost_micro_usd", 0)
        self._drew[provider] += images
        self._paid[provider] += cost
        self.images_stored += images
        self.spent = MicroUSD(self.spent + cost)
        if at is not None:
            self._lately += images
            self._stored_at.append((at, images))

    def checks_prompts(self, count: int) -> None:
        """Take that so many prompts were looked at before anything is sent."""
        self.state = f"checking prompts: {count:,}"
        self.changed = self.clock.monotonic()

    def of_providers(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Say what each provider drew and cost in this run, and why one is not asked any more."""
        facts = [(name, self._drew[name], self._paid[name], self.out.get(name)) for name in names]
        return [{"name": name, "images": drew, "spent_micro_usd": paid, "out": out} for name, drew, paid, out in facts]

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
        eta = left / rate * 60 if rate and left > 0 else None
        return Progress(
            jobs_done=self.done_before + self.outcomes.total(),
            jobs_total=self.jobs_total,
            images_stored=self.images_stored,
            images_wanted=self.images_wanted,
            spent=self.spent,
            cap=self.cap,
            images_per_minute=rate,
            eta_seconds=eta,
            retries=self.retries,
            in_flight=in_flight,
            state="paused" if self.paused and self.state in AT_WORK else self._stands(),
            failed=self.outcomes[OutcomeKind.FAILED],
            moderated=self.outcomes[OutcomeKind.MODERATED],
            projected=self._projected(),
            projected_seconds=None if eta is None else self.clock.monotonic() - self._begun + eta,
        )

    def _stands(self) -> str:
        """Say what the run does, and how far the batches at the provider are."""
        if not self.batches or self.state not in AT_WORK:
            return self.state
        done, lines = self.away
        away = f"{counted(len(self.batches), 'batch', 'batches')} at the provider: {done:,} of {lines:,} lines"
        return away if self.state == AT_PROVIDER else f"{self.state}, {away}"

    @property
    def away(self) -> tuple[int, int]:
        """Return how many lines of the batches at the provider have ended there, and how many they have."""
        away = self.batches.values()
        return sum(one.completed + one.failed for one in away), sum(one.lines for one in away)

    def _projected(self) -> MicroUSD | None:
        """Return what was spent, and what is expected of the part of the plan that nothing was charged for yet."""
        if not self.high:
            return None
        open_high = max(0, self.high - self._charged_high)
        return MicroUSD(self.spent + self.expected * open_high // self.high)

    def _rate(self) -> float:
        """Return the images a minute, of the last minute or since the first call."""
        now = self.clock.monotonic()
        while self._stored_at and self._stored_at[0][0] < now - WINDOW:
            self._lately -= self._stored_at.popleft()[1]
        seconds = 0.0 if self._since is None else min(now - self._since, WINDOW)
        return self._lately / seconds * 60 if seconds else 0.0


def troubles(meter: Meter) -> list[dict[str, Any]]:
    """Say which calls brought nothing, the most frequent reasons first, and what to do about each."""
    return [
        {"code": safe(code, 60) or "unknown", "status": status, "calls": calls, "next": _next(code, status)}
        for (code, status), calls in meter.troubles.most_common(MOST_TROUBLES)
    ]


def _next(code: str, status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "nothing: the pace follows"
    if "moderation" in code or "safety" in code:
        return "reword what report/moderated.csv lists"
    if not status or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "nothing: they are tried again, if that costs nothing"
    return "see report/jobs.csv when the run has ended"


def as_json(progress: Progress) -> dict[str, Any]:
    """Return the keys of `status.json`; money in micro-dollars."""
    facts = asdict(progress)
    facts["spent_micro_usd"] = facts.pop("spent")
    facts["cap_micro_usd"] = facts.pop("cap")
    facts["projected_micro_usd"] = facts.pop("projected")
    return facts


def from_json(facts: Mapping[str, Any]) -> Progress:
    """Read the keys of `status.json` back; what an older one does not say is nothing."""
    money = {name: facts.get(f"{name}_micro_usd") for name in ("spent", "cap", "projected")}
    known = {name: value for name, value in {**facts, **money}.items() if value is not None}
    return Progress(**{one.name: known[one.name] for one in fields(Progress) if one.name in known})
