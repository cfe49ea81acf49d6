"""What the mock charges: its own prices and its own few lines of arithmetic, so that agreement proves something.

A request costs what its usage says: the input once for every image asked (n images bill as n requests would), the
output for every image delivered, in integer micro-dollars, rounded up once per request. What was charged without an
answer (a call cut off, timed out, spoilt) costs what the answer would have. A dollar per million tokens is one
micro-dollar per token.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from hashlib import sha256
from typing import Any

from batchgen.mock.dialects import DIALECTS
from batchgen.mock.models import SERVED, MockModel, text_tokens
from batchgen.mock.resolved_request import Kind, ResolvedRequest
from batchgen.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens of one request as they are reported and charged."""

    text: int
    image: int
    output: int
    thoughts: int = 0

    def as_usage(self) -> dict[str, Any]:
        """Build the `usage` object of an answer."""
        return {
            "input_tokens": self.text + self.image,
            "input_tokens_details": {"text_tokens": self.text, "image_tokens": self.image},
            "output_tokens": self.output,
            "output_tokens_details": {"image_tokens": self.output, "text_tokens": 0},
            "total_tokens": self.text + self.image + self.output,
        }


def used(resolved: ResolvedRequest, factor: Decimal = Decimal(1)) -> Used:
    """Count a request's tokens: input once per image asked, output per image delivered."""
    calls = resolved.n
    text = text_tokens(resolved.prompt) * calls
    image = sum(resolved.model.input_tokens(i.width, i.height, resolved.fidelity) for i in resolved.images) * calls
    each = resolved.model.output_tokens(resolved.quality, resolved.width, resolved.height) + 100 * (
        resolved.partial_images or 0
    )
    counted = (text, image, each * resolved.deliver, resolved.model.thoughts * resolved.n)
    return Used(*(whole(Decimal(tokens) * factor) for tokens in counted))


def charge(resolved: ResolvedRequest, tokens: Used, dialect: str, factor: Decimal = Decimal(1)) -> Decimal:
    """Price a request at a provider, in micro-dollars that are not rounded yet."""
    asks, model = DIALECTS[dialect], resolved.model
    if per_call := asks.per_call.get(model.name):
        return _usd(per_call) * factor
    if asks.free:
        return Decimal(0)
    if per_image := asks.per_image.get(model.name):
        given = _usd(asks.per_input_image) * len(resolved.images) * resolved.n
        drawn = resolved.n if asks.charges_asked else resolved.deliver
        return (_usd(per_image) * drawn + given) * factor
    counts = (tokens.text, tokens.image, tokens.output, tokens.thoughts)
    prices = (*asks.per_token.get(model.name, model.per_token), model.per_thought)
    by_token = sum((count * Decimal(price) for count, price in zip(counts, prices, strict=True)), Decimal(0))
    if (listed := asks.listed.get(model.name)) is None:
        return by_token
    by_image = _usd(listed[resolved.quality][resolved.width != resolved.height]) * resolved.deliver * factor
    return min(by_token, by_image) if asks.cheaper else by_image + by_token


def per_token(name: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return the prices of a model at its vendor: text in, reference images in, images out."""
    known = {**SERVED["openai"], **SERVED["gemini"]}
    text, image, output = known.get(name, MockModel()).per_token
    return Decimal(text), Decimal(image), Decimal(output)


def whole(amount: Decimal) -> int:
    """Round up."""
    return int(amount.to_integral_value(rounding=ROUND_CEILING))


def _usd(dollars: str) -> Decimal:
    return Decimal(dollars) * 1_000_000


@dataclass(slots=True)
class Entry:
    """One request on the bill.

    `at` is in seconds since the server started, `pictures` what was drawn for it, `ended` how it ended: answered, cut
    (by a fault of the wire), client_gone, or open while it is under way. `status` is None when no status line was sent.
    `route` is sync, task or batch. What the organisation's books need stands at the end, and in no line of the bill:
    the wall clock at its arrival, the id of its key, its price rise, and its exact cost, which no line rounds.
    """

    index: int
    at: float
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    ended: str = "open"
    kind: Kind | None = None
    model: str = ""
    size: str = ""
    quality: str = ""
    prompt: str = ""
    n: int = 0
    pictures: int = 0
    text_tokens: int = 0
    image_tokens: int = 0
    output_tokens: int = 0
    charged_micro_usd: int = 0
    fault: str | None = None
    route: str = "sync"
    when: datetime | None = None
    key_id: str = ""
    project_id: str = ""
    rise: Decimal = Decimal(1)
    exact_micro_usd: Decimal = Decimal(0)

    @property
    def request_id(self) -> str:
        """The id that the answer carries."""
        return f"req_mock_{self.index:08x}"

    def priced(self, micro_usd: Decimal) -> Decimal:
        """Say what a request costs on its route, at the prices of its time: half on the batch route."""
        return micro_usd * self.rise / (2 if self.route == "batch" else 1)

    def take(self, resolved: ResolvedRequest) -> None:
        """Note what was asked."""
        self.kind, self.model, self.prompt, self.n = resolved.kind, resolved.model.name, resolved.prompt, resolved.n
        self.size, self.quality = resolved.size, resolved.quality

    def charge(self, resolved: ResolvedRequest, tokens: Used, micro_usd: Decimal) -> None:
        """Charge it, with what will be delivered; the bill rounds up once a request."""
        self.take(resolved)
        self.pictures = resolved.deliver
        self.text_tokens, self.image_tokens, self.output_tokens = tokens.text, tokens.image, tokens.output
        self.exact_micro_usd, self.charged_micro_usd = micro_usd, whole(micro_usd)

    def as_dict(self) -> dict[str, Any]:
        """Return the line of `GET /bill`."""
        return {name: value for name, value in asdict(self).items() if name not in BOOKS}


BOOKS = frozenset({"when", "key_id", "project_id", "rise", "exact_micro_usd"})


def digest(key: str) -> str:
    """Shorten a key to something that tells keys apart and leads back to none."""
    return sha256(key.encode()).hexdigest()[:16]


class Bill:
    """Every request of a server in order; `rises` are price changes: from when on, and how many times the price."""

    def __init__(self, clock: Clock, *, project_per_key: bool = False) -> None:
        self._clock, self._began, self._project_per_key = clock, clock.monotonic(), project_per_key
        self.entries: list[Entry] = []
        self.rises: list[tuple[datetime, Decimal]] = []

    def open(self, path: str, headers: dict[str, str], key: str, route: str = "sync") -> Entry:
        """Add a line for a request that just arrived; of its key only a digest is kept."""
        now, name = self._clock.now(), digest(key)
        entry = Entry(len(self.entries), round(self._clock.monotonic() - self._began, 6), path, headers, route=route)
        entry.when, entry.key_id = now, f"key_{name}"
        entry.project_id = f"proj_{name}" if self._project_per_key else "proj_mock"
        for since, times in self.rises:
            if since <= now:
                entry.rise *= times
        self.entries.append(entry)
        return entry

    @property
    def total(self) -> int:
        """Micro-dollars charged so far."""
        return sum(entry.charged_micro_usd for entry in tuple(self.entries))

    def account(self) -> dict[str, Any]:
        """Sum up the bill without its lines."""
        entries = tuple(self.entries)
        return {
            "total_micro_usd": sum(e.charged_micro_usd for e in entries),
            "calls": len(entries),
            "charged_calls": sum(1 for e in entries if e.charged_micro_usd),
            "pictures": sum(e.pictures for e in entries),
        }
