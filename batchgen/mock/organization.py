"""The organisation's books as an administrator sees them: buckets of image usage and of costs, made of the bill.

Fields, limits and pages are those of the vendor's endpoints (openai 3.51.0 on PyPI, `types/admin/organization`). What
nobody here would do by itself can be planted: calls by somebody else, a price change, cached input, another currency,
days that begin at another hour, and refusals of the endpoints.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from batchgen.mock.bill import Bill, Entry, per_token
from batchgen.mock.resolved_request import Kind
from batchgen.runtime.clock import Clock

ADMIN = "sk-admin-"
"""How the vendor's admin keys begin."""
SOURCES = {Kind.EDIT: "image.edit", Kind.VARIATION: "image.variation"}
GENERATION = "image.generation"
USER = "user-mock"
DAY = 86_400
CACHED_SHARE = Decimal("0.25")
"""What cached input costs, as a share of the price."""
T = TypeVar("T")


def is_admin(key: str) -> bool:
    """Whether a key is one of an administrator: such keys draw nothing, and others see no books."""
    return key.startswith(ADMIN)


@dataclass(frozen=True, slots=True)
class Planted:
    """What stands on the books beside the truth; `rises` lie with the bill, as they change what is charged.

    cached_input: the share of the text input that counts as cached. day_begins: at how many seconds after midnight
    (UTC) the provider's days begin. refusals: so many requests for books are refused with this status before one is
    answered, each with a wait of so many seconds.
    """

    calls: tuple[Entry, ...] = ()
    cached_input: Decimal = Decimal(0)
    currency: str = "usd"
    day_begins: int = 0
    refusals: int = 0
    status: int = 429
    wait: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """One line item of one call."""

    item: str
    micro_usd: Decimal
    tokens: int | None


_READ: Mapping[str, Callable[[Any], Any]] = {
    "cached_input": lambda value: Decimal(str(value)),
    "currency": str,
    "day_begins": int,
    "refusals": int,
    "status": int,
    "wait": int,
}


class Organization:
    """The books of one server."""

    def __init__(self, bill: Bill, clock: Clock) -> None:
        self._bill, self._clock = bill, clock
        self.planted = Planted()

    def plant(self, told: Mapping[str, Any]) -> None:
        """Put something on the books; ValueError, KeyError or TypeError when it cannot be read."""
        rest = dict(told)
        calls = tuple(_foreign(one) for one in rest.pop("calls", ()))
        price = rest.pop("price", None)
        changes: dict[str, Any] = {name: _READ[name](value) for name, value in rest.items()}
        self.planted = replace(self.planted, calls=(*self.planted.calls, *calls), **changes)
        if price is not None:
            since = datetime.fromtimestamp(float(price["since"]), UTC)
            self._bill.rises.append((since, Decimal(str(price["times"]))))

    def refuse(self) -> tuple[int, int] | None:
        """Say with which status, and which wait, the next request is refused, if it is."""
        planted = self.planted
        if planted.refusals <= 0:
            return None
        self.planted = replace(planted, refusals=planted.refusals - 1)
        return planted.status, planted.wait

    def total(self) -> Decimal:
        """Sum up everything on the books, in micro-dollars that nobody rounded."""
        return sum((call.exact_micro_usd for call in self._calls()), Decimal(0))

    def usage(self, start: int, end: int, width: int, groups: Sequence[str]) -> list[dict[str, Any]]:
        """Make buckets of image usage, the empty ones too."""
        return self._buckets(start, end, width, lambda calls: _used(calls, groups))

    def costs(self, start: int, end: int, groups: Sequence[str]) -> list[dict[str, Any]]:
        """Make buckets of costs, the empty ones too."""
        planted = self.planted
        return self._buckets(start, end, DAY, lambda calls: _cost(calls, groups, planted))

    def now(self) -> int:
        """Return the present second."""
        return int(self._clock.now().timestamp())

    def _buckets(self, start: int, end: int, width: int, results: Any) -> list[dict[str, Any]]:
        shift = self.planted.day_begins if width == DAY else 0
        first, last = (start - shift) // width, -((shift - end) // width)
        sorted_in: dict[int, list[Entry]] = {}
        for call in self._calls():
            assert call.when is not None, "whoever asks is known, and when"
            sorted_in.setdefault(int(call.when.timestamp() - shift) // width, []).append(call)
        return [
            {
                "object": "bucket",
                "start_time": number * width + shift,
                "end_time": (number + 1) * width + shift,
                "results": results(sorted_in.get(number, [])),
            }
            for number in range(first, last)
        ]

    def _calls(self) -> Iterator[Entry]:
        yield from (entry for entry in tuple(self._bill.entries) if entry.exact_micro_usd)
        yield from self.planted.calls


def _foreign(told: Mapping[str, Any]) -> Entry:
    return Entry(
        0,
        0.0,
        "",
        when=datetime.fromtimestamp(float(told["at"]), UTC),
        key_id=str(told.get("key_id", "key_somebody_else")),
        project_id=str(told.get("project_id", "proj_mock")),
        model=str(told["model"]),
        size=str(told.get("size", "1024x1024")),
        kind=next((kind for kind, source in SOURCES.items() if source == told.get("source")), Kind.GENERATE),
        pictures=int(told.get("images", 1)),
        exact_micro_usd=Decimal(str(told["micro_usd"])),
    )


USAGE_GROUPS = ("project_id", "user_id", "api_key_id", "model", "size", "source")
COST_GROUPS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")


def _facts(call: Entry, item: str = "") -> dict[str, str]:
    return {
        "project_id": call.project_id,
        "user_id": USER,
        "api_key_id": call.key_id,
        "model": call.model,
        "size": call.size,
        "source": SOURCES.get(call.kind or Kind.GENERATE, GENERATION),
        "line_item": item,
        "api_source": "unlabeled",
    }


def _grouped(
    things: Iterable[tuple[dict[str, str], T]], names: Sequence[str], asked: Sequence[str]
) -> Iterator[tuple[dict[str, str | None], list[T]]]:
    """Put together what has the same facts among those that are asked for; the others are told as nothing."""
    groups: dict[tuple[str | None, ...], list[T]] = {}
    for facts, thing in things:
        groups.setdefault(tuple(facts[name] if name in asked else None for name in names), []).append(thing)
    for key, found in sorted(groups.items(), key=lambda item: str(item[0])):
        yield dict(zip(names, key, strict=True)), found


def _used(calls: Sequence[Entry], groups: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "object": "organization.usage.images.result",
            "images": sum(call.pictures for call in found),
            "num_model_requests": len(found),
            **key,
        }
        for key, found in _grouped(((_facts(call), call) for call in calls), USAGE_GROUPS, groups)
    ]


