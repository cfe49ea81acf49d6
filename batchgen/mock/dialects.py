"""How each provider of the Images API differs: what it takes, refuses, assumes and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from batchgen.mock.config import MockConfig, Moderated
from batchgen.mock.data import made, tables_of
from batchgen.mock.fault_words import BLOCKED
from batchgen.mock.models import GONE, RESOLD, SERVED, MockModel
from batchgen.mock.reply import Refused, Reply, no_model, retired_model

COMMON = frozenset({"prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression",
                    "stream", "partial_images", "user", "safety_identifier", "complexity",
                    "frame_count", "frame_duration_ms", "svg"})  # fmt: skip
GENERATE = COMMON | {"moderation"}
EDIT = COMMON | {"image", "image[]", "mask", "markup", "input_fidelity"}
EDIT_JSON = COMMON | {"images", "mask", "markup", "input_fidelity", "moderation"}
VARIATION = frozenset({"model", "image", "n", "size", "response_format", "user"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider.

    `extra` parameters it takes beside the vendor's on generations and edits, `ignored` those that do nothing,
    `quality_names` are its own words for a quality, `answers` is what stands in data[] unless response_format says
    otherwise, `resold` are models that only gateways have, `refused` are parameters that one model does not take here.
    `tasks`: a call is submitted, and its images are fetched by the id of a task.
    `batches`: files and batches are served, with `batch_prefix` before the endpoints of lines; images are uploaded for
    one of `image_purposes`, and a file is pending for `file_polls` looks. `base` is the path of its base URL,
    `key_headers` may carry the key, `serves` names its own models, `filters`: answers say what a content filter found.
    `shapes` are asked for by their ratio in place of a size, each with its pixels. `counts`: answers hold usage.
    `keyless`: whoever comes is served. `lacks` are parameters of the vendor's that it refuses.
    Prices are by model, in dollars: `per_call`, `per_image` (with `charges_asked` for what was asked, also where it is
    withheld), `per_token` where they are not the vendor's, `listed` for square and other images by quality: added to
    tokens, or the `cheaper` of both. What is `free` costs nothing.
    """

    name: str
    extra: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    no_moderation_on_edits: bool = False
    sizes: tuple[str, ...] = ()
    size_auto: bool = True
    quality_auto: bool = True
    default_quality: str = "auto"
    quality_names: Mapping[str, str] = field(default_factory=dict)
    answers: str = "b64_json"
    prompt_limit: int = 32_000
    gateway: bool = True
    max_n: int = 10
    chat: bool = False
    resold: frozenset[str] = frozenset()
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)
    moderated: Moderated = Moderated.DROPPED
    charges_failures: bool = False
    tasks: bool = False
    base: str = "/v1"
    key_headers: tuple[str, ...] = ("authorization",)
    serves: str = "openai"
    batches: bool = False
    batch_prefix: str = "/v1"
    image_purposes: tuple[str, ...] = ("vision", "user_data")
    file_polls: int = 0
    filters: bool = False
    counts: bool = True
    keyless: bool = False
    lacks: frozenset[str] = frozenset()
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    free: bool = False
    per_call: Mapping[str, str] = field(default_factory=dict)
    per_image: Mapping[str, str] = field(default_factory=dict)
    per_input_image: str = "0"
    charges_asked: bool = False
    per_token: Mapping[str, Sequence[str]] = field(default_factory=dict)
    listed: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    cheaper: bool = False

    def model(self, name: str, config: MockConfig) -> MockModel:
        """Find the model of a name; Refused when it is not, or no longer, served here."""
        found = SERVED[self.serves].get(name) or (RESOLD.get(name) if name in self.resold else None)
        if found is None:
            raise Refused(retired_model(name, GONE[name]) if name in GONE else no_model(name))
        if found.retired and not self.gateway and not config.serve_retired:
            raise Refused(retired_model(name, found.shutdown))
        return found

    def models(self, config: MockConfig) -> tuple[MockModel, ...]:
        """List every model served here."""
        own = (d for d in SERVED[self.serves].values() if self.gateway or config.serve_retired or not d.retired)
        return (*own, *(RESOLD[name] for name in sorted(self.resold)))

    def blocked(self, stage: str, request: str) -> Reply:
        """Refuse a moderated request in this provider's words."""
        said = BLOCKED.get(f"blocked_{self.name}_{stage}") or BLOCKED.get(f"blocked_{self.name}")
        return (said or BLOCKED["blocked"]).told({"{id}": request, "{stage}": stage})


DIALECTS = {name: made(Dialect(name), told) for name, told in tables_of("dialects.toml").items()}
