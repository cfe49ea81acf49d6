"""The dialect of images drawn over chat completions: a ratio marker in the prompt, an image in the words."""

import json
import re
from collections.abc import Mapping
from typing import Any

from batchgen.model import Attempt, Operation, Provider, Usage
from batchgen.providers.answer import Answer, Item, echo_of, from_address, from_run, leftovers, run_at
from batchgen.providers.decode import Document
from batchgen.providers.dialect import Dialect, Inputs
from batchgen.providers.images import FIELDS, PROBE, address_of
from batchgen.providers.json_text import count, mapping, sequence
from batchgen.providers.shapes import said_in
from batchgen.providers.uploads import Uploads
from batchgen.providers.wire import JSON_HEADERS, WireRequest, fields_of, put
from batchgen.text import safe

RATIOS = ("1:1", "2:3", "3:2")
_PATH = "/chat/completions"
_OWN = frozenset({"b64_json", "url", "image_url"})
TEXT_CAP = 48 * 1024 * 1024  # an image may stand in the words themselves

_SIZE = re.compile(r"([0-9]{1,5})\s*[x:]\s*([0-9]{1,5})")
_MARKDOWN = re.compile(r"!\[[^\]]{0,500}\]\(\s*<?([^)\s>]{1,60000000})>?[^)]{0,200}\)")
_DATA = re.compile(r"data:image/[A-Za-z0-9.+\-]{1,30};base64,[A-Za-z0-9+/_\-]+={0,2}")
_LINK = re.compile(r"https?://[^\s)\]>\"'<]{4,16000}")


def ratio(size: str, ratios: tuple[str, ...] = RATIOS) -> str | None:
    """Return the ratio that a size asks for (`1024x1536` -> `2:3`); None when the route has no such ratio."""
    found = _SIZE.fullmatch(size.strip())
    if not found:
        return None
    width, height = (int(number) for number in found.groups())
    if not width or not height:
        return None
    for name in ratios:
        across, _, down = name.partition(":")
        if width * int(down) == height * int(across):
            return name
    return None


def request(attempt: Attempt, provider: Provider, params: tuple[tuple[str, str], ...], uploads: Uploads) -> WireRequest:
    """Build one chat message; the ratio follows the prompt in its marker, or stands where the provider file says."""
    operation, asked = attempt.request.operation, dict(params)
    shape = ratio(asked.pop("size", ""), provider.ratios or RATIOS)
    marked = shape and not provider.ratio_field
    prompt = attempt.request.prompt + (f"【{shape}】" if marked else "")
    content: Any = prompt
    if uploads.images:
        images = [{"type": "image_url", "image_url": {"url": address_of(upload)}} for upload in uploads.images]
        content = [{"type": "text", "text": prompt}, *images]
    body: dict[str, Any] = {"model": attempt.model, "stream": False, "messages": [{"role": "user", "content": content}]}
    if provider.modalities:
        body["modalities"] = list(provider.modalities)
    body |= fields_of(tuple(asked.items()), provider, operation)
    if shape and not marked:
        put(body, provider.ratio_field, shape)
    return WireRequest(
        "POST",
        DIALECT.url(provider, operation, attempt.model),
        JSON_HEADERS,
        json.dumps(body, separators=(",", ":")).encode(),
    )


def read(document: Document, _: Attempt) -> Answer:
    """Return the images in the message: its own list first, then what its words link to, each once."""
    answer = mapping(document.value)
    messages = [mapping(mapping(choice).get("message")) for choice in sequence(answer.get("choices"))]
    items = [item for message in messages for item in _items(document, message)]
    items += leftovers(document, items, _OWN)
    known = any(item.usable for item in items)
    words = next((text for message in messages if isinstance(text := message.get("content"), str)), "")
    return Answer(tuple(items), _usage(answer), echo_of(answer), said_in(answer), known, words)


def _items(document: Document, message: Mapping[str, Any]) -> list[Item]:
    if listed := sequence(message.get("images")):
        return [_listed(document, entry) for entry in listed]
    content = message.get("content")
    if isinstance(content, list):
        return [_listed(document, entry) for entry in content if "image_url" in mapping(entry)]
    return [from_address(address) for address in addresses(content)] if isinstance(content, str) else []


def addresses(words: str) -> tuple[str, ...]:
    """Where the words say that images are: markdown images, else data URLs, else the first bare link."""
    found = [match.group(1) for match in _MARKDOWN.finditer(words)] or _DATA.findall(words)
    return tuple(dict.fromkeys(found)) or tuple(link.rstrip(".,;:!?") for link in _LINK.findall(words)[:1])


def _listed(document: Document, entry: Any) -> Item:
    value = mapping(entry).get("image_url", mapping(entry).get("url"))
    value = mapping(value).get("url", value)
    if isinstance(value, str):
        return from_address(value)
    run = run_at(document, value)
    return from_run(run) if run else Item(reason="undecodable")


def _usage(answer: Mapping[str, Any]) -> Usage | None:
    usage = mapping(answer.get("usage"))
    counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    text_in, text_out, total = map(count, counts.values())
    return Usage(text_in, None, None, text_out, total, json.dumps(counts)[:500]) if usage else None


def _wrong_value(_: str, value: str, model: str, provider: Provider) -> str:
    ratios = provider.ratios or RATIOS
    if ratio(value, ratios):
        return ""
    return f"{model} draws the ratios {', '.join(ratios)}, also as WxH; not {safe(value, 40)!r}"


DIALECT = Dialect(
    name="chat",
    title="chat",
    request=request,
    read=read,
    paths=((Operation.GENERATE, _PATH), (Operation.EDIT, _PATH)),
    fields=FIELDS,
    probe=PROBE,
    inputs=lambda _: Inputs.ADDRESS,
    most_per_call=1,
    params=frozenset({"size"}),
    wrong_value=_wrong_value,
    masks=False,
    text_cap=TEXT_CAP,
)
