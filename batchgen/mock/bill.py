"""What the mock charges: its own prices and its own few lines of arithmetic, so that agreement proves something.

A request costs what its usage says: the input once for every image asked (n images bill as n requests would), the
output for every image delivered, in integer micro-dollars, rounded up once per request. What was charged without an
answer (a call cut off, timed out, spoilt) costs what the answer would have. A dollar per million tokens is one
micro-dollar per token.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from batchgen.mock.models import text_tokens
from batchgen.mock.resolved_request import Kind, ResolvedRequest

# USD per million: text in, reference images in, images out.
LATER = ("5", "8", "30")
FIRST = ("5", "10", "40")
PER_TOKEN: Mapping[str, tuple[str, str, str]] = {
    "gpt-image-1": FIRST,
    "gpt-image-1-mini": ("2", "2.5", "8"),
    "gpt-image-1.5": ("5", "8", "32"),
    "gpt-image-1.5-2025-12-16": ("5", "8", "32"),
    "chatgpt-image-latest": ("5", "8", "32"),
    "gemini-3-pro-image": ("2", "2", "120"),
    "gemini-3.1-flash-image": ("0.5", "0.5", "60"),
    "gemini-2.5-flash-image": ("0.3", "0.3", "30"),
}
# Google's own: thoughts and words out cost less than images out.
PER_THOUGHT = {"gemini-3-pro-image": "12", "gemini-3.1-flash-image": "3", "gemini-2.5-flash-image": "2.5"}
# USD per image as gateways print them: quality -> square, other.
MINI_LIST = {"low": ("0.005", "0.006"), "medium": ("0.011", "0.015"), "high": ("0.036", "0.052")}
FULL_LIST = {
    "low": ("0.011", "0.016"), "medium": ("0.042", "0.063"), "high": ("0.167", "0.25"),
}  # fmt: skip
PER_IMAGE = {("apiyi", "gpt-image-2-all"): "0.03", ("apiyi", "gpt-image-2.6-all"): "0.025"}
PER_IMAGE |= {
    ("gemini-openai", "gemini-2.5-flash-image"): "0.039",
    ("gemini-openai", "gemini-3-pro-image-preview"): "0.24",
}
PER_IMAGE |= {
    ("openrouter", "google/gemini-2.5-flash-image"): "0.03",
    ("xai", "grok-imagine-image"): "0.02",
    ("xai", "grok-imagine-image-quality"): "0.07",
}
BY_ASKED = frozenset({"xai"})
"""Who charges what was asked for, whatever its filters withhold."""
PER_INPUT_IMAGE = {"xai": "0.02"}
OWN_MACHINES = frozenset({"vllm-omni", "sglang", "localai", "stable-diffusion-cpp"})
PER_CALL = {
    **{(provider, model): "0.01" for provider in ("apiyi", "laozhang") for model in ("sora_image", "gpt-4o-image")},
    ("laozhang", "gpt-image-2"): "0.03",
}


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
    model = resolved.echo_model or resolved.model.name
    if (per_call := _per_call(dialect, model)) is not None:
        return _usd(per_call) * factor
    if dialect in OWN_MACHINES:
        return Decimal(0)
    if (per_image := PER_IMAGE.get((dialect, model))) is not None:
        given = _usd(PER_INPUT_IMAGE.get(dialect, "0")) * len(resolved.images) * resolved.n
        drawn = resolved.n if dialect in BY_ASKED else resolved.deliver
        return (_usd(per_image) * drawn + given) * factor
    if (dialect, model) == ("apiyi", "gpt-image-1"):
        # Both ways of billing are printed; the gateway applies the cheaper one.
        return min(_by_token(tokens, "2.5", "2.5", "8"), _listed(resolved, MINI_LIST) * factor)
    if (dialect, model) == ("apiyi", "gpt-image-1.5"):
        return _by_token(tokens, "5", "5", "10")
    if (dialect, model) == ("aihubmix", "gpt-image-1"):
        # Images by the list, prompts by token beside it; nothing is said of reference images.
        return _listed(resolved, FULL_LIST) * factor + _by_token(tokens, "5", "0", "0")
    thoughts = tokens.thoughts * Decimal(PER_THOUGHT.get(model, "0"))
    return _by_token(tokens, *PER_TOKEN.get(model, LATER)) + thoughts


def per_token(model: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return the prices of a model at its vendor: text in, reference images in, images out."""
    text, image, output = PER_TOKEN.get(model, LATER)
    return Decimal(text), Decimal(image), Decimal(output)


def whole(amount: Decimal) -> int:
    """Round up."""
    return int(amount.to_integral_value(rounding=ROUND_CEILING))


def _per_call(dialect: str, model: str) -> str | None:
    if dialect == "laozhang" and model.endswith(("-vip", "-web")):
        return "0.03"
    return PER_CALL.get((dialect, model))


def _by_token(tokens: Used, text: str, image: str, output: str) -> Decimal:
    return tokens.text * Decimal(text) + tokens.image * Decimal(image) + tokens.output * Decimal(output)


def _listed(resolved: ResolvedRequest, listed: Mapping[str, tuple[str, str]]) -> Decimal:
    return _usd(listed[resolved.quality][resolved.width != resolved.height]) * resolved.deliver


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
        self.kind, self.model, self.size, self.quality = (
            resolved.kind,
            resolved.model.name,
            resolved.size,
            resolved.quality,
        )
        self.prompt, self.n = resolved.prompt, resolved.n

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


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks, as the organisation's books know it, and when: never the key itself."""

    when: datetime
    key_id: str
    project_id: str


class Bill:
    """Every request of a server in order; `rises` are price changes: from when on, and how many times the price."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.rises: list[tuple[datetime, Decimal]] = []

    def open(self, at: float, path: str, headers: dict[str, str], sender: Sender, route: str = "sync") -> Entry:
        """Add a line for a request that just arrived."""
        entry = Entry(len(self.entries), round(at, 6), path, headers, route=route)
        entry.when, entry.key_id, entry.project_id = sender.when, sender.key_id, sender.project_id
        for since, times in self.rises:
            if since <= sender.when:
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
