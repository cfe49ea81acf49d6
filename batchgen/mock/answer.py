"""Resolved request and images -> the JSON of the Images API, of its streamed form and of chat completions."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from batchgen.mock.bill import Used
from batchgen.mock.config import Moderated
from batchgen.mock.reply import Reply
from batchgen.mock.resolved_request import Kind, ResolvedRequest

SVG_USAGE = {"input_tokens": 900, "output_tokens": 2400, "total_tokens": 3300}
"""What the text model that writes an SVG says of itself."""
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "sexual", "violence")}


def images(
    resolved: ResolvedRequest, images: Sequence[bytes], urls: Sequence[str], tokens: Used, missing: Moderated
) -> dict[str, Any]:
    """Build the answer of /images/…: an entry an image, withheld ones left out or empty, resolved values, usage."""
    drawn = [{"url": url} for url in urls] if resolved.answers == "url" else [{"b64_json": b64(p)} for p in images]
    return {
        "created": resolved.created,
        "background": resolved.background,
        "data": _with_gaps(drawn, resolved, missing),
        "output_format": resolved.output_format,
        "quality": resolved.quality,
        "size": resolved.size,
        "usage": tokens.as_usage(),
        **({"svg_usage": SVG_USAGE} if resolved.output_format == "svg" else {}),
        **({"model": resolved.echo_model} if resolved.echo_model else {}),
    }


def b64(data: bytes) -> str:
    """Encode bytes as text."""
    return base64.b64encode(data).decode("ascii")


def _with_gaps(drawn: list[dict[str, Any]], resolved: ResolvedRequest, missing: Moderated) -> list[dict[str, Any]]:
    if missing is Moderated.DROPPED or not resolved.withheld:
        return drawn
    gap: dict[str, Any] = {"b64_json": None, "url": None} if missing is Moderated.NULL else {"b64_json": ""}
    left = iter(drawn)
    return [gap if slot in resolved.withheld else next(left) for slot in range(resolved.n)]


def events(resolved: ResolvedRequest, answer: dict[str, Any]) -> Reply:
    """Tell the same as server-sent events: partial images first, then each whole one."""
    subject = "image_edit" if resolved.kind is Kind.EDIT else "image_generation"
    echo = {key: answer[key] for key in ("size", "quality", "background", "output_format")}
    usage = {k: v for k, v in answer["usage"].items() if k != "output_tokens_details"}
    told: list[tuple[str, dict[str, Any]]] = []
    for entry in answer["data"]:
        shown = {**entry, "created_at": resolved.created, **echo}
        told += [
            (f"{subject}.partial_image", {**shown, "partial_image_index": index})
            for index in range(resolved.partial_images or 0)
        ]
        told.append((f"{subject}.completed", {**shown, "usage": usage}))
    text = "".join(f"event: {name}\ndata: {json.dumps({'type': name, **value})}\n\n" for name, value in told)
    return Reply(200, text.encode(), "text/event-stream")


def chat(resolved: ResolvedRequest, url: str | None, tokens: Used) -> dict[str, Any]:
    """Build a chat completion whose text links to the image in markdown, or says that there is none."""
    text = "I can't draw that." if url is None else f"> 🎨 drawn\n\n![{resolved.model.name}]({url})\n"
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if resolved.answers == "images":
        message |= {"content": "", "images": [{"type": "image_url", "image_url": {"url": url}}]}
    return {
        "id": f"chatcmpl-mock-{resolved.call}",
        "object": "chat.completion",
        "created": resolved.created,
        "model": resolved.model.name,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": tokens.text,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.text + tokens.output,
        },
    }


def pieces(resolved: ResolvedRequest, encoded: bytes, tokens: Used) -> tuple[bytes, ...]:
    """Build the answer with one ready-made image in every entry, in pieces that copy nothing."""
    head = f'{{"created": {resolved.created}, "background": "{resolved.background}", "data": [{{"b64_json": "'.encode()
    echo = {"output_format": resolved.output_format, "quality": resolved.quality, "size": resolved.size}
    tail = b'"}], ' + json.dumps({**echo, "usage": tokens.as_usage()}).encode()[1:]
    between = b'"}, {"b64_json": "'
    middle = tuple(part for _ in range(resolved.deliver - 1) for part in (encoded, between))
    return (head, *middle, encoded, tail)


def with_filters(answer: dict[str, Any]) -> dict[str, Any]:
    """Add what Azure's content filter found to an answer and to its images."""
    data = [{**entry, "content_filter_results": SAFE} for entry in answer["data"]]
    prompt = [{"prompt_index": 0, "content_filter_results": SAFE}]
    return {**answer, "data": data, "prompt_filter_results": prompt}
