"""`reconcile --from openai`: fetch the books, settle what they prove, and name every difference that is left."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from batchgen import catalog, reporter
from batchgen.app.bill.explain import Books, Statement, explain, moment
from batchgen.app.bill.fetch import VENDOR, BooksReader, books_address
from batchgen.app.bill.match import Keys, Span, match, our_keys, undated
from batchgen.app.config.environment import admin_key, check_authorities, environment, proxies_in
from batchgen.app.output.maintain import give_up_orphans, opened
from batchgen.errors import InputError
from batchgen.ledger import BookedCall, Difference
from batchgen.model import AttemptState
from batchgen.money import MicroUSD
from batchgen.providers.organization import HOUR, CostBucket, LineItem, Usage
from batchgen.runtime.clock import Clock, SystemClock
from batchgen.text import safe

CLOSED = timedelta(hours=48)
"""How long after its end a bucket may still change."""


@dataclass(frozen=True, slots=True)
class BooksResult:
    """What the books say: billed = ledger + the sum of the differences, over days that are closed.

    `begins` and `ends` bound these days. `confirmed` and `cleared` were at risk before, `at_risk` is what stays so.
    `keys` are those of this ledger, empty where nobody can tell; `file` is where the differences are listed.
    """

    begins: datetime
    ends: datetime
    billed: MicroUSD
    ledger: MicroUSD
    confirmed: MicroUSD
    cleared: MicroUSD
    at_risk: MicroUSD
    keys: tuple[str, ...]
    differences: tuple[Difference, ...]
    file: str

    @property
    def difference(self) -> int:
        """What the bill has beyond the ledger, in micro-dollars: the sum of the differences."""
        return self.billed - self.ledger


def reconcile_books(
    output: Path | None = None,
    *,
    since: date | None = None,
    base_url: str | None = None,
    key_ids: Sequence[str] = (),
    labels: Sequence[str] = (),
    clock: Clock | None = None,
) -> BooksResult:
    """Settle what is at risk against the provider's own books, and list every difference that is left.

    `labels` are what a manifest calls this provider, where that is not its name (with or without a key's variable).
    Nothing is settled before the books have been read whole, and nothing on doubt.
    """
    clock = clock or SystemClock()
    variables = environment()
    reader = BooksReader(books_address(base_url), admin_key(variables), clock, proxies_in(variables))
    check_authorities(catalog.provider(VENDOR, reader.address), variables)
    start, providers = _start(output, since, labels)
    usage, days = asyncio.run(_fetched(reader, start, clock.now()))
    closed = [day for day in days if day.ends <= (clock.now() - CLOSED).timestamp()]
    with opened(output, readonly=False) as (ledger, workspace, store):
        give_up_orphans(ledger, workspace)
        calls = ledger.bills.calls(providers, start)
        statement, keys = compare(calls, usage, closed, tuple(key_ids), ledger.bills.rebuilt())
        settled = ledger.bills.settle(statement.findings)
        reporter.write(ledger, workspace, store)
        confirmed, cleared = (MicroUSD(sum(getattr(one, kind) for one in settled)) for kind in ("confirmed", "cleared"))
        before = sum(call.most for call in calls if call.state is AttemptState.AT_RISK)
        return BooksResult(
            begins=moment(closed[0].begins) if closed else start,
            ends=moment(closed[-1].ends) if closed else start,
            billed=statement.billed,
            ledger=statement.ledger,
            confirmed=confirmed,
            cleared=cleared,
            at_risk=MicroUSD(before - confirmed - cleared),
            keys=tuple(sorted(keys.ours or ())),
            differences=statement.differences,
            file=reporter.list_differences(workspace, statement.differences),
        )


def _start(output: Path | None, since: date | None, labels: Sequence[str]) -> tuple[datetime, tuple[str, ...]]:
    """Return the midnight (UTC) with which a comparison begins, and the labels under which calls were made there."""
    with opened(output, readonly=True) as (ledger, _, _):
        known = ledger.bills.providers()
        here = tuple(name for name in known if name.partition(":")[0] == VENDOR or name in labels)
        first = ledger.bills.first(here)
    if first is None:
        others = f"; it knows {', '.join(safe(name, 80) for name in known)}: name one with --provider" if known else ""
        raise InputError(f"this ledger knows no call at {VENDOR}: there is nothing to reconcile{others}")
    return datetime.combine(since or first.date(), time(), UTC), here


async def _fetched(
    reader: BooksReader, start: datetime, now: datetime
) -> tuple[tuple[Usage, ...], tuple[CostBucket, ...]]:
    begins, ends = int(start.timestamp()), int(now.timestamp())
    if begins >= ends:
        raise InputError(f"there are no books since {start.date()} yet: name an earlier day")
    return await reader.usage(begins, ends), await reader.costs(begins, ends)


def compare(
    calls: Sequence[BookedCall],
    usage: Sequence[Usage],
    closed: Sequence[CostBucket],
    key_ids: tuple[str, ...] = (),
    rebuilt: datetime | None = None,
) -> tuple[Statement, Keys]:
    """Hold the closed days of the books against the calls of a ledger."""
    span = Span(closed[0].begins // HOUR, -(-closed[-1].ends // HOUR)) if closed else Span(0, 0)
    keys = our_keys(calls, usage, span, key_ids)
    mine = [row for row in usage if keys.ours is None or row.key_id in keys.ours]
    placed = match(calls, mine, span, settles=keys.sure)
    if not any(item.key_id for day in closed for item in day.items):
        for row in usage:  # the bill does not say whose its money is: it is theirs, too
            if row not in mine:
                placed.others[row.begins // HOUR, undated(row.model)] += row.requests
    drawn = {undated(call.model) for call in calls}
    books = Books(
        days=closed,
        keys=keys.ours,
        projects=frozenset(row.project_id for row in mine if row.project_id),
        is_compared=lambda model: model in drawn or catalog.find_model(model) is not None,
        full_price=full_price,
        rebuilt=rebuilt,
    )
    return explain(calls, placed, books), keys


def full_price(item: LineItem) -> Decimal | None:
    """Return what a token of cached input costs when it is not cached, in micro-dollars; None when nobody knows."""
    of_batch = "batch" in item.name.partition(",")[0].casefold()
    price_of = catalog.batch_price if of_batch else catalog.price_of
    price = price_of(undated(item.model), catalog.provider(VENDOR))
    if price is None or price.tokens is None or item.unit != "tokens":
        return None
    return price.tokens.image_in if "image" in item.name.partition(",")[2].casefold() else price.tokens.text_in
