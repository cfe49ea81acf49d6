"""Images over chat, where the last message is the prompt.

At some gateways a marker in it is the ratio. OpenRouter takes one in the body; images stand beside the words of its
answers, and their cost in the usage.
"""

import re
from decimal import Decimal
from typing import Any

from batchgen.mock.check import input_image
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import Dialect
from batchgen.mock.form import Form, Upload, decoded
from batchgen.mock.gemini import SCALES
from batchgen.mock.reply import Refused, bad_value, missing_parameter, no_model, unknown_parameter
from batchgen.mock.resolved_request import InputImage, Kind, ResolvedRequest

RATIO = re.compile(r"[【\[(]\s*(2:3|3:2|1:1)\s*[】\])]")
ROUTED = frozenset({"model", "messages", "modalities", "image_config", "seed", "stream", "usage"})
PIXELS = {"1:1": (1024, 1024), "2:3": (1024, 1536), "3:2": (1536, 1024)}


def check_chat(form: Form, dialect: Dialect, config: MockConfig) -> ResolvedRequest:
    """Resolve a chat request; Refused where no image is sold this way."""
    name = form.text("model")
    if not name:
        raise Refused(missing_parameter("model"))
    model = dialect.model(name, config)
    if not (dialect.chat and model.chat):
        raise Refused(no_model(name))
    prompt = said(form.fields.get("messages"))
    if not prompt:
        raise Refused(missing_parameter("messages"))
    ratio = RATIO.search(prompt)
    width, height = PIXELS[ratio[1] if ratio else "1:1"]
    return ResolvedRequest(Kind.CHAT, model, prompt, 1, 1, width, height, "medium", "png", "png", answers="url")


def said(messages: Any) -> str:
    """Read the text of the last message, whole or in parts."""
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return ""
    content = messages[-1].get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    return " ".join(text for part in parts if isinstance(part, dict) and isinstance(text := part.get("text"), str))


def check_routed(form: Form, dialect: Dialect, config: MockConfig) -> ResolvedRequest:
    """Resolve a chat request; Refused as soon as something is wrong with it."""
    for name in form.fields:
        if name not in ROUTED:
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
