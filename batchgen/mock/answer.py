"""Order and pictures -> the JSON of the Images API, of its streamed form and of chat completions."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from batchgen.mock.bill import Used
from batchgen.mock.config import Moderated
from batchgen.mock.order import Kind, Order
from batchgen.mock.reply import Reply, as_json

CREATED = 1_790_000_000


def images(
    order: Order, pictures: Sequence[bytes], urls: Sequence[str], tokens: Used, missing: Moderated
) -> dict[str, Any]:
    """The answer of /images/…: one entry a picture, what was withheld left out or empty, resolved values, usage."""
    drawn = [{"url": url} for url in urls] if order.answers == "url" else [{"b64_json": b64(p)} for p in pictures]
    return {
        "created": CREATED,
        "background": order.background,
        "data": _with_gaps(drawn, order, missing),
        "output_format": order.output_format,
        "quality": order.quality,
        "size": order.size,
        "usage": tokens.as_usage(),
        **({"model": order.echo_model} if order.echo_model else {}),
    }


def b64(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode("ascii")


def _with_gaps(drawn: list[dict[str, Any]], order: Order, missing: Moderated) -> list[dict[str, Any]]:
    if missing is Moderated.DROPPED or not order.withheld:
        return drawn
    gap: dict[str, Any] = {"b64_json": None, "url": None} if missing is Moderated.NULL else {"b64_json": ""}
    left = iter(drawn)
    return [gap if slot in order.withheld else next(left) for slot in range(order.n)]


def events(order: Order, answer: dict[str, Any]) -> Reply:
    """The same as server-sent events: partial pictures first, then each whole one."""
    subject = "image_edit" if order.kind is Kind.EDIT else "image_generation"
    echo = {key: answer[key] for key in ("size", "quality", "background", "output_format")}
    usage = {k: v for k, v in answer["usage"].items() if k != "output_tokens_details"}
    told: list[tuple[str, dict[str, Any]]] = []
    for entry in answer["data"]:
        shown = {**entry, "created_at": CREATED, **echo}
        told += [
            (f"{subject}.partial_image", {**shown, "partial_image_index": index})
            for index in range(order.partial_images or 0)
        ]
        told.append((f"{subject}.completed", {**shown, "usage": usage}))
    text = "".join(f"event: {name}\ndata: {json.dumps({'type': name, **value})}\n\n" for name, value in told)
    return Reply(200, text.encode(), "text/event-stream")


def chat(order: Order, url: str | None, tokens: Used) -> Reply:
    """A chat completion whose text holds the picture as a markdown link, or says that there is none."""
    text = "I can't draw that." if url is None else f"> 🎨 drawn\n\n![{order.drawer.name}]({url})\n"
    return as_json(
        200,
        {
            "id": f"chatcmpl-mock-{order.call}",
            "object": "chat.completion",
            "created": CREATED,
            "model": order.drawer.name,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": tokens.text,
                "completion_tokens": tokens.output,
                "total_tokens": tokens.text + tokens.output,
            },
        },
    )


def pieces(order: Order, encoded: bytes, tokens: Used) -> tuple[bytes, ...]:
    """The answer with one ready-made picture in every entry, in pieces that copy nothing."""
    head = f'{{"created": {CREATED}, "background": "{order.background}", "data": [{{"b64_json": "'.encode()
    echo = {"output_format": order.output_format, "quality": order.quality, "size": order.size}
    tail = b'"}], ' + json.dumps({**echo, "usage": tokens.as_usage()}).encode()[1:]
    between = b'"}, {"b64_json": "'
    middle = tuple(part for _ in range(order.deliver - 1) for part in (encoded, between))
    return (head, *middle, encoded, tail)
