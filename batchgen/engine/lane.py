"""One provider of a run: its prices, permits and limits, and whether it is still asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from batchgen.engine.failure_streak import FailureStreak, Refusals
from batchgen.engine.stop_reasons import StopReasons
from batchgen.executor import ProviderBatches
from batchgen.ledger import Caps
from batchgen.limits import Breakers, Limiter
from batchgen.model import Cause, Job, Operation, Provider, Reason, Stop, StopKind
from batchgen.pricing import Offer, PriceList

Doubted = list[tuple[Job, dict[int, Reason]]]
"""Jobs that are held, with the reasons of their open slots."""


@dataclass(eq=False)
class Lane:
    """A provider with one key, as a run uses it; `provider` has the address where it is asked.

    `earlier` are names under which the ledger knows it, too. `caps` gives the limits of this moment, `most` is how many
    calls at once it allows at any time. `batches` are where images go that are asked for in batches. `stop` is why the
    provider is not asked any more. `given` counts the images that it was asked for. `charged` and `served` say that it
    has charged for something in this run, and that it ever brought an image. `alike` and `refusals` notice that jobs
    fail alike here; `doubted` are those that were held since the last good one. `brought` are operations that gave
    images in this run, `closed` those that it has no endpoint for, each with what it said.
    """

    offer: Offer
    provider: Provider
    limiter: Limiter
    breaker: Breakers
    caps: Callable[[], Caps]
    batches: ProviderBatches | None = None
    most: int | None = None
    earlier: frozenset[str] = frozenset()
    stop: Stop | None = None
    given: int = 0
    charged: bool = False
    served: bool = False
    brought: set[Operation] = field(default_factory=set)
    closed: dict[Operation, Stop] = field(default_factory=dict)
    alike: FailureStreak = field(default_factory=FailureStreak)
    refusals: Refusals = field(default_factory=Refusals)
    doubted: Doubted = field(default_factory=list)

    @property
    def name(self) -> str:
        """What tells it from the others, in the ledger and for people."""
        return self.offer.name

    def is_called(self, name: str) -> bool:
        """Whether it has, or had, this name."""
        return name == self.name or name in self.earlier

    @property
    def price_list(self) -> PriceList:
        """What it charges."""
        return self.offer.price_list

    def out(self, job: Job) -> Stop | None:
        """Say why a job is not asked for here any more, if that is so."""
        return self.stop or self.closed.get(job.request.operation)

    def close_endpoint(self, operation: Operation, stop: Stop) -> bool:
        """Ask for this operation no more where its endpoint alone is missing; whether that is so.

        Where generations have no endpoint and nothing else came, the address is wrong, and everything is missing.
        """
        others = operation is not Operation.GENERATE or self.brought - {operation}
        alone = stop.cause is Cause.NO_ENDPOINT and bool(others)
        if alone:
            why = f"{self.name} has no endpoint for {operation}: {stop.why}"
            cause = Cause.NONE if self.brought else stop.cause
            self.closed.setdefault(operation, Stop(StopKind.ENDPOINT, why, stop.detail, cause))
        return alone

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
