"""What a YAML or JSON manifest may say: pydantic models, used at the door to check and to make the JSON Schema.

Every value arrives as text; numbers are read from it here and nowhere else. The schema, which is for editors, says
number where a person would write one.
"""

import re
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PlainValidator, Tag, WithJsonSchema, model_validator

from batchgen.imaging.presets import presets
from batchgen.manifest.names import shown
from batchgen.model import (
    BadRows,
    CanaryUntil,
    Event,
    Fit,
    Metadata,
    ModerationCheck,
    OnCheck,
    OnMismatch,
    OnPartial,
    OnUncertain,
    Platform,
    RouteChoice,
)
from batchgen.money import MicroUSD, from_usd

IGNORED = "x-"
"""How keys begin that are a place for anchors and notes."""
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(s|min|m|h|d)", re.ASCII)
_AMOUNT = re.compile(r"\$?\d{1,12}(\.\d{1,12})?", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(b|kb|mb|gb|kib|mib|gib)?", re.ASCII | re.IGNORECASE)
_UNITS = {"b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "kib": 1024, "mib": 1 << 20, "gib": 1 << 30}
_RECIPE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def seconds(text: str) -> float:
    """Read a duration: `90`, `90s`, `2h`, `1h30m`; ValueError when it is none."""
    written = text.strip().replace(" ", "")
    if _NUMBER.fullmatch(written):
        return float(written)
    parts = _DURATION.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise ValueError(f"{shown(text)} is not a duration, such as 90s, 45m or 2h")
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def _money(value: Any) -> MicroUSD:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value.strip()):
        raise ValueError(f"{shown(value)} is not an amount in dollars, such as 25.00")
    return from_usd(value)


def _price(value: Any) -> Decimal:
    _money(value)
    return Decimal(str(value).strip().removeprefix("$"))


def _duration(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("expected a duration, such as 90s or 2h")  # noqa: TRY004 - pydantic takes ValueErrors
    return seconds(value)


def _bytes(value: Any) -> int:
    """Read a count of bytes: `200000`, `500 kB`, `1 MB`, `1.5 MiB`."""
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found or not (count := int(Decimal(found[1]) * _UNITS[(found[2] or "b").lower()])):
        raise ValueError(f"{shown(value)} is not a size of a file, such as 500 kB or 1 MB")
    return count


def _recipe_name(value: Any) -> str:
    if not isinstance(value, str) or not _RECIPE_NAME.fullmatch(value):
        raise ValueError(f"{shown(value)} cannot name a folder of derivatives; use small letters, digits, - and _")
    return value


def _preset(value: Any) -> str:
    if value not in presets():
        raise ValueError(f"{shown(value)} is not a preset; there are {', '.join(presets())}")
    return str(value)


def _asked(value: Any) -> ModerationCheck:
    try:
        return ModerationCheck(str(value).strip().lower())
    except ValueError:
        raise ValueError(f"{shown(str(value))} is none of true, false and warn") from None


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{shown(value)} is not a time zone, such as Europe/Berlin") from None


def _variable(value: Any) -> str:
    """Read the name of an environment variable; what is no name may be a secret, and is not shown."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(
            "name the environment variable that holds the address, such as SHOP_NOTIFY_URLS; "
            "an address is a secret and does not belong into a manifest"
        )
    return value


_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)
_number = {"type": ["number", "string"]}
Text = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Cell = Annotated[str | None, WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Money = Annotated[MicroUSD, PlainValidator(_money), WithJsonSchema(_number)]
Dollars = Annotated[Decimal, PlainValidator(_price), WithJsonSchema(_number)]
Duration = Annotated[float, PlainValidator(_duration), WithJsonSchema(_number)]
Bytes = Annotated[int, PlainValidator(_bytes), WithJsonSchema(_number)]
PresetName = Annotated[str, PlainValidator(_preset), WithJsonSchema({"type": "string", "enum": [*presets()]})]
Asked = Annotated[ModerationCheck, PlainValidator(_asked), WithJsonSchema({"enum": [True, False, "warn"]})]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string"})]
Variable = Annotated[str, PlainValidator(_variable), WithJsonSchema({"type": "string"})]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Edge = Annotated[int, Field(ge=1, le=20_000)]
Cells = dict[str, Cell]
COLOUR = "^#[0-9a-fA-F]{6}$"
RecipeName = Annotated[str, PlainValidator(_recipe_name), WithJsonSchema({"type": "string"})]


class Form(BaseModel):
    """Known keys only; an empty value means that the key is not set. A key that begins with `x-` is passed over."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra={"patternProperties": {f"^{IGNORED}": {}}},
    )

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not str(name).startswith(IGNORED)}


