"""What the user's limits leave, so that nobody takes a permit, or asks the ledger, in vain."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from batchgen.ledger import CapKind, Refused
from batchgen.model import Attempt
from batchgen.runtime.change import Change
from batchgen.runtime.clock import Clock

FORGOTTEN_AFTER = 60.0
_IMAGES = frozenset({CapKind.MAX_IMAGES, CapKind.IMAGES_PER_DAY})
_OF_PROVIDER = frozenset({CapKind.IMAGES_PER_DAY})
Scope = tuple[CapKind, str]
"""A limit, and whose it is: a provider's, or with no name the run's."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Micro-dollars and images."""

    money: int = 0
    images: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.money + other.money, self.images + other.images)

    def __bool__(self) -> bool:
        """Whether it is anything."""
        return bool(self.money or self.images)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.money - other.money, self.images - other.images)

    def __neg__(self) -> "Amount":
        return Amount(-self.money, -self.images)

    def of(self, kind: CapKind) -> int:
        """In the unit that a limit counts."""
        return self.images if kind in _IMAGES else self.money


NOTHING = Amount()


@dataclass(slots=True)
class Claim:
    """What a job under way may still take, or all of one priority; jobs that matter less leave it to those."""

    priority: float
    money: int = 0
    images: int = 0


@dataclass(slots=True)
class Limit:
    """One limit that refused a call: what it leaves, and the least that can never fit, whatever others give back."""

    refused: Refused
    free: int
    never: int | None = None


class BudgetHint:
    """Remembers what the ledger refused and follows what happens since: only a guess, as the ledger decides.

    What was learned is forgotten after a minute: days end, and other runs may share the budget.
    """

    def __init__(self, clock: Clock) -> None:
        self.busy = 0
        self._clock = clock
        self._limits: dict[Scope, Limit] = {}
        self._learned_at = 0.0
        self._asking = Amount()
        self._claims: dict[float, Claim] = {}
        self._changed = Change()

    @contextmanager
    def claiming(self, priority: float, most: Amount) -> Iterator[Claim]:
        """While inside, a job is under way that may ask for so much in all."""
        claim = Claim(priority)
        self._move_claim(claim, most.money, most.images)
        try:
            yield claim
        finally:
            self._move_claim(claim, -claim.money, -claim.images)
            whole = self._claims[priority]
            if not (whole.money or whole.images):
                del self._claims[priority]
            self._tell()

    def claimed(self, priority: float) -> Amount:
        """Say what jobs of a larger priority may still ask for; nearly always there are none."""
        others = [claim for whose, claim in self._claims.items() if whose > priority]
        return Amount(sum(c.money for c in others), sum(c.images for c in others)) if others else NOTHING

    def _move_claim(self, claim: Claim | None, money: int, images: int) -> None:
        """Let a job ask for so much more, or less; never for less than nothing."""
        if claim is None:
            return
        money, images = max(-claim.money, money), max(-claim.images, images)
        whole = self._claims.get(claim.priority)
        if whole is None:
            whole = self._claims[claim.priority] = Claim(claim.priority)
        for each in (claim, whole):
            each.money += money
            each.images += images

    def never(self, attempt: Attempt) -> Refused | None:
        """Why a call cannot fit, whatever becomes of the others; None when it may."""
        self._forget()
        if not self._limits:
            return None
        ask = amount(attempt)
        for (kind, provider), limit in self._limits.items():
            if provider in {"", attempt.provider} and limit.never is not None and ask.of(kind) >= limit.never:
                return limit.refused
        return None

    def fits(self, attempt: Attempt, claimed: Amount = NOTHING) -> bool:
        """Whether a call may fit now, beside those that are about to ask, and what others claim."""
        self._forget()
        if not self._limits:
            return True
        all_asks = amount(attempt) + self._asking + claimed
        return all(
            all_asks.of(kind) <= limit.free
            for (kind, provider), limit in self._limits.items()
            if provider in {"", attempt.provider}
        )

    @contextmanager
    def asking(self, attempt: Attempt, claim: Claim | None = None) -> Iterator["Ask"]:
        """Follow one call through its permit, its reservation and its end; `busy` counts those inside."""
        ask = Ask(self, amount(attempt), attempt.provider, claim)
        self.busy += 1
        self._asking += ask.amount
        try:
            yield ask
        finally:
            self.busy -= 1
            if not ask.is_reserved:
                self._asking -= ask.amount
            self._tell()

    def _tell(self) -> None:
        """Wake those that wait for room."""
        self._changed.tell()

    async def change(self) -> None:
        """Wait until a call ended, one way or the other."""
        await self._changed.wait()

    def learn(self, refused: Refused, attempt: Attempt, claimed: Amount = NOTHING) -> None:
        """Take what the ledger said of a call; what was claimed beside it is free for those that claim it."""
        self._learned_at = self._clock.monotonic()
        scope = (refused.kind, attempt.provider if refused.kind in _OF_PROVIDER else "")
        before = self._limits.get(scope)
        never = before.never if before else None
        if not refused.ever:
            ask = amount(attempt).of(refused.kind)
            never = ask if never is None else min(ask, never)
        self._limits[scope] = Limit(refused, refused.headroom + claimed.of(refused.kind), never)

    def move(self, change: Amount, provider: str) -> None:
        """Follow what a call to a provider took (minus) or gave back."""
        for (kind, whose), limit in self._limits.items():
            if whose in {"", provider}:
                limit.free += change.of(kind)

    def reserved(self, ask: Amount, provider: str, claim: Claim | None) -> None:
        """Turn a question into a reservation."""
        self._asking -= ask
        if self._limits:
            self.move(-ask, provider)
        self._move_claim(claim, -ask.money, -ask.images)

    def settled(self, given_back: Amount, provider: str, claim: Claim | None) -> None:
        """Take back what a closed call did not use."""
        self.move(given_back, provider)
        self._move_claim(claim, given_back.money, given_back.images)

    def forget(self) -> None:
        """Forget what was learned: a limit was changed."""
        self._limits.clear()
        self._tell()

    def _forget(self) -> None:
        if self._limits and self._clock.monotonic() - self._learned_at > FORGOTTEN_AFTER:
            self._limits.clear()


@dataclass(slots=True)
class Ask:
    """One call's way through the limits; `claimed` is what others claimed when the ledger was asked."""

    room: BudgetHint
    amount: Amount
    provider: str
    claim: Claim | None
    claimed: Amount = NOTHING
    is_reserved: bool = field(default=False, init=False)

    def reserved(self) -> None:
        """Note that the ledger has set the worst case aside."""
        self.is_reserved = True
        self.room.reserved(self.amount, self.provider, self.claim)

    def settled(self, used: Amount) -> None:
        """Note that the ledger has closed the call; so much of the worst case is used, or stays at risk."""
        self.room.settled(self.amount - used, self.provider, self.claim)


def amount(attempt: Attempt) -> Amount:
    """Return the most that a call takes."""
    return Amount(attempt.quote.high, attempt.n)
