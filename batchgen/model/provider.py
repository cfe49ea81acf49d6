"""Where requests go and what draws: providers, models and prices, as data."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from batchgen.model.job import Operation
from batchgen.money import MicroUSD


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """USD per million tokens, which is micro-dollars per token."""

    text_in: Decimal
    image_out: Decimal
    image_in: Decimal = Decimal(0)
    text_out: Decimal = Decimal(0)


# quality -> "WxH" -> USD for one image; a key "*" stands for any quality or any size.
ImageTable = tuple[tuple[str, tuple[tuple[str, Decimal], ...]], ...]


@dataclass(frozen=True, slots=True)
class Price:
    """How one model is billed at one provider.

    Any of `tokens`, `per_image` and `per_call` may be given; when `tokens` and `per_image` both are, the provider
    charges the cheaper (`cheaper_of`) or both (text tokens beside a per-image table). `per_input_image` is billed for
    each image that goes in, for every image drawn. `multiplier` scales token prices.
    `assumed` marks a price that the provider does not state. `source` names the row for messages and the ledger.
    """

    tokens: TokenPrices | None = None
    per_image: ImageTable = ()
    per_call: Decimal | None = None
    per_input_image: Decimal = Decimal(0)
    cheaper_of: bool = False
    multiplier: Decimal = Decimal(1)
    as_of: date | None = None
    assumed: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class FixedSizes:
    """A model that draws only these sizes."""

    sizes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlexibleSizes:
    """A model that draws any size under these rules, in pixels."""

    multiple: int = 16
    max_ratio: Decimal = Decimal(3)
    max_edge: int = 3840
    min_pixels: int = 655_360
    max_pixels: int = 8_294_400


@dataclass(frozen=True, slots=True)
class Model:
    """What draws. `output_tokens` names the table or formula of its image tokens; see `batchgen.pricing.cost`.

    `input_tokens` names the rule for reference images (tile512, patch32, or flat, which is `input_each`: the usual
    count of one, and the most). `text_out` is what thoughts and words beside one image usually take, and the most.
    `input_fidelity` lists accepted values; empty means that the parameter must be left out. `max_n` bounds the images
    of one call, `auto_quality` is what it draws when the quality is left to it. `batch` is the price of the vendor's
    Batch API, None without one. `markup`: an edit takes what people drew on its first image.
    """

    name: str
    status: str
    sizes: FixedSizes | FlexibleSizes
    qualities: tuple[str, ...]
    output_tokens: str
    input_tokens: str
    price: Price | None
    vendor: str = "OpenAI"
    input_each: tuple[int, int] = (0, 0)
    text_out: tuple[int, int] = (0, 0)
    batch: TokenPrices | None = None
    released: str | None = None
    shutdown: date | None = None
    successor: str | None = None
    aliases: tuple[str, ...] = ()
    transparent: bool = True
    complexity: bool = False
    markup: bool = False
    input_fidelity: tuple[str, ...] = ()
    operations: frozenset[Operation] = frozenset({Operation.GENERATE, Operation.EDIT})
    prompt_limit: int = 32_000
    max_n: int = 10
    auto_quality: str = "medium"
    typical_seconds: tuple[tuple[str, float], ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Auth:
    """Where a key goes: the name of a header, and the word before the key, if any. Never into an address."""

    header: str = "Authorization"
    scheme: str = "Bearer"

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the headers that carry a key; none without a key."""
        return {self.header: f"{self.scheme} {key}".lstrip()} if key else {}


@dataclass(frozen=True, slots=True)
class TaskRules:
    """How a provider that draws later is asked for what it drew.

    `id`, `state` and `result` are dotted places in its answers (`data.0.task_id`): of the task's id in the answer to a
    call, and of its state and its images in the answer below `path`, which has `{id}` where the id goes. States in
    `done` and `failed` are ends, every other one says that it goes on. An empty `result` is wherever images stand.
    `failed_free` says that a failed task is never charged. `every` is the shortest time between two looks, in seconds,
    `life` how long a task is known.
    """

    id: str
    path: str
    state: str
    done: tuple[str, ...]
    failed: tuple[str, ...]
    result: str = ""
    failed_free: bool = False
    every: Decimal = Decimal(2)
    life: int = 24 * 3600

    @property
    def words(self) -> str:
        """The rules for people."""
        free = "is never charged" if self.failed_free else "may have been charged"
        return (
            f"images come later: a call gives an id ({self.id}), asked for at {self.path} every {self.every} s, for"
            f" {self.life / 3600:g} hours at most; {', '.join(self.done)} end it well, {', '.join(self.failed)} badly;"
            f" one that failed {free}"
        )


