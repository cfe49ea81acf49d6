"""One call under way, and the leave under which an attempt is made for it."""

from dataclasses import dataclass, field, replace

from batchgen.engine.budget_hint import Claim
from batchgen.engine.decide import Tally
from batchgen.engine.lane import Lane
from batchgen.limits import Breaker, Start, Ticket
from batchgen.model import Job, Pending, Purpose, Reason, Remedy, RemoteImage, Verdict
from batchgen.money import ZERO, MicroUSD
from batchgen.numerous import numerous


@dataclass(slots=True)
class CallState:
    """One call under way: what it asks, what it has been through, what came of it.

    `last`: it is not repeated once it may have been charged. `touched`: the ledger knows of it. `odd` are slots whose
    image is not as asked, with what is wrong. `unjudged` is the permit of a call whose images wait at addresses,
    `held` that of a call whose prompt was moderated for money, under which it is made once more, `refusal` the verdict
    that failed it for nothing. `claim` is what its job may still take.
    `lane` is the provider that was asked last, `avoided` names those that are not asked for this call any more.
    """

    job: Job
    slots: tuple[int, ...]
    purpose: Purpose
    replaces: str | None = None
    tally: Tally = field(default_factory=Tally)
    last: bool = False
    touched: bool = False
    stored: int = 0
    odd: tuple[tuple[int, Reason], ...] = ()
    short: tuple[tuple[int, str], ...] = ()
    remote: tuple[RemoteImage, ...] = ()
    unjudged: "Permit | None" = None
    held: "Permit | None" = None
    refusal: Verdict | None = None
    attempt_id: str = ""
    wait: float | None = None
    spent: MicroUSD = ZERO
    lane: Lane | None = None
    avoided: frozenset[str] = frozenset()
    claim: Claim | None = None

    @property
    def asked(self) -> Lane:
        """The provider that was asked last."""
        assert self.lane is not None, "a call is made somewhere"
        return self.lane

    def move(self) -> None:
        """Ask the provider no more that was asked last; another one has tries of its own for what is free."""
        self.avoided |= {self.asked.name}
        self.tally = replace(self.tally, tries=0, resends=0, last_code="")

    def let_go(self) -> None:
        """Count moderation for money that no second call follows: it brought nothing."""
        if self.held:
            self.held.breaker.record(self.held.ticket, Remedy.EMPTY)
            self.held = None


@numerous
@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call at a provider now."""

    lane: Lane
    ticket: Ticket
    start: Start
    breaker: Breaker

    def judge(self, *, usable: bool) -> None:
        """Tell the breaker whether the addresses that the call brought gave an image."""
        self.breaker.record(self.ticket, Remedy.NONE if usable else Remedy.EMPTY)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An attempt that was accepted and comes later, and the permit under which it was made."""

    pending: Pending
    permit: Permit
