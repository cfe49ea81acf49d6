"""Everything that can be said to a mock server before it starts."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from batchgen.mock.plan import Rule


class Moderated(StrEnum):
    """What stands in the place of a moderated image when several were asked for."""

    DROPPED = "dropped"  # the list is just shorter
    NULL = "null"  # an entry whose b64_json and url are null
    EMPTY = "empty"  # an entry whose b64_json is an empty string


@dataclass(frozen=True, slots=True, kw_only=True)
class MockConfig:
    """How a mock server behaves; the same config and the same requests give the same answers.

    port: 0 takes a free one. key: the only key accepted; None accepts any that is not empty.
    admin_key: the only admin key accepted for the organisation's books; None accepts any that begins with sk-admin-.
    dialect: openai, apiyi, laozhang, aihubmix, yescale, tasks, gemini or azure.
    seed: decides every chance below, by prompt and by how often that prompt was asked, never by order of arrival.
    latency: seconds between reading a request and answering it, drawn between the two.
    errors: share of calls (0..1) that fail with 429, 500 or 503 in equal parts, none of them charged, so that a run's
    account still equals the bill. partial: share of calls for several images that bring fewer. moderation: share of
    prompts that are moderated, on top of those that name a living artist or contain `[moderated]`.
    ..._per_minute: strict sliding windows of `window_seconds`; images asked and reference images weigh one each.
    hidden_per_minute: calls let through a window; the rest gets a bare 429, and no header or word tells of the limit.
    price_factor: tokens are reported, and money is charged, this many times.
    rules: faults to show, on top of `[[mock: fault=NAME]]` directives in prompts; see `batchgen.mock.faults`.
    stall_seconds: how long the stalling faults stall, unless they say `delay=`.
    task_polls, task_seconds: a task is done after so many polls that say otherwise, and not before so many seconds.
    batch_polls: a batch goes on by one stage (validating, in_progress, finalizing, completed) every so many polls.
    batch_seconds: it takes so long by the clock instead. batch_queue_tokens: input tokens of a model that may wait.
    batch_input_bytes: the most that an input file may have. project_per_key: files and batches of a key are its own.
    console: paths that do not begin with the base URL's show a web page with 200, as a gateway's console does.
    url_seconds: how long the address of an image lives.
    fixed_bytes: answer every image with these bytes, drawing nothing: for measuring clients.
    serve_retired: draw with models that were shut down (as gateways do); False refuses them as their vendor does.
    variations: serve /images/variations; None leaves it to the dialect.
    moderated: what stands for a moderated image among several; None leaves it to the dialect.
    record: how many of the latest requests are kept in detail for `GET /requests`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    key: str | None = None
    admin_key: str | None = None
    dialect: str = "openai"
    seed: int = 0
    latency: tuple[float, float] = (0.0, 0.0)
    errors: float = 0.0
    partial: float = 0.0
    moderation: float = 0.0
    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    input_images_per_minute: int | None = None
    tokens_per_minute: int | None = None
    hidden_per_minute: int | None = None
    window_seconds: float = 60.0
    price_factor: Decimal = Decimal(1)
    rules: tuple[Rule, ...] = ()
    stall_seconds: float = 5.0
    task_polls: int = 2
    task_seconds: float = 0.0
    batch_polls: int = 1
    batch_seconds: float | None = None
    batch_queue_tokens: int | None = None
    batch_input_bytes: int = 200 * 1024 * 1024
    project_per_key: bool = False
    console: bool = False
    url_seconds: float = 86_400.0
    fixed_bytes: bytes | None = None
    serve_retired: bool = True
    variations: bool | None = None
    moderated: Moderated | None = None
    record: int = 1000
