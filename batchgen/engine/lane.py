"""One provider of a run: its prices, permits and limits, and whether it is still asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batchgen.engine.failure_streak import FailureStreak, Refusals
from batchgen.engine.stop_reasons import StopReasons
from batchgen.ledger import Caps
from batchgen.limits import Breakers, Limiter
from batchgen.model import Cause, Job, Operation, Provider, Reason, Stop, StopKind
from batchgen.pricing import Offer, PriceList

if TYPE_CHECKING:  # what calls comes with the HTTP library, and a run that has nothing to draw does without
    from batchgen.executor.batches import ProviderBatches

Part = tuple[Operation, str]
"""An operation with a model; with an empty name, one with any model."""

Doubted = list[tuple[Job, dict[int, Reason]]]
"""Jobs that are held, with the reasons of their open slots."""


@dataclass(eq=False)
class Lane:
    """A provider with one key, as a run uses it; `provider` has the address where it is asked.

    `earlier` are names under which the ledger knows it, too. `caps` gives the limits of this moment, `most` is how many
    calls at once it allows at any time. `batches` are where images go that are asked for in batches. `stop` is why the
    provider is not asked any more. `given` counts the images that it was asked for. `charged` and `served` say that it
    has charged for something in this run, and that it ever brought an image. `alike` and `refusals` notice that jobs
    fail alike here; `doubted` are those that were held since the last good one. `brought` are operations and models
    that gave images in this run, `closed` those that it does not draw, each with what it said; no model stands for all.
    """

    offer: Offer
    provider: Provider
    limiter: Limiter
    breaker: Breakers
    caps: Callable[[], Caps]
    batches: "ProviderBatches | None" = None
    most: int | None = None
    earlier: frozenset[str] = frozenset()
    stop: Stop | None = None
    given: int = 0
    charged: bool = False
    served: bool = False
    brought: set[Part] = field(default_factory=set)
    closed: dict[Part, Stop] = field(default_factory=dict)
    alike: FailureStreak = field(default_factory=FailureStreak)
    refusals: Refusals = field(default_factory=Refusals)
    doubted: Doubted = field(default_factory=list)

    name: str = field(init=False)
    """What tells it from the others, in the ledger and for people."""
    price_list: PriceList = field(init=False)
    """What it charges."""

    def __post_init__(self) -> None:
        self.name, self.price_list = self.offer.name, self.offer.price_list

    def is_called(self, name: str) -> bool:
        """Whether it has, or had, this name."""
        return name == self.name or name in self.earlier

    def out(self, job: Job) -> Stop | None:
        """Say why a job is not asked for here any more, if that is so."""
        return self.stop or (self.shut(self.part(job)) if self.closed else None)

    def part(self, job: Job) -> Part:
        """Return what a job asks this provider for."""
        return job.request.operation, self.price_list.model_of(job.request)

    def shut(self, part: Part) -> Stop | None:
        """Say why it draws nothing of this any more, if that is so."""
        return self.closed.get((part[0], "")) or self.closed.get(part)

    def close_part(self, part: Part, stop: Stop) -> Stop | None:
        """Ask no more for what alone a stop is about; why, when it is about a part of what is drawn here.

        Where generations have no endpoint and nothing else came, the address is wrong, and everything is missing.
        """
        operation, model = part
        if stop.cause is Cause.NO_MODEL:
            kind = StopKind.ENDPOINT if stop.kind is StopKind.CONFIG else stop.kind
            why = f"{self.name} does not draw with {model} ({operation}): {stop.why}"
            return self.closed.setdefault(part, Stop(kind, why, stop.detail, stop.cause))
        others = operation is not Operation.GENERATE or any(other is not operation for other, _ in self.brought)
        if stop.cause is not Cause.NO_ENDPOINT or not others:
            return None
        why = f"{self.name} has no endpoint for {operation}: {stop.why}"
        cause = Cause.NONE if self.brought else stop.cause
        return self.closed.setdefault((operation, ""), Stop(StopKind.ENDPOINT, why, stop.detail, cause))

    def follow(self, stops: StopReasons) -> "Lane":
        """Let everyone who waits for a permit give up when the run stops."""
        stops.listen(lambda _stop: self._close())
        return self

    def close(self, stop: Stop) -> None:
        """Let nobody begin here any more."""
        self.stop = self.stop or stop
        self._close()

    def _close(self) -> None:
        self.limiter.close()
        self.breaker.close()


def shares(total: int, sizes: Sequence[int], bounds: Sequence[int | None] = ()) -> list[int]:
    """Divide calls at once among providers as they stand to each other; each has one at least, and its bound at most.

    What a bound leaves goes to the others.
    """
    most = list(bounds) or [None] * len(sizes)
    found, left, whole = [0] * len(sizes), total, sum(sizes)
    for at in sorted(range(len(sizes)), key=lambda at: (most[at] is None, sizes[at])):
        share = max(1, round(left * sizes[at] / whole))
        found[at] = min(share, most[at] or share)
        left, whole = max(0, left - found[at]), whole - sizes[at]
    return found