def _images_kind(value: Any) -> str:
    return "several" if isinstance(value, list) else "one"


class RequestForm(Form):
    """What one request may set."""

    model: Text | None = None
    """What draws; without it the provider's default model."""
    n: Text | None = None
    """Images wanted of one job, 1 to 10."""
    operation: Text | None = None
    """generate, edit or variation; without it, `images` makes an edit."""
    prompt: Text | None = None
    """What to draw."""
    size: Text | None = None
    """WxH in pixels, or auto."""
    quality: Text | None = None
    background: Text | None = None
    moderation: Text | None = None
    output_format: Text | None = None
    """png, jpeg or webp; gif and svg where the provider draws them."""
    output_compression: Text | None = None
    """0 to 100, for jpeg and webp."""
    input_fidelity: Text | None = None
    user: Text | None = None
    safety_identifier: Text | None = None
    complexity: Text | None = None
    frame_count: Text | None = None
    """Frames of a gif, 2 to 16."""
    frame_duration_ms: Text | None = None
    """How long each frame of a gif is shown, in milliseconds."""
    svg_model: Text | None = None
    """The text model that writes an svg."""
    svg_effort: Text | None = None
    """How long the model that writes an svg may reason, none to max."""
    style: Text | None = None
    negative_prompt: Text | None = None
    response_format: Text | None = None
    """Known per provider; only for one that takes it, to have it otherwise."""
    image: Text | None = None
    """One reference image: a file, an https address, or `@id` of another job."""
    images: (
        Annotated[Annotated[Text, Tag("one")] | Annotated[list[Text], Tag("several")], Discriminator(_images_kind)]
        | None
    ) = None
    """Reference images: a list, or one text that gives several, such as "{{ Images | split(',') }}"."""
    reference_image: Text | None = None
    """A reference image of a generation, for providers that take one."""
    mask: Text | None = None
    """Where an edit may change its first image: a PNG that is transparent there, or black on white."""
    markup: Text | None = None
    """What people drew on the first image of an edit: a file, a transparent PNG as large as the image."""
    route: Text | None = None
    """sync or batch: how this job is asked for, instead of the manifest's route; it changes no job."""


class OwnLimitsForm(Form):
    """What one of several providers allows, instead of what `limits` says."""

    images_per_minute: Count | None = None
    input_images_per_minute: Count | None = None
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    images_per_day: Count | None = None
    concurrency: Count | None = None


class LimitsForm(OwnLimitsForm):
    """Rates per sliding minute, parallel calls, and hard stops of one run."""

    max_cost: Money | None = None
    """USD, hard, for one run."""
    max_images: Count | None = None
    max_duration: Duration | None = None
    max_cost_per_image: Money | None = None
    """USD; a job of which one image may cost more is an error of check."""


class BudgetForm(Form):
    """USD across all runs of one ledger."""

    day: Money | None = None
    month: Money | None = None
    timezone: Zone | None = None


class RetryForm(Form):
    """How often and how patiently one call is tried in one run."""

    attempts: Count | None = None
    base_seconds: Duration | None = None
    cap_seconds: Duration | None = None
    max_uncertain: Annotated[int, Field(ge=0)] | None = None
    deadline_seconds: Annotated[Duration, Field(gt=0)] | None = None
    breaker_probe_seconds: list[Duration] | None = None


def _moment(value: Any) -> time | float:
    """Read a time of the day, `07:00`, or a duration."""
    found = _CLOCK.fullmatch(str(value).strip())
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return time(int(found[1]), int(found[2]))
    try:
        return _duration(value)
    except ValueError:
        raise ValueError(
            f'{shown(value)} is neither a time of the day, such as "07:00", nor a duration, such as 6h'
        ) from None


class BatchForm(Form):
    """How images are asked for in batches, at half the price."""

    ready_by: Annotated[time | float, PlainValidator(_moment), WithJsonSchema(_number)] | None = None
    """With route auto: when everything has to be there, a time of the day such as "07:00", or a duration such as 6h."""
    max_lines: Annotated[int, Field(ge=1, le=50_000)] | None = None
    """Most lines of one batch."""
    max_output: Bytes | None = None
    """How large the output of one batch may be, as far as that can be foreseen, such as 500 MB; 4 GB by default."""
    keep_files: bool | None = None
    """Whether the provider keeps the files of batches that were collected."""


