"""A provider's books and a ledger's calls, made of one history: what happened, and what each side saw of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from batchgen.app.bill.explain import Statement
from batchgen.app.bill.reconcile import compare
from batchgen.ledger import BookedCall, DifferenceKind
from batchgen.model import AttemptState, Operation, Route
from batchgen.money import MicroUSD
from batchgen.providers.organization import DAY, HOUR, CostBucket, LineItem, Usage

MODEL = "gpt-image-2"
FIRST = datetime(2026, 11, 2, tzinfo=UTC)
KEY = "key_ours"
COST = 6_000


@dataclass
class History:
    """What happened on some days: each side's records grow by one call after the other."""

    days: int = 5
    calls: list[BookedCall] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    items: list[tuple[int, LineItem]] = field(default_factory=list)
    shift: int = 0
    numbers: Any = field(default_factory=count)

    def ours(self, day: int, hour: float = 10, *, cost: int = COST, state: str = "settled", **more: Any) -> BookedCall:
        """Write a call into the ledger alone."""
        started = FIRST + timedelta(days=day, hours=hour)
        charged = state in {"settled", "charged_no_result"}
        facts: dict[str, Any] = {
            "id": f"a{next(self.numbers)}",
            "job_id": "job",
            "model": MODEL,
            "operation": Operation.GENERATE,
            "size": "1024x1024",
            "route": Route.SYNC,
            "state": AttemptState(state),
            "started": started,
            "ended": started + timedelta(seconds=more.pop("seconds", 20)),
            "cost": MicroUSD(cost if charged else 0),
            "expected": MicroUSD(cost),
            "most": MicroUSD(2 * cost if state == "at_risk" else 0),
            "estimated": False,
            "adopted": False,
        }
        self.calls.append(BookedCall(**facts | more))
        return self.calls[-1]

    def theirs(self, day: int, hour: float = 10, *, cost: float | Decimal = COST, **more: Any) -> None:
        """Write a call into the provider's books alone."""
        at = int((FIRST + timedelta(days=day, hours=hour)).timestamp())
        kind = {"key_id": KEY, "model": MODEL, "size": "1024x1024", "source": "image.generation", "project_id": "proj"}
        kind |= {name: more.pop(name) for name in tuple(more) if name in kind}
        self.usage.append(Usage(begins=at // HOUR * HOUR, requests=1, images=1, **kind))
        self.bill(day, hour, cost, key_id=kind["key_id"], name=f"{kind['model']}, output_image_tokens", **more)

    def bill(self, day: int, hour: float, cost: float | Decimal, **more: Any) -> None:
        """Write money into the provider's books alone."""
        at = int((FIRST + timedelta(days=day, hours=hour)).timestamp())
        facts: dict[str, Any] = {
            "project_id": "proj",
            "key_id": KEY,
            "name": f"{MODEL}, output_image_tokens",
            "amount": Decimal(cost) / 1_000_000,
            "currency": "usd",
            "quantity": None,
            "unit": "",
        }
        self.items.append((at, LineItem(**facts | more)))

    def both(self, day: int, hour: float = 10, **more: Any) -> BookedCall:
        """Write a call into both, as it should be."""
        call = self.ours(day, hour, **more)
        self.theirs(day, hour, cost=more.get("cost", COST))
        return call

    @property
    def buckets(self) -> tuple[CostBucket, ...]:
        """Return the closed days of the books."""
        bounds = [int(FIRST.timestamp()) + self.shift + day * DAY for day in range(self.days)]
        return tuple(
            CostBucket(begin, begin + DAY, tuple(item for at, item in self.items if begin <= at < begin + DAY))
            for begin in bounds
        )

    def compared(self, **more: Any) -> Statement:
        """Hold one side against the other."""
        statement, self.keys = compare(self.calls, self.usage, self.buckets, **more)
        assert statement.billed - statement.ledger == sum(one.micro_usd for one in statement.differences)
        return statement

    def without_keys(self) -> "History":
        """Return the same, as a provider tells it that groups no costs by key."""
        return replace(self, items=[(at, replace(item, key_id="")) for at, item in self.items])


@pytest.fixture
def history() -> History:
    """Return three days on which ledger and books agree: two calls on each."""
    made = History()
    for day in range(3):
        made.both(day, 10)
        made.both(day, 14)
    return made


def kinds(statement: Statement) -> list[tuple[DifferenceKind, int]]:
    """List what was named, and how much of it."""
    return [(one.kind, one.micro_usd) for one in statement.differences]


def fates(statement: Statement) -> dict[str, tuple[int, int]]:
    """Say what became of calls at risk: confirmed and cleared."""
    return {finding.attempt_id: (finding.confirmed, finding.cleared) for finding in statement.findings}


def total(amounts: Iterable[int]) -> int:
    """Sum up."""
    return sum(amounts)
