"""The dialect of Gemini's generateContent: words and images as parts of a message, one answer a call.

Source: ai.google.dev, API reference of generateContent and image generation; read 2026-11-30.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from batchgen.catalog.answers import wording
from batchgen.model import Attempt, Auth, Echo, Operation, Provider, Usage
from batchgen.providers.answer import Answer, Item, as_counted, from_run, leftovers, run_at
from batchgen.providers.api_error import ApiError, complaint
from batchgen.providers.base64_span import SpanState
from batchgen.providers.decode import Document, ImageFields
from batchgen.providers.dialect import Delivery, Dialect, Inputs, Probe
from batchgen.providers.json_text import count, mapping, sequence
from batchgen.providers.uploads import Upload, Uploads
from batchgen.providers.wire import JSON_HEADERS, Params, WireRequest, fields_of, put

_PATH = "/models/{model}:generateContent"
_SETTINGS = "generationConfig"
_PLACES = {
    "aspect_ratio": f"{_SETTINGS}.imageConfig.aspectRatio",
    "image_size": f"{_SETTINGS}.imageConfig.imageSize",
    "seed": f"{_SETTINGS}.seed",
    "temperature": f"{_SETTINGS}.temperature",
    "top_p": f"{_SETTINGS}.topP",
}
_INLINE = ("inlineData", "inline_data")
_DATA = "data"
BLOCKED = "block_reason"


def request(attempt: Attempt, provider: Provider, params: Params, uploads: Uploads) -> WireRequest:
    """Build one message: the prompt, its images, and parameters where the protocol or the provider file has them."""
    operation = attempt.request.operation
    parts = [{"text": attempt.request.prompt}, *map(_inline, uploads.images)]
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": parts}],
        **fields_of(params, provider, operation, tuple(_PLACES.items())),
    }
    put(body, f"{_SETTINGS}.responseModalities", ["IMAGE"])
    url = DIALECT.url(provider, operation, attempt.model)
    return WireRequest("POST", url, JSON_HEADERS, json.dumps(body, separators=(",", ":")).encode())


def _inline(upload: Upload) -> dict[str, Any]:
    data = upload.data if isinstance(upload.data, bytes) else upload.data.read_bytes()
    return {"inlineData": {"mimeType": upload.content_type, "data": base64.b64encode(data).decode()}}


def read(document: Document, _: Attempt) -> Answer:
    """Return the images of an answer; a drawing of its thoughts is none."""
    answer = mapping(document.value)
    candidates = [mapping(one) for one in sequence(answer.get("candidates"))]
    parts = [mapping(part) for one in candidates for part in sequence(mapping(one.get("content")).get("parts"))]
    previews = [run for part in parts if part.get("thought") is True and (run := _run(document, part))]
    items = [_item(run) for part in parts if part.get("thought") is not True and (run := _run(document, part))]
    rest = leftovers(document, [*items, *map(from_run, previews)], {_DATA})
    known = "candidates" in answer or "promptFeedback" in answer
    return Answer(
        items=(*items, *rest),
        usage=_usage(answer),
        echo=Echo(model=_word(answer.get("modelVersion"))),
        complaint=_withheld(answer, candidates) or complaint(answer),
        known=known or any(item.usable for item in rest),
        words=" ".join(text for part in parts if isinstance(text := part.get("text"), str))[:4000],
        previews=tuple(run.part for run in previews if run.part is not None),
    )


def _run(document: Document, part: Mapping[str, Any]) -> Any:
    inline: Mapping[str, Any] = next((part[name] for name in _INLINE if isinstance(part.get(name), Mapping)), {})
    return run_at(document, inline.get(_DATA))


def _item(run: Any) -> Item:
    return Item(reason="empty") if run.state is SpanState.EMPTY else from_run(run)


def _withheld(answer: Mapping[str, Any], candidates: list[Mapping[str, Any]]) -> ApiError | None:
    """Say why nothing was drawn of a prompt, or why what was drawn is withheld."""
    feedback = mapping(answer.get("promptFeedback"))
    if reason := _word(feedback.get("blockReason")):
        said = _word(feedback.get("blockReasonMessage"))
        return ApiError(f"{BLOCKED}_{reason}", message=said or f"the prompt was blocked: {reason}", stage="input")
    for one in candidates:
        reason = _word(one.get("finishReason"))
        if reason and wording().moderation.named(reason):
            said = _word(one.get("finishMessage"))
            return ApiError(reason, message=said or f"the image was withheld: {reason}", stage="output")
    return None


def _usage(answer: Mapping[str, Any]) -> Usage | None:
    """Tokens as they are counted: of what came out, images by themselves, words and thoughts together."""
    usage = mapping(answer.get("usageMetadata"))
    if not usage:
        return None
    given, drawn = (_by_kind(usage, f"{name}TokensDetails") for name in ("prompt", "candidates"))
    prompt, out = count(usage.get("promptTokenCount")), count(usage.get("candidatesTokenCount"))
    text_in, image_in = given.get("TEXT"), given.get("IMAGE", 0 if given else None)
    if prompt is not None and given:
        text_in = prompt - (image_in or 0) if prompt >= (image_in or 0) else text_in
    output = drawn.get("IMAGE", out if not drawn else 0)
    words = max((out or 0) - output, 0) if output is not None else 0
    thoughts = count(usage.get("thoughtsTokenCount")) or 0
    images = 0 if output is None else output
    total = count(usage.get("totalTokenCount"))
    return Usage(text_in, image_in, images, words + thoughts, total, as_counted(usage))


def _by_kind(usage: Mapping[str, Any], name: str) -> dict[str, int]:
    """Tokens by modality; empty where they are not split."""
    counts: dict[str, int] = {}
    for entry in map(mapping, sequence(usage.get(name))):
        tokens, kind = count(entry.get("tokenCount")), _word(entry.get("modality"))
        if tokens is not None and kind:
            counts[kind] = counts.get(kind, 0) + tokens
    return counts


def _word(value: object) -> str | None:
    return value[:300] if isinstance(value, str) and value else None


def _names(body: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in map(mapping, sequence(mapping(body).get("models"))):
        yield str(entry.get("name")).removeprefix("models/"), entry


def _refuses(body: Any) -> bool:
    """Whether a body is an error as Google words it: with a status beside its message."""
    error = mapping(mapping(body).get("error"))
    return isinstance(error.get("status"), str) and isinstance(error.get("message"), str)


DIALECT = Dialect(
    name="gemini",
    title="Gemini's generateContent",
    request=request,
    read=read,
    paths=((Operation.GENERATE, _PATH), (Operation.EDIT, _PATH)),
    auth=Auth("x-goog-api-key", ""),
    fields=ImageFields(frozenset({_DATA.encode()})),
    delivery=frozenset({Delivery.INLINE}),
    inputs=lambda _: Inputs.BYTES,
    most_per_call=1,
    params=frozenset(_PLACES),
    masks=False,
    look=("aspect_ratio", "image_size"),
    probe=Probe("/models?pageSize=1000", lambda body: dict(_names(body)), _refuses),
)
