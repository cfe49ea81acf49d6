"""What calls cost at one provider: catalogue, the user's own prices and the ledger's history brought together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from batchgen import catalog
from batchgen.errors import InputError
from batchgen.model import (
    Attempt,
    CostFlag,
    ImageRequest,
    Job,
    Model,
    Price,
    Provider,
    Quote,
    Receipt,
    Route,
    RouteChoice,
    Settings,
    Settlement,
)
from batchgen.money import MicroUSD, round_up
from batchgen.pricing import cost
from batchgen.pricing.bill import Counts, bill
from batchgen.pricing.tokens import text_tokens, text_tokens_bound
from batchgen.providers.dialects import asked_look, most_per_call
from batchgen.providers.images import PARTIALS
from batchgen.providers.rules import PREVIEWS, comes_whole
from batchgen.runtime.memo import kept

if TYPE_CHECKING:
    from batchgen.ledger import History

LATENCY = 30.0
"""Seconds of a call where neither history nor the catalogue knows better."""


class Kind(NamedTuple):
    """What a call is priced and reported as."""

    model: str
    size: str
    quality: str
    provider: str


Past = Callable[[str, str, str], "History | None"]
"""What calls of a model, size and quality really cost and took."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What drawing slots of a job may cost, over `calls` calls of about `seconds` each, and what it is priced as."""

    quote: Quote
    calls: int
    model: str
    size: str
    quality: str
    provider: str
    seconds: float = 0.0


def no_past(_model: str, _size: str, _quality: str) -> None:
    """Know nothing of earlier calls."""