@dataclass(frozen=True, slots=True)
class BatchRules:
    """Where a provider has files and batches, and what it calls things there.

    `files` and `batches` are endpoints below the base URL. `prefix` stands before the endpoint of a line and of its
    batch. Input files are uploaded for `purpose`, input images for `image_purpose`. `processed` says that a file has to
    be processed before a batch can be made of it.
    """

    files: str = "/files"
    batches: str = "/batches"
    prefix: str = "/v1"
    purpose: str = "batch"
    image_purpose: str = "vision"
    processed: bool = False

    def line_url(self, operation: Operation) -> str:
        """Name the endpoint of a line, and of its batch."""
        return f"{self.prefix}/images/{'edits' if operation is Operation.EDIT else 'generations'}"


class ParamType(StrEnum):
    """What the value of a parameter is in a request."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class OpenParam:
    """A parameter that a provider file opens beside those of the Images API: what its values are.

    `low` and `high` bound numbers, `values` names all that are taken; empty means any. `operations` are those that
    take it, empty means all.
    """

    name: str
    type: ParamType = ParamType.TEXT
    low: Decimal | None = None
    high: Decimal | None = None
    values: tuple[str, ...] = ()
    operations: frozenset[Operation] = frozenset()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of models: where requests go, what it accepts and refuses, how it answers and bills.

    `dialect` names the module that speaks to it (`images` or a sibling); `chat_models` are drawn over chat all the
    same. `auth` says where the key goes, None leaves it to the dialect. `params` are the request parameters it takes
    beside model, prompt and n, per operation; `ignored` are taken and do nothing; anything else is refused. What is
    `unsent` is asked for and stays here: an SVG that a gateway draws by its style is one that was asked for.
    `values` narrows a parameter to the values this provider takes, `refused_values` names single values it refuses,
    `extra_values` values it takes beyond the model's own, and `model_refuses` parameters that one model does not take
    here. `defaults` are what it assumes when nothing is sent: a set value that only restates one need not be sent.
    `retired` names endpoints it has closed, with the day. `response_format` is the value to send ("" sends none).
    `charges_failures` says that a sent call is billed whatever comes back. `batch` is how it offers the vendor's
    Batch API, None without it. `moderations` is the model of its free endpoint that judges prompts, empty where it has
    none.
    `url_life` is how long the address of a result lives, in seconds, None when it does not say.
    `paths` are endpoints where they are not the dialect's own, below the base URL, with `{model}` where the model's
    name goes. `query` goes behind every address, `headers` into every request: each is a name and the environment
    variable that holds its value. `opens` are further parameters. `fields` says where a parameter stands in the
    request (`extra.quality`) if not under its own name. `modalities`, `ratio_field` and `ratios` are for chat: what
    the answer may be, where the ratio is asked for (empty: in the prompt), and which ratios are drawn.
    `cost` is where an answer states its cost in dollars (`usage.cost`), empty where it does not.
    `rules_for` are patterns of the models that the rules bind: params, ignored, values, refused_values, extra_values,
    defaults and prompt_limit; every other model is only bound by what the catalogue knows of it. `for_models` are
    patterns with fields that are otherwise for these models. `retired_models` are closed here since a day.
    `task` is how images are asked for that are drawn after the call was answered, None where none are.
    `image_field` is how a JSON edit names its images: `images: [{image_url}]`, or `image: {url}`; `masks` whether an
    edit takes one.
    """

    name: str
    base_url: str | None
    key_variable: str | None
    default_model: str
    dialect: str = "images"
    models: tuple[str, ...] = ()
    operations: frozenset[Operation] = frozenset({Operation.GENERATE, Operation.EDIT})
    params: tuple[tuple[Operation, frozenset[str]], ...] = ()
    ignored: frozenset[str] = frozenset()
    unsent: frozenset[str] = frozenset()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    refused_values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extra_values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    model_refuses: tuple[tuple[str, tuple[str, ...]], ...] = ()
    retired: tuple[tuple[Operation, date], ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    response_format: str = ""
    edit_body: str = "multipart"
    image_field: str = "images"
    masks: bool = True
    max_n: int = 10
    model_max_n: tuple[tuple[str, int], ...] = ()
    prompt_limit: int | None = None
    prices: tuple[tuple[str, Price], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    chat_models: tuple[str, ...] = ()
    auth: Auth | None = None
    paths: tuple[tuple[Operation, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    opens: tuple[OpenParam, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    modalities: tuple[str, ...] = ()
    ratio_field: str = ""
    ratios: tuple[str, ...] = ()
    cost: str = ""
    task: TaskRules | None = None
    rules_for: tuple[str, ...] = ("*",)
    for_models: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    retired_models: tuple[tuple[str, date], ...] = ()
    download_hosts: tuple[str, ...] = ()
    idempotency_header: str | None = None
    charges_failures: bool = False
    batch: BatchRules | None = None
    moderations: str = ""
    url_life: int | None = None
    embedded: bool = False
    as_of: date | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def takes(self, operation: Operation) -> frozenset[str]:
        """Parameters the provider is known to take for an operation."""
        return dict(self.params).get(operation, frozenset())

    def at(self, model: str) -> "Provider":
        """Return the provider as it deals with one model: rules and fields belong to both together."""
        return self if self.rules_for == ("*",) and not self.for_models else _for_model(self, model)

    @property
    def opens_anywhere(self) -> tuple[OpenParam, ...]:
        """Every parameter that the file opens, for whatever model, each name once."""
        lists = (self.opens, *(dict(fields).get("opens", ()) for _, fields in self.for_models))
        return tuple({param.name: param for params in lists for param in params}.values())

    def opened(self, name: str, operation: Operation) -> OpenParam | None:
        """Return the parameter of this name, if the provider file opens it for an operation."""
        found = next((param for param in self.opens if param.name == name), None)
        return found if found and (not found.operations or operation in found.operations) else None


_RULES: dict[str, Any] = {
    "params": (),
    "ignored": frozenset(),
    "values": (),
    "refused_values": (),
    "extra_values": (),
    "defaults": (),
    "prompt_limit": None,
}
"""What a provider's page says of the models that it is about, as it is for a model that it is not about."""


@lru_cache(maxsize=256)
def _for_model(provider: Provider, model: str) -> Provider:
    changes = {} if any(fnmatchcase(model, pattern) for pattern in provider.rules_for) else dict(_RULES)
    for pattern, fields in provider.for_models:
        if fnmatchcase(model, pattern):
            changes |= dict(fields)
    return replace(provider, **changes, rules_for=("*",), for_models=())


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call for `images` images may cost before it is made; `high` is an upper bound, and what is reserved."""

    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD
    input_tokens: int = 0
    output_tokens: int = 0
    price: Price = field(default_factory=Price)

    def __hash__(self) -> int:
        """Look at the sums alone, which are short: every settlement asks for it."""
        return hash((self.low, self.expected, self.high))


class CostFlag(StrEnum):
    """What was odd about what a call cost."""

    USAGE_MISSING = "usage_missing"
    USAGE_IMPLAUSIBLE = "usage_implausible"
    MODEL_MISMATCH = "model_mismatch"
    SIZE_MISMATCH = "size_mismatch"
    QUALITY_MISMATCH = "quality_mismatch"
    PRICE_TOO_LOW = "price_too_low"
    PRICE_UNKNOWN = "price_unknown"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an answered call did cost; `estimated` when it is the table's figure and not the provider's own usage.

    `flags` name what was odd.
    """

    cost: MicroUSD
    estimated: bool
    flags: tuple[CostFlag, ...] = ()
