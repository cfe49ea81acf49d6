"""What a plan adds up to: images, calls, tokens, money by model, size, quality, provider and tag, and time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from batchgen.errors import Problem
from batchgen.model import Limits, Quote
from batchgen.money import ZERO, MicroUSD
from batchgen.planner.decision import Action
from batchgen.planner.pairing import Planned
from batchgen.planner.reach import Reach
from batchgen.planner.waiting import Waiting, WaitingTally
from batchgen.pricing import Cost

MOST_VALUES = 200
"""Values of one tag that are told apart in the cost table."""


Kind = tuple[str, str, str, str]
"""What tells one line of the cost table from another: model, size, quality, provider."""


@dataclass(slots=True)
class Sum:
    """Money and counts that are being added up."""

    jobs: int = 0
    images: int = 0
    low: int = 0
    expected: int = 0
    high: int = 0

    def add(self, quote: Quote, images: int) -> None:
        """Add one job."""
        self.jobs += 1
        self.images += images
        self.low += quote.low
        self.expected += quote.expected
        self.high += quote.high


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line of the cost table: what the jobs of one kind may cost."""

    model: str
    size: str
    quality: str
    provider: str
    jobs: int
    images: int
    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD


@dataclass(frozen=True, slots=True)
class TagRow:
    """What the jobs that carry one value of one tag may cost."""

    tag: str
    value: str
    jobs: int
    images: int
    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left to do and what it may cost; what is stored already is not counted. `wall_seconds` is a guess.

    `reach` says where the user's limits end it; None without limits.
    """

    jobs: int = 0
    images: int = 0
    calls: int = 0
    low: MicroUSD = ZERO
    expected: MicroUSD = ZERO
    high: MicroUSD = ZERO
    wall_seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    rows: tuple[CostRow, ...] = ()
    tags: tuple[TagRow, ...] = ()
    warnings: tuple[Problem, ...] = ()
    actions: tuple[tuple[str, int], ...] = ()
    later: tuple[CostRow, ...] = ()
    reach: Reach | None = None
    waiting: tuple[Waiting, ...] = ()


@dataclass
class Tally:
    """Adds up a plan while it streams by; `later` is what waits for somebody's approval."""

    limits: Limits
    waiting: WaitingTally = field(default_factory=WaitingTally)
    later: dict[Kind, Sum] = field(default_factory=lambda: defaultdict(Sum))
    kinds: dict[Kind, Sum] = field(default_factory=lambda: defaultdict(Sum))
    tags: dict[str, dict[str, Sum]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Sum)))
    crowded: set[str] = field(default_factory=set)
    actions: Counter[Action] = field(default_factory=Counter)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_images: int = 0
    busy_seconds: float = 0.0

    def watch(self, planned: Iterable[Planned]) -> Iterator[Planned]:
        """Pass a plan through and add it up."""
        for item in planned:
            self.actions[item.action] += 1
            if item.waits:
                self.waiting.add(item)
            if item.cost is not None and item.slots:
                self._add(item)
            elif item.cost is not None and item.later:
                self.later[_kind(item.cost)].add(item.cost.quote, len(item.later))
            yield item

    def _add(self, item: Planned) -> None:
        cost = item.cost
        assert cost is not None
        images = len(item.slots)
        self.kinds[_kind(cost)].add(cost.quote, images)
        for tag, value in item.job.tags:
            self._add_tag(tag, value, cost.quote, images)
        self.calls += cost.calls
        self.input_tokens += cost.quote.input_tokens
        self.output_tokens += cost.quote.output_tokens
        self.input_images += cost.calls * len(item.job.request.images)
        self.busy_seconds += cost.calls * cost.seconds

    def _add_tag(self, tag: str, value: str, quote: Quote, images: int) -> None:
        """Add to a tag's value; a tag that tells every job apart says nothing about where the money goes."""
        values = self.tags[tag]
        if value in values or len(values) < MOST_VALUES:
            values[value].add(quote, images)
        else:
            self.crowded.add(tag)

    def total(self, warnings: tuple[Problem, ...] = ()) -> Estimate:
        """Return the estimate of everything that streamed by so far."""
        sums = list(self.kinds.values())
        return Estimate(
            jobs=sum(s.jobs for s in sums),
            images=sum(s.images for s in sums),
            calls=self.calls,
            low=MicroUSD(sum(s.low for s in sums)),
            expected=MicroUSD(sum(s.expected for s in sums)),
            high=MicroUSD(sum(s.high for s in sums)),
            wall_seconds=self._wall_seconds(sum(s.images for s in sums)),
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            rows=_rows(self.kinds),
            later=_rows(self.later),
            waiting=self.waiting.total(),
            tags=tuple(
                TagRow(tag, value, s.jobs, s.images, MicroUSD(s.low), MicroUSD(s.expected), MicroUSD(s.high))
                for tag in sorted(self.tags.keys() - self.crowded)
                for value, s in sorted(self.tags[tag].items())
            ),
            warnings=warnings,
            actions=tuple(sorted((action.value, count) for action, count in self.actions.items())),
        )

    def _wall_seconds(self, images: int) -> float:
        """Return the slowest of: calls over parallel places, and each limit per minute."""
        if not self.calls:
            return 0.0
        limits = self.limits
        per_call = self.busy_seconds / self.calls
        by_rate = [
            60.0 * (amount - limit) / limit
            for amount, rate in (
                (images, limits.images_per_minute),
                (self.calls, limits.requests_per_minute),
                (self.input_images, limits.input_images_per_minute),
                (self.input_tokens + self.output_tokens, limits.tokens_per_minute),
            )
            if (limit := limits.share(rate)) and amount > limit
        ]
        return max(self.busy_seconds / min(limits.concurrency, self.calls), per_call + max(by_rate, default=0.0))


def _kind(cost: Cost) -> Kind:
    return cost.model, cost.size, cost.quality, cost.provider


def _rows(kinds: Mapping[Kind, Sum]) -> tuple[CostRow, ...]:
    """Lines of a cost table, the dearest first."""
    return tuple(
        CostRow(*kind, s.jobs, s.images, MicroUSD(s.low), MicroUSD(s.expected), MicroUSD(s.high))
        for kind, s in sorted(kinds.items(), key=lambda item: -item[1].expected)
    )