def _cost(calls: Sequence[Entry], groups: Sequence[str], planted: Planted) -> list[dict[str, Any]]:
    costs = ((_facts(call, cost.item), cost) for call in calls for cost in _items(call, planted.cached_input))
    listed = []
    for key, found in _grouped(costs, COST_GROUPS, groups):
        dollars = sum((cost.micro_usd for cost in found), Decimal(0)) / 1_000_000
        counted = "line_item" in groups and all(cost.tokens is not None for cost in found)
        listed.append(
            {
                "object": "organization.costs.result",
                "amount": {"value": float(dollars), "currency": planted.currency},
                "quantity": float(sum(cost.tokens or 0 for cost in found)) if counted else None,
                "quantity_unit": "tokens" if counted else None,
                **key,
            }
        )
    return listed


def _items(call: Entry, cached_share: Decimal) -> Iterator[Cost]:
    """Cut the cost of a call into line items; what tokens do not explain stays with the output."""
    batch = call.route == "batch"
    name = f"{call.model} batch" if batch else call.model
    text_price, image_price, _ = per_token(call.model)
    half = Decimal(2 if batch else 1)
    cached = int(call.text_tokens * cached_share)
    text = (call.text_tokens - cached) * text_price / half
    saved = cached * text_price * (1 - CACHED_SHARE) / half
    of_cache = cached * text_price * CACHED_SHARE / half
    image = call.image_tokens * image_price / half
    rest = call.exact_micro_usd - saved - text - of_cache - image
    if rest < 0:  # it was charged by other rules than by token
        yield Cost(f"{name}, output_image_tokens", call.exact_micro_usd, None)
        return
    known = call.output_tokens or None
    for kind, amount, tokens in (
        ("input_text_tokens", text, call.text_tokens - cached),
        ("cached_input_text_tokens", of_cache, cached),
        ("input_image_tokens", image, call.image_tokens),
    ):
        if amount:
            yield Cost(f"{name}, {kind}", amount, tokens)
    yield Cost(f"{name}, output_image_tokens", rest, known)