@dataclass
class PriceList:
    """Prices of one provider under one manifest's settings; `past` calibrates what is expected."""

    provider: Provider
    settings: Settings
    past: Past = no_past
    _prices: dict[str, Price] = field(default_factory=dict)
    _kinds: dict[object, Kind] = field(default_factory=dict)
    _most: dict[object, int] = field(default_factory=dict)
    _quotes: dict[object, Quote] = field(default_factory=dict)
    _costs: dict[object, Cost] = field(default_factory=dict)
    _settlements: dict[object, Settlement] = field(default_factory=dict)
    _histories: dict[object, "History | None"] = field(default_factory=dict)

    def model_of(self, request: ImageRequest) -> str:
        """Return the model that will draw: the one asked for, or the provider's default."""
        return request.model or self.provider.default_model

    def model(self, name: str) -> Model | None:
        """Return the model's facts; None for one that the catalogue does not know."""
        return catalog.find_model(name)

    def price(self, name: str) -> Price:
        """Return the price of a model; InputError when nobody states one."""
        if name not in self._prices:
            price = catalog.price_of(name, self.provider, self.settings.prices)
            if price is None:
                unpriced = f"no price is known for model {name!r}"
                if self.model(name) is None:
                    unpriced = f"unknown model {name!r}{catalog.nearest_model(name)}: no price is known for it"
                raise InputError(
                    f"{unpriced} at {self.provider.name}, so nothing can be reserved; "
                    f"give one in the manifest, such as prices: {{{name}: {{per_image: 0.04}}}}"
                )
            self._prices[name] = price
        return self._prices[name]

    def unpriced(self, request: ImageRequest) -> str:
        """Why a price of tokens says nothing of what is asked for; empty when it does, and where there is no price."""
        kind, name = request.output_format, self.model_of(request)
        if kind not in PREVIEWS or catalog.price_of(name, self.provider, self.settings.prices) is None:
            return ""
        if self.price(name).tokens is None:
            return ""
        return (
            f"how many tokens an image of output_format {kind} takes is not published, so nothing can be reserved; "
            f"state its price in the manifest, such as prices: {{{name}: {{per_image: 0.50}}}}"
        )

    def batch_price(self, name: str) -> Price:
        """Return the price of a model in batches; InputError where there are none for it."""
        price = catalog.batch_price(name, self.provider, self.settings.prices)
        if price is None:
            raise InputError(f"{self.provider.name} draws no batches of {name}: take route: sync, or another model")
        return price

    def kind(self, request: ImageRequest) -> Kind:
        """Say what a request is priced and reported as."""
        return kept(self._kinds, (request.model, request.params), lambda: self._kind(request))

    def _kind(self, request: ImageRequest) -> Kind:
        size, quality = asked_look(request, self.provider)
        return Kind(self.model_of(request), size or "auto", quality or "auto", self.provider.name)

    def history(self, request: ImageRequest) -> "History | None":
        """Say what such calls really cost and took, looked up once."""
        kind = self.kind(request)[:3]
        return kept(self._histories, kind, lambda: self.past(*kind))

    def streams(self, request: ImageRequest) -> bool:
        """Whether the answer to a call is asked for as events."""
        return self.settings.stream and not comes_whole(request, self.provider, self.model_of(request))

    def as_sent(self, request: ImageRequest) -> ImageRequest:
        """Return a request with the partial image that a streamed answer has, which costs tokens."""
        if not self.streams(request):
            return request
        return replace(request, params=(*request.params, ("partial_images", str(PARTIALS))))

    def quote(self, request: ImageRequest, n: int, *, batch: bool = False) -> Quote:
        """Say what one call for `n` images may cost, or the same line in the vendor's Batch API."""
        kind = (_look(request), n, batch)
        return kept(self._quotes, kind, lambda: self._quote(request, n, batch=batch))

    def _quote(self, request: ImageRequest, n: int, *, batch: bool) -> Quote:
        name = self.model_of(request)
        calibrated = None if batch else self._calibrated(request)
        price = self.batch_price(name) if batch else self.price(name)
        if why := self.unpriced(request):
            raise InputError(why)
        sent = request if batch else self.as_sent(request)
        return cost.quote(sent, n, self.provider, self.model(name), price, history=calibrated)

    def _calibrated(self, request: ImageRequest) -> MicroUSD | None:
        """Say what one image really cost; where the price has changed since, by its tokens at the price of today.

        Where images have a price of their own, or the provider states what it took, by the money of those calls alone.
        Where nobody counted tokens that are paid, what they cost was the list's own figure: it teaches nothing.
        """
        history, price = self.history(request), self.price(self.model_of(request))
        if history is None:
            return None
        if price.tokens is None or price.per_image or self.provider.cost:
            return history.cost_p50
        if history.counted is None:
            return None
        then, images, text, drawn, text_out = history.counted
        kind = self.kind(request)
        now = round_up(bill(price, Counts(text, 0, drawn, text_out), images, kind.size, kind.quality))
        return history.cost_p50 if now == then else MicroUSD(-(-now // images))

    def listed(self, request: ImageRequest, n: int) -> MicroUSD:
        """Say what the list expects of one call, whatever earlier calls really cost: by this providers are compared."""
        kind = (_look(request), n, None)
        return kept(self._quotes, kind, lambda: self._listed(request, n)).expected

    def _listed(self, request: ImageRequest, n: int) -> Quote:
        name = self.model_of(request)
        return cost.quote(self.as_sent(request), n, self.provider, self.model(name), self.price(name), history=None)

    def settle(self, attempt: Attempt, receipt: Receipt) -> Settlement:
        """Say what an answered call did cost."""
        counts = receipt.usage and receipt.usage.counts
        kind = (_look(attempt.request), attempt.model, attempt.quote, attempt.n, counts, receipt.echo, receipt.count)
        return kept(self._settlements, kind, lambda: self._settle(attempt, receipt))

    def _settle(self, attempt: Attempt, receipt: Receipt) -> Settlement:
        return cost.settle(
            attempt.request if attempt.route is Route.BATCH else self.as_sent(attempt.request),
            attempt.n,
            self.provider,
            self.model(attempt.model),
            attempt.quote.price,
            receipt.usage,
            receipt.echo,
            attempt.quote,
            came=receipt.count,
            overrides=self.settings.prices,
        )

    def settle_late(self, attempt: Attempt, receipt: Receipt) -> Settlement:
        """Say what a call did cost that no run waits for any more, at the provider that drew it, at its price of today.

        Its worst case where nobody states that price any more: a changed manifest must not keep a paid answer out.
        """
        try:
            is_here = attempt.provider == self.provider.name
            there = self if is_here else PriceList(catalog.provider(attempt.provider), self.settings)
            by_batch = attempt.route is Route.BATCH
            price = there.batch_price(attempt.model) if by_batch else there.price(attempt.model)
        except InputError:
            return Settlement(attempt.quote.high, estimated=True, flags=(CostFlag.PRICE_UNKNOWN,))
        return there._settle(replace(attempt, quote=replace(attempt.quote, price=price)), receipt)  # noqa: SLF001 - one of us

    def per_call(self, request: ImageRequest, images: int) -> int:
        """How many images one call for this request asks for; what a minute does not allow is refused for ever."""
        name, kind = self.model_of(request), request.output_format
        cap = kept(self._most, (name, kind), lambda: most_per_call(self.provider, name, request))
        a_minute = self.settings.limits.images_per_minute or cap
        return max(1, min(self.settings.images_per_request or images, cap, a_minute))

    def cost(self, job: Job, images: int, most: int | None = None, *, batch: bool = False) -> Cost:
        """Say what drawing so many images of a job may cost, over as many calls as it takes with `most` in each."""
        request = job.request
        kind = (_look(request), images, most, batch)
        return kept(self._costs, kind, lambda: self._cost(request, images, most, batch=batch))

    def planned(self, job: Job, images: int, most: int | None = None) -> Cost:
        """Say what drawing so many images of a job may cost the way the settings say."""
        return self.cost(job, images, most, batch=self.settings.route_of(job) is not RouteChoice.SYNC)

    def expected(self, job: Job, images: int, times: int, *, batch: bool = False) -> MicroUSD:
        """Say what so many jobs may be expected to cost that are all like this one."""
        return MicroUSD(self.cost(job, images, batch=batch).quote.expected * times)

    def _cost(self, request: ImageRequest, images: int, most: int | None, *, batch: bool) -> Cost:
        most = most or self.per_call(request, images)
        full, rest = divmod(images, most)
        quotes = [(self.quote(request, n, batch=batch), times) for n, times in ((most, full), (rest, 1)) if n and times]
        return Cost(
            quote=_sum(quotes),
            calls=ceil(images / most),
            **self.kind(request)._asdict(),
            seconds=self._seconds(request),
        )

    def _seconds(self, request: ImageRequest) -> float:
        history = self.history(request)
        if history and history.count:
            return history.seconds_p50
        model = self.model(self.model_of(request))
        return catalog.typical_seconds(model, self.kind(request).quality) if model else LATENCY


def _look(request: ImageRequest) -> tuple[object, ...]:
    """Say what a request's price depends on: of the prompt, only how long it is."""
    words = (text_tokens(request.prompt), text_tokens_bound(request.prompt))
    return (request.form, *words)


def _sum(quotes: Sequence[tuple[Quote, int]]) -> Quote:
    """Add quotes up, each so many times, at the price of the first."""
    names = ("low", "expected", "high", "input_tokens", "output_tokens")
    sums = {name: sum(getattr(quote, name) * times for quote, times in quotes) for name in names}
    return replace(quotes[0][0], **sums)


def together(costs: Sequence[Cost]) -> Cost:
    """Say what calls with several prompts for one job cost together."""
    if len(costs) == 1:
        return costs[0]
    return replace(costs[0], quote=_sum([(one.quote, 1) for one in costs]), calls=sum(one.calls for one in costs))