class RayForm(Form):
    """A Ray cluster whose nodes make the calls."""

    address: Annotated[str, Field(pattern=r"^(auto|[^/\s]+:\d+)$")] | None = None
    """auto, or HOST:PORT; without it all cores of this machine."""
    per_node: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Calls under way on one node, 64 by default."""
    linger: Duration | None = None
    """How long nodes stay after they last heard of a run, 120 s by default."""


class EngineForm(Form):
    """Which machines make the calls."""

    ray: RayForm | None = None
    """The nodes of a Ray cluster, instead of this process."""


class ShopForm(Form):
    """A sheet for importing the images into a shop, report/shop.csv."""

    sku: Text
    """Whose images they are, such as "{{ sku }}"; a job for which it is empty is not listed."""
    alt: Text | None = None
    """What the image shows, in words."""
    url: Text | None = None
    """Where the shop finds it, such as "https://cdn.example/{{ path }}"; without it the path itself is listed."""
    platform: Platform | None = None
    """shopify, woocommerce or matrixify: the columns that it imports; without it, sku, position, image and alt."""
    handle: Text | None = None
    """What Shopify calls the product in addresses, such as "{{ handle }}"."""
    image: Text | None = None
    """The derivative that is listed instead of the image itself, such as web."""

    @model_validator(mode="after")
    def _importable(self) -> "ShopForm":
        if self.platform and self.url is None:
            raise ValueError(f"{self.platform} fetches images by address: add `url`")
        if self.platform in {Platform.SHOPIFY, Platform.MATRIXIFY} and self.handle is None:
            raise ValueError(f"{self.platform} finds products by their handle: add `handle`")
        return self


class OutputForm(Form):
    """Where images go, and what is written beside them."""

    path: Text | None = None
    """Below images/, default "{{ id }}-{{ index }}.{{ ext }}"; index counts from 0."""
    shop: ShopForm | None = None
    store: Annotated[str, Field(pattern="^(s3|gs|az|file|memory):.+")] | None = None
    """Where images are kept: s3://BUCKET/FOLDER, gs://, az:// or file:///FOLDER; default the output folder."""
    sidecars: bool = False
    """A JSON file beside each image with all that is needed to draw it again."""


class PrepareForm(Form):
    """How reference images are made smaller on their way out."""

    max_edge: Count | None = None
    format: Annotated[str, Field(pattern="^(png|jpeg|webp)$")] | None = None


class DerivativeForm(Form):
    """What is made of each stored image, below derivatives/NAME/; it costs nothing."""

    preset: PresetName | None = None
    """What a shop asks for; what is set beside it stands."""
    width: Edge | None = None
    height: Edge | None = None
    max_edge: Edge | None = None
    """Pixels of the longer side, at most."""
    fit: Fit | None = None
    """How it comes into width x height: contain, the default, cover, or pad with background."""
    background: Annotated[str, Field(pattern=COLOUR)] | None = None
    """The colour behind transparent pixels and around padded images, such as "#ffffff"."""
    format: Annotated[str, Field(pattern="^(png|jpeg|webp)$")] | None = None
    """png, jpeg or webp; without it, that of the image."""
    quality: Annotated[int, Field(ge=1, le=100)] | None = None
    max_bytes: Bytes | None = None
    """How large the file may be, such as 1 MB; the quality is lowered for it."""
    metadata: Metadata | None = None
    """drop, the default, or keep what the file says beside its pixels."""
    enlarge: bool | None = None
    """Whether a small image is made larger; never by default."""

    @model_validator(mode="after")
    def _one_size(self) -> "DerivativeForm":
        if self.max_edge is not None and (self.width is not None or self.height is not None):
            raise ValueError("give `max_edge`, or `width` and `height`, not both")
        if self.fit in {Fit.COVER, Fit.PAD} and (self.width is None or self.height is None) and not self.preset:
            raise ValueError(f"`fit: {self.fit}` needs `width` and `height`")
        return self


class BackgroundForm(Form):
    """The border has one colour."""

    color: Annotated[str, Field(pattern=COLOUR)] | None = None
    """`#ffffff`, the default, or another."""
    tolerance: Annotated[int, Field(ge=0, le=255)] | None = None
    """Steps of 256 by which a channel may differ; 8 by default."""


class MarginForm(Form):
    """The narrowest free edge around the object, as a share of the image's side, such as 0.04."""

    min: Share | None = None
    max: Share | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "MarginForm":
        if (self.min if self.min is not None else 0.0) > (self.max if self.max is not None else 1.0):
            raise ValueError("`min` is above `max`: no image can have such a margin")
        return self


class BlurForm(Form):
    """The sharpest edges of an image are sharp."""

    min: Annotated[float, Field(gt=0, le=256)] | None = None
    """Steps of 256; 10 by default."""


