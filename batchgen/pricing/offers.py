"""What several providers ask for the same images: who can draw a job, and who draws it for the least."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from batchgen import manifest
from batchgen.errors import InputError, Problem, Severity
from batchgen.model import ImageRequest, Job, Provider
from batchgen.money import MicroUSD, exact
from batchgen.pricing.price_list import Cost, Kind, PriceList
from batchgen.providers import refusals
from batchgen.runtime.memo import kept


class Bid(NamedTuple):
    """One provider for one call: what its list asks, its weight, the images that it was given so far, and its room."""

    price: int
    weight: int = 1
    given: int = 0
    has_room: bool = True


def choose(bids: Sequence[Bid]) -> int | None:
    """Return the place of the cheapest bid with room; None where none has.

    Equal prices share by weight. A weight of 0 is only looked at where there is no other.
    """
    serious = [at for at, bid in enumerate(bids) if bid.weight] or list(range(len(bids)))
    ready = [at for at in serious if bids[at].has_room]
    if not ready:
        return None
    least = min(bids[at].price for at in ready)
    cheapest = [at for at in ready if bids[at].price == least]
    return min(cheapest, key=lambda at: (bids[at].given + 1) / max(1, bids[at].weight))


@dataclass(frozen=True)
class Offer:
    """What one provider of a run asks: its prices, and its share where others ask the same."""

    price_list: PriceList
    weight: int = 1

    @property
    def provider(self) -> Provider:
        """Who offers."""
        return self.price_list.provider

    @property
    def name(self) -> str:
        """What tells the provider from the others."""
        return self.provider.name

    def objections(self, job: Job) -> Iterator[Problem]:
        """Say why this provider cannot draw a job; nothing when it can."""
        name, settings = self.price_list.model_of(job.request), self.price_list.settings
        model = self.price_list.model(name)
        if self.provider.models and model is not None and model.name not in self.provider.models:
            yield Problem(f"{self.name} is not known to serve {model.name}", job.place_of("model"))
            return
        if gone := dict(self.provider.retired_models).get(name):
            yield Problem(f"{self.name} closed {name} on {gone}", job.place_of("model"))
            return
        said = (
            *manifest.lint(job, self.provider.at(name), model),
            *refusals(job, self.provider, model, settings.prepare),
        )
        yield from (problem for problem in said if problem.severity is Severity.ERROR)
        yield from self._prices(job, name)

    def _prices(self, job: Job, name: str) -> Iterator[Problem]:
        try:
            high, most = self.price_list.quote(job.request, 1).high, self.price_list.settings.limits.max_cost_per_image
        except InputError as error:
            yield from (replace(problem, place=job.place_of("model")) for problem in error.problems)
            return
        if most is not None and high > most:
            why = f"an image of {name} may cost {exact(high)} at {self.name}, more than limits.max_cost_per_image, "
            yield Problem(f"{why}{exact(most)}", job.place)


@dataclass(frozen=True)
class Offers:
    """The offers of all providers of a run, in the order of the manifest.

    With one provider there is nothing to choose: whatever it cannot draw was refused before.
    """

    each: tuple[Offer, ...]
    _able: dict[object, tuple[Offer, ...]] = field(default_factory=dict)
    _planned: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[Offer]:
        return iter(self.each)

    def able(self, job: Job) -> tuple[Offer, ...]:
        """Return the providers that can draw a job."""
        if len(self.each) == 1:
            return self.each
        request = job.request
        kind = (request.form, len(request.prompt), job.inherited, job.n)
        return kept(self._able, kind, lambda: tuple(one for one in self.each if not any(one.objections(job))))

    def kind(self, job: Job) -> Kind:
        """Say what a job is priced and reported as before anybody has drawn it: at the first of the cheapest."""
        able = self.able(job) or self.each
        at = choose([Bid(one.price_list.listed(job.request, 1), one.weight) for one in able]) if len(able) > 1 else 0
        return able[at or 0].price_list.kind(job.request)

    def planned(self, job: Job, images: int) -> Cost:
        """Say what drawing so many images of a job may cost: at the cheapest provider, and at most anywhere."""
        able = self.able(job) or self.each
        if len(able) == 1:
            return able[0].price_list.planned(job, images)
        most = per_call((one.price_list for one in able), job.request, images)
        a_call = min(most, images)
        bids = [Bid(one.price_list.listed(job.request, a_call), one.weight, self._planned[one.name]) for one in able]
        costs = [one.price_list.planned(job, images, most) for one in able]
        at = choose(bids) or 0
        self._planned[able[at].name] += images
        high = MicroUSD(max(one.quote.high for one in costs))
        return replace(costs[at], quote=replace(costs[at].quote, high=high))


def per_call(price_lists: Iterable[PriceList], request: ImageRequest, images: int) -> int:
    """How many images one call may ask for, whoever of some providers is asked."""
    return min((price_list.per_call(request, images) for price_list in price_lists), default=1)
