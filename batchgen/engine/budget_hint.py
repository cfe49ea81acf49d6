"""What the user's limits leave, so that nobody takes a permit, or asks the ledger, in vain."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from batchgen.ledger import CapKind, Refused
from batchgen.model import Attempt
from batchgen.runtime.change import Change
from batchgen.runtime.clock import Clock

FORGOTTEN_AFTER = 60.0
_IMAGES = frozenset({CapKind.MAX_IMAGES, CapKind.IMAGES_PER_DAY})
_OF_PROVIDER = frozenset({CapKind.IMAGES_PER_DAY})
Scope = tuple[CapKind, str]
"""A limit, and whose it is: a provider's, or with no name the run's."""


class Amount(NamedTuple):
    """Micro-dollars and images."""

    money: int = 0
    images: int = 0

    @property
    def any(self) -> bool:
        """Whether it is anything."""
        return self != NOTHING

    def of(self, kind: CapKind) -> int:
        """In the unit that a limit counts."""
        return self.images if kind in _IMAGES else self.money


NOTHING = Amount()


@dataclass(slots=True)
class Sum:
    """Micro-dollars and images of so many, as they come and go."""

    money: int = 0
    images: int = 0
    count: int = 0


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
        self.inside = Sum()
        """Calls on their way through permit, reservation and end, and what those ask for that have not reserved it."""
        self.claims: dict[float, Sum] = {}
        """What the jobs under way may still ask for, by their priority."""
        self._clock = clock
        self._limits: dict[Scope, Limit] = {}
        self._learned_at = 0.0
        self._changed = Change()
        self.tell = self._changed.tell
        """Wake those that wait for room."""

    @property
    def busy(self) -> int:
        """How many calls are inside, of which each may give something back."""
        return self.inside.count

    def claimed(self, priority: float) -> Amount:
        """Say what jobs of a larger priority may still ask for; nearly always there are none."""
        if max(self.claims, default=priority) <= priority:
            return NOTHING
        others = [claims for whose, claims in self.claims.items() if whose > priority]
        return Amount(sum(c.money for c in others), sum(c.images for c in others))

    def never(self, attempt: Attempt) -> Refused | None:
        """Why a call cannot fit, whatever becomes of the others; None when it may."""
        if not self._learned():
            return None
        ask = amount(attempt)
        for (kind, provider), limit in self._limits.items():
            if provider in {"", attempt.provider} and limit.never is not None and ask.of(kind) >= limit.never:
                return limit.refused
        return None

    def fits(self, attempt: Attempt, claimed: Amount = NOTHING) -> bool:
        """Whether a call may fit now, beside those that are about to ask, and what others claim."""
        if not self._learned():
            return True
        ask, inside = amount(attempt), self.inside
        all_asks = Amount(ask.money + claimed.money + inside.money, ask.images + claimed.images + inside.images)
        return all(
            all_asks.of(kind) <= limit.free
            for (kind, provider), limit in self._limits.items()
            if provider in {"", attempt.provider}
        )

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

    def move(self, money: int, images: int, provider: str) -> None:
        """Follow what a call to a provider gave back, or took: that is less than nothing."""
        given_back = Amount(money, images) if self._limits else NOTHING
        for (kind, whose), limit in self._limits.items():
            if whose in {"", provider}:
                limit.free += given_back.of(kind)

    def forget(self) -> None:
        """Forget what was learned: a limit was changed."""
        self._limits.clear()
        self.tell()

    def _learned(self) -> bool:
        """Whether anything was refused of late; nearly always there is nothing."""
        if self._limits and self._clock.monotonic() - self._learned_at > FORGOTTEN_AFTER:
            self._limits.clear()
        return bool(self._limits)


class Claim:
    """What a job under way may still take; jobs that matter less leave it to this one while it is inside."""

    __slots__ = ("_all", "_hint", "_priority", "images", "money")

    def __init__(self, hint: BudgetHint, priority: float, most: Amount) -> None:
        self._hint, self._priority = hint, priority
        self.money, self.images = most.money, most.images

    def __enter__(self) -> Self:
        claims = self._hint.claims
        self._all = claims.setdefault(self._priority, Sum())
        self._all.money += self.money
        self._all.images += self.images
        self._all.count += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.move(-self.money, -self.images)
        self._all.count -= 1
        if not self._all.count:
            del self._hint.claims[self._priority]
        self._hint.tell()

    def move(self, money: int, images: int) -> None:
        """Let the job ask for so much more, or less; never for less than nothing."""
        money, images = max(-self.money, money), max(-self.images, images)
        self.money += money
        self.images += images
        self._all.money += money
        self._all.images += images


class Ask:
    """One call's way through its permit, its reservation and its end.

    `claimed` is what others claimed when the ledger was asked.
    """

    __slots__ = ("_claim", "_hint", "_is_reserved", "_provider", "amount", "claimed")

    def __init__(self, hint: BudgetHint, attempt: Attempt, claim: Claim | None = None) -> None:
        self._hint, self._provider, self._claim = hint, attempt.provider, claim
        self.amount, self.claimed, self._is_reserved = amount(attempt), NOTHING, False

    def __enter__(self) -> Self:
        inside = self._hint.inside
        inside.count += 1
        inside.money += self.amount.money
        inside.images += self.amount.images
        return self

    def __exit__(self, *_: object) -> None:
        self._hint.inside.count -= 1
        if not self._is_reserved:
            self._ask_no_more()
        self._hint.tell()

    def _ask_no_more(self) -> None:
        self._hint.inside.money -= self.amount.money
        self._hint.inside.images -= self.amount.images

    def reserved(self) -> None:
        """Note that the ledger has set the worst case aside."""
        self._is_reserved = True
        self._ask_no_more()
        self._move(-self.amount.money, -self.amount.images)

    def settled(self, used: Amount) -> None:
        """Note that the ledger has closed the call; so much of the worst case is used, or stays at risk."""
        self._move(self.amount.money - used.money, self.amount.images - used.images)

    def _move(self, money: int, images: int) -> None:
        self._hint.move(money, images, self._provider)
        if self._claim is not None:
            self._claim.move(money, images)


def amount(attempt: Attempt) -> Amount:
    """Return the most that a call takes."""
    return Amount(attempt.quote.high, attempt.n)