class DuplicateForm(Form):
    """Images that belong together do not look alike."""

    within: Text
    """The tag whose value they share, such as sku."""
    bits: Annotated[int, Field(ge=0, le=32)] | None = None
    """Of 64 bits of looks, at most so many differ between images that look alike; 6 by default."""


class ChecksForm(Form):
    """What is measured on every stored image; what fails is flagged."""

    background: BackgroundForm | None = None
    margin: MarginForm | None = None
    blur: BlurForm | None = None
    duplicate: DuplicateForm | None = None


class CanaryForm(Form):
    """The first jobs of each template are drawn; the others wait for what comes of them."""

    first: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many jobs of each template; 3 by default."""
    per: Literal["template"] | None = None
    """template: the prompt and the parameters as the manifest writes them, before a row is put in."""
    until: CanaryUntil | None = None
    """approved, the default: somebody approved their images; checked: their images pass `checks`."""


class NotifyForm(Form):
    """Who is told how a run ended; addresses are secrets and come from the environment."""

    urls: Variable | None = None
    """The environment variable with addresses for Apprise, instead of BATCHGEN_NOTIFY_URLS."""
    heartbeat: Variable | None = None
    """The environment variable with the address of a cron monitor, instead of BATCHGEN_HEARTBEAT_URL."""
    on: list[Event] | None = None
    """What is told: done, stopped, failed; default all."""


class TokenPricesForm(Form):
    """USD per million tokens."""

    text_in: Dollars
    image_in: Dollars
    image_out: Dollars


class PriceForm(Form):
    """The price of one model, instead of the catalogue's."""

    token_prices: TokenPricesForm | None = None
    per_image: Dollars | None = None

    @model_validator(mode="after")
    def _one(self) -> "PriceForm":
        if (self.token_prices is None) == (self.per_image is None):
            raise ValueError("a price is either `token_prices` or `per_image`")
        return self


class StageForm(Form):
    """What a stage asks for instead of what a job, or `defaults`, does."""

    model: Text | None = None
    n: Text | None = None
    size: Text | None = None
    quality: Text | None = None
    output_format: Text | None = None


class StagesForm(Form):
    """Each job twice: a preview for people to look at, and the image itself for those that were approved."""

    preview: StageForm
    final: StageForm | None = None


def _separator(value: Any) -> str:
    """Read a separator of cells: one character; a tab may be written as the two that stand for it."""
    mark = "\t" if value == "\\t" else value
    if not isinstance(mark, str) or len(mark) != 1 or mark in '"\r\n\0':
        raise ValueError(f'{shown(value)} is not a separator; it is one character, such as ";" or "\\t"')
    return mark


class RowsForm(Form):
    """A file of rows, with what is to be known for reading it; what is left out is detected, or usual."""

    file: Text
    """CSV, TSV, JSONL, Parquet, XLSX, or a TXT of one prompt a line, beside the manifest."""
    delimiter: Annotated[str, PlainValidator(_separator), WithJsonSchema({"type": "string"})] | None = None
    """What separates the cells of a text file, such as ";"."""
    encoding: Text | None = None
    """The encoding of a text file, such as cp1252."""
    header_row: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """The line that names the columns; what stands above is left out."""
    quotes: bool | None = None
    """Whether quotation marks hold cells together: yes for CSV, no for TSV."""
    sheet: Text | None = None
    """The sheet of a workbook; without it the first one with rows."""


def _key_variable(value: Any) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(
            "name the environment variable that holds the key, such as AZURE_EU_KEY; "
            "a key is a secret and does not belong into a manifest"
        )
    return value


