"""How each provider of the Images API differs: what it takes, refuses, assumes and answers."""

from dataclasses import dataclass, field
from types import MappingProxyType

from batchgen.mock.azure import blocked as azure_blocked
from batchgen.mock.config import MockConfig, Moderated
from batchgen.mock.google_words import blocked as google_blocked
from batchgen.mock.models import (
    GEMINI,
    GEMINI_COMPATIBLE,
    GONE,
    LOCAL,
    MODELS,
    OPENROUTER,
    RESOLD,
    THREE,
    XAI,
    MockModel,
)
from batchgen.mock.reply import Refused, Reply, error, no_model, retired_model

COMMON = frozenset({"prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression",
                    "stream", "partial_images", "user", "safety_identifier", "complexity",
                    "frame_count", "frame_duration_ms", "svg"})  # fmt: skip
GENERATE = COMMON | {"moderation"}
EDIT = COMMON | {"image", "image[]", "mask", "markup", "input_fidelity"}
EDIT_JSON = COMMON | {"images", "mask", "markup", "input_fidelity", "moderation"}
VARIATION = frozenset({"model", "image", "n", "size", "response_format", "user"})
FLAGGED = "Your chosen model requires moderation and your input was flagged"
BLOCKED = "Your request was rejected as a result of our safety system."


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider.

    `extra` parameters it takes beside the vendor's on generations and edits, `ignored` those that do nothing,
    `quality_names` are its own words for a quality, `answers` is what stands in data[] unless response_format says
    otherwise, `resold` are models that only gateways have, `refused` are parameters that one model does not take here.
    `tasks`: a call is submitted, and its images are fetched by the id of a task.
    `batches`: files and batches are served, with `batch_prefix` before the endpoints of lines; images are uploaded for
    one of `image_purposes`, and a file is pending for `file_polls` looks. `base` is the path of its base URL,
    `key_headers` may carry the key, `serves` are its own models, `filters`: answers say what a content filter found.
    `shapes`: a ratio is asked for in place of a size. `counts`: answers hold usage.
    `keyless`: whoever comes is served. `lacks` are parameters of the vendor's that it refuses.
    """

    name: str
    extra: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    no_moderation_on_edits: bool = False
    sizes: tuple[str, ...] | None = None
    size_auto: bool = True
    quality_auto: bool = True
    default_quality: str = "auto"
    quality_names: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    answers: str = "b64_json"
    prompt_limit: int = 32_000
    gateway: bool = True
    max_n: int = 10
    chat: bool = False
    resold: frozenset[str] = frozenset()
    refused: MappingProxyType[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    moderated: Moderated = Moderated.DROPPED
    charges_failures: bool = False
    tasks: bool = False
    base: str = "/v1"
    key_headers: tuple[str, ...] = ("authorization",)
    serves: MappingProxyType[str, MockModel] = field(default_factory=lambda: MappingProxyType(MODELS))
    batches: bool = False
    batch_prefix: str = "/v1"
    image_purposes: tuple[str, ...] = ("vision", "user_data")
    file_polls: int = 0
    filters: bool = False
    counts: bool = True
    keyless: bool = False
    lacks: frozenset[str] = frozenset()
    shapes: bool = False

    def model(self, name: str, config: MockConfig) -> MockModel:
        """Find the model of a name; Refused when it is not, or no longer, served here."""
        found = self.serves.get(name) or (RESOLD.get(name) if name in self.resold else None)
        if found is None:
            raise Refused(retired_model(name, GONE[name]) if name in GONE else no_model(name))
        if found.retired and not self.gateway and not config.serve_retired:
            raise Refused(retired_model(name, found.shutdown or ""))
        return found

    def models(self, config: MockConfig) -> tuple[MockModel, ...]:
        """List every model served here."""
        own = (d for d in self.serves.values() if self.gateway or config.serve_retired or not d.retired)
        return (*own, *(RESOLD[name] for name in sorted(self.resold)))

    def blocked(self, stage: str, request: str) -> Reply:
        """Refuse a moderated request in this provider's words."""
        match self.name:
            case "gemini":
                return google_blocked(stage, request)
            case "azure":
                return azure_blocked()
            case "openrouter":
                return error(403, FLAGGED, metadata={"reasons": ["violence"], "provider_name": "Google"})
            case "xai":
                return error(400, "Generated image rejected by content moderation.")
            case "aihubmix":
                allowed = " Your request may contain content that is not allowed by our safety system."
                return error(400, BLOCKED + allowed, "moderation_blocked", kind="user_error")
            case "laozhang":
                return error(400, BLOCKED, "content_policy_violation")
            case "apiyi":
                return error(400, BLOCKED, "moderation_blocked", kind="shell_api_error")
            case _:
                return error(
                    400,
                    "Your request was rejected by the safety system. If you believe this is an error, contact us at "
                    f"help.openai.com and include the request ID {request}. safety_violations=[other].",
                    "moderation_blocked",
                    kind="image_generation_user_error",
                    moderation_details={"moderation_stage": stage, "categories": ["other"]},
                )


