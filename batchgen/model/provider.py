"""Where requests go and what draws: providers, models and prices, as data."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

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
    charges the cheaper (`cheaper_of`) or both (text tokens beside a per-image table). `multiplier` scales token prices.
    `assumed` marks a price that the provider does not state. `source` names the row for messages and the ledger.
    """

    tokens: TokenPrices | None = None
    per_image: ImageTable = ()
    per_call: Decimal | None = None
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

    `input_tokens` names the rule for reference images (tile512, patch32). `input_fidelity` lists accepted values;
    empty means that the parameter must be left out. `batch` is the price of the vendor's Batch API, None without one.
    """

    name: str
    status: str
    sizes: FixedSizes | FlexibleSizes
    qualities: tuple[str, ...]
    output_tokens: str
    input_tokens: str
    price: Price | None
    batch: TokenPrices | None = None
    released: str | None = None
    shutdown: date | None = None
    successor: str | None = None
    aliases: tuple[str, ...] = ()
    transparent: bool = True
    complexity: bool = False
    input_fidelity: tuple[str, ...] = ()
    operations: frozenset[Operation] = frozenset({Operation.GENERATE, Operation.EDIT})
    prompt_limit: int = 32_000
    typical_seconds: tuple[tuple[str, float], ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Auth:
    """Where a key goes: the name of a header, and the word before the key, if any. Never into an address."""

    header: str = "Authorization"
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class Provider:
    """A door to models: where requests go, what it accepts and refuses, how it answers and bills.

    `dialect` names the module that speaks to it (`images` or a sibling); `chat_models` are drawn over chat all the
    same. `auth` says where the key goes, None leaves it to the dialect. `params` are the request parameters it takes
    beside model, prompt and n, per operation; `ignored` are taken and do nothing; anything else is refused.
    `values` narrows a parameter to the values this provider takes, `refused_values` names single values it refuses,
    `extra_values` values it takes beyond the model's own, and `model_refuses` parameters that one model does not take
    here. `defaults` are what it assumes when nothing is sent: a set value that only restates one need not be sent.
    `retired` names endpoints it has closed, with the day. `response_format` is the value to send ("" sends none).
    `charges_failures` says that a sent call is billed whatever comes back. `batch` says that it offers the vendor's
    Batch API. `url_life` is how long the address of a result lives, in seconds, None when it does not say.
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
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    refused_values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extra_values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    model_refuses: tuple[tuple[str, tuple[str, ...]], ...] = ()
    retired: tuple[tuple[Operation, date], ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    response_format: str = ""
    edit_body: str = "multipart"
    max_n: int = 10
    model_max_n: tuple[tuple[str, int], ...] = ()
    prompt_limit: int | None = None
    prices: tuple[tuple[str, Price], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    chat_models: tuple[str, ...] = ()
    auth: Auth | None = None
    download_hosts: tuple[str, ...] = ()
    idempotency_header: str | None = None
    charges_failures: bool = False
    batch: bool = False
    url_life: int | None = None
    embedded: bool = False
    as_of: date | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def takes(self, operation: Operation) -> frozenset[str]:
        """Parameters the provider is known to take for an operation."""
        return dict(self.params).get(operation, frozenset())


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call for `images` images may cost before it is made; `high` is an upper bound, and what is reserved."""

    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD
    input_tokens: int = 0
    output_tokens: int = 0
    price: Price = field(default_factory=Price)


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