class ProviderEntryForm(Form):
    """One of several providers, with what is its own."""

    name: str | None = None
    """openai, another known provider, or the path of a provider file of one's own."""
    file: str | None = None
    """The path of a provider file of one's own, instead of a name."""
    key: Annotated[str, PlainValidator(_key_variable), WithJsonSchema({"type": "string"})] | None = None
    """The environment variable that holds the key, instead of the provider's usual one."""
    limits: OwnLimitsForm | None = None
    weight: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The share of images among equal prices, 1 without it; 0: only asked when no other can."""
    label: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f,]+$")] | None = None
    """What it is called in tables and messages."""

    @model_validator(mode="after")
    def _named(self) -> "ProviderEntryForm":
        if (self.name is None) == (self.file is None):
            raise ValueError("a provider is either a `name` or a `file`")
        return self


def _entry_kind(value: Any) -> str:
    return "form" if isinstance(value, dict | ProviderEntryForm) else "one"


KINDS = frozenset({"file", "form", "inline", "one", "several"})
"""How pydantic tells apart what may be written in several ways; none of it stands in a manifest."""


def _rows_kind(value: Any) -> str:
    return "inline" if isinstance(value, list) else "form" if isinstance(value, dict | RowsForm) else "file"


class JobForm(RequestForm):
    """A template of jobs: one for each row and combination."""

    id: Text | None = None
    """What people call a job; without it the first digits of its key."""
    rows: (
        Annotated[
            Annotated[str, Tag("file")] | Annotated[RowsForm, Tag("form")] | Annotated[list[Cells], Tag("inline")],
            Discriminator(_rows_kind),
        ]
        | None
    ) = None
    """CSV, TSV, JSONL, Parquet, XLSX or TXT beside the manifest, a form that says how to read one, or a list."""
    columns: dict[str, Text] | None = None
    """Further names for columns, such as sku: "Variant SKU"."""
    matrix: dict[str, list[Text]] | None = None
    """The product of lists; one named like a parameter sets it."""
    zip: dict[str, list[Text]] | None = None
    """Lists that are walked in step."""
    exclude: list[Cells] | None = None
    """Combinations to leave out: those where every named value is the same."""
    only: list[Cells] | None = None
    """Keep only rows and combinations where every named value of one of these is the same."""
    include: list[Cells] | None = None
    """Combinations to add, or to add values to."""
    tags: Cells | None = None
    """Carried into the report."""
    priority: Text | None = None
    """What is drawn first: high, normal, low, or a number, of which the largest comes first; it changes no job."""
    images_optional: bool = False
    """Whether a row may leave images blank; it is then drawn without them."""
    when: Literal["approved"] | None = None
    """approved: it waits until somebody approved the images of other jobs that it takes (`@id`)."""


class ManifestForm(Form):
    """A batchgen manifest: which images are wanted, and within which limits."""

    name: str | None = None
    """Default: the file's name; names the output folder."""
    provider: str | None = None
    """openai, mock, another known provider, or the path of a provider file of one's own."""
    providers: (
        Annotated[
            list[
                Annotated[
                    Annotated[str, Tag("one")] | Annotated[ProviderEntryForm, Tag("form")], Discriminator(_entry_kind)
                ]
            ],
            Field(min_length=1),
        ]
        | None
    ) = None
    """Several providers side by side, instead of `provider`: each image is drawn by the cheapest that can."""
    defaults: RequestForm | None = None
    """Request parameters for every job that does not set its own."""
    limits: LimitsForm | None = None
    budget: BudgetForm | None = None
    ledger: str | None = None
    """Path of the ledger, relative to the manifest; several manifests may share one."""
    retry: RetryForm | None = None
    output: OutputForm | None = None
    on_partial: OnPartial | None = None
    on_uncertain: OnUncertain | None = None
    on_mismatch: OnMismatch | None = None
    bad_rows: BadRows | None = None
    """fail, the default, or skip: rows that cannot be jobs are left out, listed in report/rejected.csv, exit 3."""
    route: RouteChoice | None = None
    """sync, the default; batch: half the price, within a day; auto: batches as long as batch.ready_by can be kept."""
    batch: BatchForm | None = None
    engine: EngineForm | None = None
    """Which machines make the calls: without it, this process."""
    images_per_request: Annotated[int, Field(ge=1, le=10)] | None = None
    prepare: PrepareForm | None = None
    checks: ChecksForm | None = None
    on_check: OnCheck | None = None
    """flag, the default; retry-once: what a run drew and fails a check is drawn once more, paid, within the limits."""
    canary: CanaryForm | None = None
    moderation_check: Asked | None = None
    """true: the provider's free moderation endpoint sees prompts first, flagged ones are not sent; warn: only told."""
    stream: bool | None = None
    """true: answers come as events with one partial, so that no gateway cuts a long silence; 100 tokens an image."""
    derivatives: dict[RecipeName, DerivativeForm] | None = None
    """Further files made of each image, by name: other sizes, formats, and what shops ask for."""
    notify: NotifyForm | None = None
    prices: dict[str, PriceForm] | None = None
    variables: Cells | None = None
    """Plain text that every template sees."""
    images_optional: bool = False
    """Whether rows may leave images blank, in every job."""
    stages: StagesForm | None = None
    """Previews first, below images/preview/; finals for what `batchgen review` approved."""
    jobs: list[JobForm]


def json_schema(opened: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Give the JSON Schema of a manifest, for editors; `opened` describes what a provider takes beside it."""
    schema = ManifestForm.model_json_schema()
    for form in (RequestForm, JobForm):
        schema["$defs"][form.__name__]["properties"] |= opened
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "batchgen manifest"}
