"""What a YAML or JSON manifest may say: pydantic models that check it, and make the JSON Schema for editors."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from batchgen import model
from batchgen.manifest.form import (
    Address,
    AddressVariable,
    Asked,
    Bytes,
    Cells,
    Count,
    Dollars,
    Duration,
    Form,
    KeyVariable,
    Moment,
    Money,
    RecipeName,
    Store,
    Text,
    Zone,
)
from batchgen.manifest.image_forms import ChecksForm, DerivativeForm, PrepareForm
from batchgen.manifest.job_form import JobForm, RequestForm


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


class BatchForm(Form):
    """How images are asked for in batches, at half the price."""

    ready_by: Moment | None = None
    """With route auto: when everything has to be there, a time of the day such as "07:00", or a duration such as 6h."""
    max_lines: Annotated[int, Field(ge=1, le=50_000)] | None = None
    """Most lines of one batch."""
    max_output: Bytes | None = None
    """How large the output of one batch may be, as far as that can be foreseen, such as 500 MB; 4 GB by default."""
    keep_files: bool | None = None
    """Whether the provider keeps the files of batches that were collected."""


class RayForm(Form):
    """A Ray cluster whose nodes make the calls."""

    address: Address | None = None
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
    platform: model.Platform | None = None
    """shopify, woocommerce or matrixify: the columns that it imports; without it, sku, position, image and alt."""
    handle: Text | None = None
    """What Shopify calls the product in addresses, such as "{{ handle }}"."""
    image: Text | None = None
    """The derivative that is listed instead of the image itself, such as web."""

    @model_validator(mode="after")
    def _importable(self) -> "ShopForm":
        if self.platform and self.url is None:
            raise ValueError(f"{self.platform} fetches images by address: add `url`")
        if self.platform in {model.Platform.SHOPIFY, model.Platform.MATRIXIFY} and self.handle is None:
            raise ValueError(f"{self.platform} finds products by their handle: add `handle`")
        return self


class OutputForm(Form):
    """Where images go, and what is written beside them."""

    path: Text | None = None
    """Below images/, default "{{ id }}-{{ index }}.{{ ext }}"; index counts from 0."""
    shop: ShopForm | None = None
    store: Store | None = None
    """Where images are kept: s3://BUCKET/FOLDER, gs://, az:// or file:///FOLDER; default the output folder."""
    sidecars: bool = False
    """A JSON file beside each image with all that is needed to draw it again."""


class CanaryForm(Form):
    """The first jobs of each template are drawn; the others wait for what comes of them."""

    first: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many jobs of each template; 3 by default."""
    per: Literal["template"] | None = None
    """template: the prompt and the parameters as the manifest writes them, before a row is put in."""
    until: model.CanaryUntil | None = None
    """approved, the default: somebody approved their images; checked: their images pass `checks`."""


class NotifyForm(Form):
    """Who is told how a run ended; addresses are secrets and come from the environment."""

    urls: AddressVariable | None = None
    """The environment variable with addresses for Apprise, instead of BATCHGEN_NOTIFY_URLS."""
    heartbeat: AddressVariable | None = None
    """The environment variable with the address of a cron monitor, instead of BATCHGEN_HEARTBEAT_URL."""
    on: list[model.Event] | None = None
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


class ProviderEntryForm(Form):
    """One of several providers, with what is its own."""

    name: str | None = None
    """openai, another known provider, or the path of a provider file of one's own."""
    file: str | None = None
    """The path of a provider file of one's own, instead of a name."""
    key: KeyVariable | None = None
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
    on_partial: model.OnPartial | None = None
    on_uncertain: model.OnUncertain | None = None
    on_mismatch: model.OnMismatch | None = None
    bad_rows: model.BadRows | None = None
    """fail, the default, or skip: rows that cannot be jobs are left out, listed in report/rejected.csv, exit 3."""
    route: model.RouteChoice | None = None
    """sync, the default; batch: half the price, within a day; auto: batches as long as batch.ready_by can be kept."""
    batch: BatchForm | None = None
    engine: EngineForm | None = None
    """Which machines make the calls: without it, this process."""
    images_per_request: Annotated[int, Field(ge=1, le=10)] | None = None
    prepare: PrepareForm | None = None
    checks: ChecksForm | None = None
    on_check: model.OnCheck | None = None
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


def json_schema(opened: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Give the JSON Schema of a manifest, for editors; `opened` describes what a provider takes beside it."""
    schema = ManifestForm.model_json_schema()
    for form in (RequestForm, JobForm):
        schema["$defs"][form.__name__]["properties"] |= opened or {}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "batchgen manifest"}
