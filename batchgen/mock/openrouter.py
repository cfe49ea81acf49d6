"""Images over OpenRouter's chat: a ratio in the body, images beside the words of an answer, their cost in its usage."""

from decimal import Decimal
from typing import Any

from batchgen.mock.chat import said
from batchgen.mock.check import input_image
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import Dialect
from batchgen.mock.form import Form, Upload, decoded
from batchgen.mock.gemini import SCALES
from batchgen.mock.reply import Refused, bad_value, missing_parameter, unknown_parameter
from batchgen.mock.resolved_request import InputImage, Kind, ResolvedRequest

FIELDS = frozenset({"model", "messages", "modalities", "image_config", "seed", "stream", "usage"})


def check_routed(form: Form, dialect: Dialect, config: MockConfig) -> ResolvedRequest:
    """Resolve a chat request; Refused as soon as something is wrong with it."""
    for name in form.fields:
        if name not in FIELDS:
            raise Refused(unknown_parameter(name))
    if not (name := form.text("model")):
        raise Refused(missing_parameter("model"))
    model = dialect.model(name, config)
    if not (prompt := said(form.fields.get("messages"))):
        raise Refused(missing_parameter("messages"))
    wanted = form.fields.get("modalities")
    config_of = form.fields.get("image_config", {})
    told = config_of if isinstance(config_of, dict) else {}
    ratio, size = told.get("aspect_ratio", "1:1"), told.get("image_size", "1K")
    if ratio not in model.ratios:
        raise Refused(bad_value("image_config.aspect_ratio", ratio, tuple(model.ratios)))
    if size not in model.qualities:
        raise Refused(bad_value("image_config.image_size", size, model.qualities))
    width, height = (int(edge * SCALES[size]) for edge in model.ratios[ratio])
    deliver = int(isinstance(wanted, list) and "image" in wanted)
    images = _images(form.fields["messages"][-1].get("content"))
    answers = "images" if deliver else "none"
    return ResolvedRequest(
        Kind.CHAT, model, prompt, 1, deliver, width, height, size, "png", "png", images=images, answers=answers
    )


def _images(content: Any) -> tuple[InputImage, ...]:
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    addresses = [part["image_url"]["url"] for part in parts if isinstance(part.get("image_url"), dict)]
    uploads = [
        Upload(decoded(url, number), "image/png") if url.startswith("data:") else Upload(url=url)
        for number, url in enumerate(map(str, addresses), 1)
    ]
    return tuple(input_image(upload, number, multipart=False) for number, upload in enumerate(uploads, 1))


def with_cost(answer: dict[str, Any], micro_usd: Decimal) -> dict[str, Any]:
    """Add what a call cost to its usage, in dollars."""
    return {**answer, "usage": {**answer["usage"], "cost": float(micro_usd / 1_000_000)}}