STEPS = frozenset({"response_format", "seed", "num_inference_steps", "guidance_scale", "negative_prompt"})
NO_WORDS = frozenset({"output_compression", "moderation", "complexity", "safety_identifier"})
LOOKS = frozenset({"quality", "background", "output_format"})
LOCAL_DIALECTS = (
    Dialect(
        "vllm-omni", extra=STEPS | {"true_cfg_scale"}, lacks=NO_WORDS | LOOKS, serves=LOCAL, counts=False, keyless=True
    ),
    Dialect("sglang", extra=STEPS, lacks=NO_WORDS, serves=LOCAL, counts=False, keyless=True),
    Dialect(
        "localai",
        extra=frozenset({"response_format", "step", "mode", "negative_prompt"}),
        lacks=NO_WORDS | {"background", "output_format", "user"},
        serves=LOCAL,
        counts=False,
        keyless=True,
        max_n=4,
    ),
    Dialect(
        "stable-diffusion-cpp",
        lacks=NO_WORDS - {"output_compression"} | {"quality", "background", "user"},
        size_auto=False,
        serves=LOCAL,
        counts=False,
        keyless=True,
        max_n=8,
    ),
    Dialect(
        "gemini-openai",
        base="/v1beta/openai",
        extra=frozenset({"response_format"}),
        lacks=COMMON - {"prompt", "model", "n"} | {"moderation"},
        serves=GEMINI_COMPATIBLE,
        counts=False,
        max_n=4,
    ),
)
"""Servers that speak the Images API and draw with models of their own, priced by the image or free."""


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("openai", gateway=False, no_moderation_on_edits=True, batches=True),
        Dialect(
            "apiyi",
            extra=frozenset({"response_format"}),
            ignored=frozenset({"complexity"}),
            answers="url",
            prompt_limit=1000,
            chat=True,
            resold=frozenset({"gpt-image-2-all", "gpt-image-2.6-all", "sora_image", "gpt-4o-image"}),
        ),
        Dialect(
            "laozhang",
            extra=frozenset({"response_format", "reference_image", "style", "negative_prompt"}),
            quality_names=MappingProxyType({"standard": "medium", "hd": "high"}),
            # The group that a key has by default sells this one by the call, as it comes.
            refused=MappingProxyType({"gpt-image-2": frozenset({"size", "quality"})}),
            answers="url",
            max_n=1,
            chat=True,
            resold=frozenset(RESOLD) - {"gpt-image-2-all", "gpt-image-2.6-all", "gpt-4o-image"},
        ),
        Dialect("aihubmix", no_moderation_on_edits=True, size_auto=False, charges_failures=True),
        Dialect(
            "yescale",
            extra=frozenset({"response_format"}),
            sizes=THREE,
            size_auto=False,
            quality_auto=False,
            default_quality="high",
            moderated=Moderated.NULL,
        ),
        Dialect("tasks", extra=frozenset({"response_format"}), answers="url", tasks=True),
        Dialect("gemini", base="/v1beta", key_headers=("x-goog-api-key",), serves=MappingProxyType(GEMINI)),
        Dialect(
            "azure",
            base="/openai/v1",
            key_headers=("api-key", "authorization"),
            no_moderation_on_edits=True,
            filters=True,
            batches=True,
            batch_prefix="",
            image_purposes=("user_data",),
            file_polls=2,
        ),
        Dialect("litellm", no_moderation_on_edits=True),
        Dialect("openrouter", base="/api/v1", chat=True, answers="images", serves=OPENROUTER),
        Dialect(
            "xai",
            extra=frozenset({"response_format", "aspect_ratio", "resolution", "image"}),
            lacks=COMMON - {"prompt", "model", "n", "user"} | {"moderation", "mask", "markup", "input_fidelity"},
            answers="url",
            serves=XAI,
            counts=False,
            shapes=True,
        ),
        *LOCAL_DIALECTS,
    )
}
