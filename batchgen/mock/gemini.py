"""Gemini's generateContent: contents and an image configuration in, candidates with inline images out."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchgen.mock.answer import b64
from batchgen.mock.bill import Used
from batchgen.mock.check import input_image
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import Dialect
from batchgen.mock.form import Form, Upload, decoded
from batchgen.mock.reply import Refused, Reply, error
from batchgen.mock.resolved_request import InputImage, Kind, ResolvedRequest

FIELDS = frozenset(
    {"model", "contents", "generationConfig", "generation_config", "safetySettings", "systemInstruction", "tools"}
)
# Of the pixels that the vendor prints for 1K.
SCALES = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}
FIRST = "gemini-2.5-flash-image"


def check_content(form: Form, dialect: Dialect, config: MockConfig) -> ResolvedRequest:
    """Resolve a generateContent request; Refused as soon as something is wrong with it."""
    for name in form.fields:
        if name not in FIELDS:
            raise Refused(_invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'))
    model = dialect.model(form.text("model"), config)
    prompt, images = _parts(form.fields.get("contents"))
    if not prompt:
        raise Refused(_invalid("* GenerateContentRequest.contents: contents is not specified"))
    settings = _object(form.fields, "generationConfig", "generation_config")
    if settings.get("candidateCount", 1) != 1:
        raise Refused(_invalid("Multiple candidates is not enabled for this model"))
    image = _object(settings, "imageConfig", "image_config")
    size = image.get("imageSize", image.get("image_size", "1K"))
    if not isinstance(size, str) or size not in model.qualities:
        raise Refused(_invalid(f"Invalid value at 'generation_config.image_config.image_size': {size!r}"))
    width, height = _pixels(model.ratios, image.get("aspectRatio", image.get("aspect_ratio")), images, size)
    kind = "png" if model.name == FIRST else "jpeg"
    modalities = settings.get("responseModalities", ["TEXT", "IMAGE"])
    deliver = int(isinstance(modalities, list) and "IMAGE" in [str(one).upper() for one in modalities])
    return ResolvedRequest(Kind.CONTENT, model, prompt, 1, deliver, width, height, size, kind, kind, images=images)


def content(resolved: ResolvedRequest, images: Sequence[bytes], tokens: Used, request: str) -> dict[str, Any]:
    """Build the answer: one candidate with its images, and what was used."""
    parts: list[dict[str, Any]] = [{"inlineData": {"mimeType": _mime(d), "data": b64(d)}} for d in images]
    return {
        "candidates": [
            {
                "content": {"parts": parts or [{"text": "Imagine a lamp of brass."}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": usage_metadata(tokens),
        "modelVersion": resolved.model.name,
        "responseId": request,
    }


def usage_metadata(tokens: Used) -> dict[str, Any]:
    """Tell the tokens in Google's words."""
    prompt = [{"modality": "TEXT", "tokenCount": tokens.text}]
    if tokens.image:
        prompt.append({"modality": "IMAGE", "tokenCount": tokens.image})
    drawn = {
        "candidatesTokenCount": tokens.output,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": tokens.output}],
    }
    return {
        "promptTokenCount": tokens.text + tokens.image,
        **(drawn if tokens.output else {}),
        "totalTokenCount": tokens.text + tokens.image + tokens.output + tokens.thoughts,
        "promptTokensDetails": prompt,
        **({"thoughtsTokenCount": tokens.thoughts} if tokens.thoughts else {}),
    }


def _invalid(message: str) -> Reply:
    return error(400, message, "invalid_argument")


def _object(fields: Any, *names: str) -> dict[str, Any]:
    for name in names:
        if name in fields:
            value = fields[name]
            if not isinstance(value, dict):
                raise Refused(_invalid(f"Invalid value at '{name}': an object is expected."))
            return value
    return {}


def _parts(contents: Any) -> tuple[str, tuple[InputImage, ...]]:
    turns = contents if isinstance(contents, list) else [contents]
    texts: list[str] = []
    images: list[InputImage] = []
    for turn in turns:
        parts = turn.get("parts") if isinstance(turn, dict) else None
        for part in parts if isinstance(parts, list) else ([parts] if isinstance(parts, dict) else []):
            if not isinstance(part, dict):
                raise Refused(_invalid("Invalid value at 'contents[0].parts': an object is expected."))
            if isinstance(text := part.get("text"), str):
                texts.append(text)
            inline = part.get("inlineData", part.get("inline_data"))
            if isinstance(inline, dict):
                images.append(_inline(inline, len(images) + 1))
    return " ".join(texts), tuple(images)


def _inline(inline: dict[str, Any], number: int) -> InputImage:
    kind, data = inline.get("mimeType", inline.get("mime_type")), inline.get("data")
    if not isinstance(kind, str) or not isinstance(data, str):
        raise Refused(_invalid("Invalid value at 'inline_data': mime_type and data are required."))
    return input_image(Upload(decoded(data, number), kind), number, multipart=True)


def _pixels(known: Mapping[str, Sequence[int]], ratio: Any, images: Sequence[InputImage], size: str) -> tuple[int, int]:
    if ratio is None:
        shape = images[0].width / max(1, images[0].height) if images else 1.0
        ratio = min(known, key=lambda name: abs(known[name][0] / known[name][1] - shape))
    if not isinstance(ratio, str) or ratio not in known:
        raise Refused(_invalid(f"Invalid value at 'generation_config.image_config.aspect_ratio': {ratio!r}"))
    width, height = known[ratio]
    return int(width * SCALES[size]), int(height * SCALES[size])


def _mime(data: bytes) -> str:
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "image/png"
