"""Faults in what is drawn (the resolved request) and in how it is told (the answer)."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from batchgen.mock.models import MODELS
from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json
from batchgen.mock.resolved_request import Kind, Look, ResolvedRequest

Answer = dict[str, Any]
Spoil = Callable[[ResolvedRequest, Hit], ResolvedRequest]
Alter = Callable[[Answer, Hit], Reply]


def come(count: int) -> Spoil:
    """Deliver so many images, at most those asked."""

    def fewer(resolved: ResolvedRequest, _hit: Hit) -> ResolvedRequest:
        kept = min(count, resolved.n)
        return replace(resolved, deliver=kept, withheld=tuple(range(kept, resolved.n)))

    return fewer


def one_more(resolved: ResolvedRequest, _hit: Hit) -> ResolvedRequest:
    """Deliver one image more than asked."""
    return replace(resolved, deliver=resolved.n + 1, withheld=())


def looking(look: Look) -> Spoil:
    """Spoil images in one way."""
    return lambda resolved, _hit: replace(resolved, look=look)


def both(first: Spoil, second: Spoil) -> Spoil:
    """Spoil in two ways."""
    return lambda resolved, hit: second(first(resolved, hit), hit)


def drawn_as(file_format: str) -> Spoil:
    """Draw files of one format, whatever was asked and is said."""
    return lambda resolved, _hit: replace(resolved, file_format=file_format)


def other_model(resolved: ResolvedRequest, hit: Hit) -> ResolvedRequest:
    """Draw with another model, which is charged; option model."""
    name = hit.options.get("model", "gpt-image-1.5")
    model = MODELS.get(name, MODELS["gpt-image-1.5"])
    quality = resolved.quality if resolved.quality in model.qualities else "high"
    return replace(resolved, model=model, quality=quality, echo_model=model.name)


def other_size(resolved: ResolvedRequest, hit: Hit) -> ResolvedRequest:
    """Draw, echo and charge another size; option size."""
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", hit.options.get("size", ""))
    width, height = (int(found[1]), int(found[2])) if found else (1536, 1024)
    return replace(resolved, width=width, height=height)


def other_quality(resolved: ResolvedRequest, hit: Hit) -> ResolvedRequest:
    """Draw, echo and charge another quality; option quality."""
    asked = hit.options.get("quality", "high")
    return replace(resolved, quality=asked if asked in resolved.model.qualities else "high")


def other_format(resolved: ResolvedRequest, _hit: Hit) -> ResolvedRequest:
    """Draw a file of another format than the answer says."""
    return replace(resolved, file_format="jpeg" if resolved.output_format != "jpeg" else "png", background="opaque")


def answering(how: str) -> Spoil:
    """Answer a chat with a data: address, or with no image at all."""
    return lambda resolved, _hit: replace(resolved, answers=how) if resolved.kind is Kind.CHAT else resolved


def other_pixels(resolved: ResolvedRequest, _hit: Hit) -> ResolvedRequest:
    """Draw other dimensions than the answer says."""
    return replace(resolved, pixels=(1254, 1254))


def entries(change: Callable[[Answer], Any]) -> Alter:
    """Change entries of data[]: the first, unless option slots says last or all."""

    def alter(answer: Answer, hit: Hit) -> Reply:
        data = answer["data"]
        chosen = {"all": range(len(data)), "last": range(len(data))[-1:]}.get(hit.options.get("slots", ""), range(1))
        answer["data"] = [change(entry) if slot in chosen else entry for slot, entry in enumerate(data)]
        return as_json(200, answer)

    return alter


def text(change: Callable[[str], Any]) -> Alter:
    """Change the base64 text of entries; an address stays what it is."""
    return entries(lambda e: {**e, "b64_json": change(e["b64_json"])} if e.get("b64_json") else e)


def image(data: bytes) -> Callable[[str], str]:
    """Put another file in the image's place."""
    return lambda _text: base64.b64encode(data).decode()


def url_beside_nothing(entry: Answer) -> Answer:
    """Put an empty b64_json beside a valid address."""
    return {"b64_json": "", **entry} if "url" in entry else entry


def as_data_url(entry: Answer) -> Answer:
    """Give a data: address instead of base64."""
    return {"url": f"data:image/png;base64,{entry['b64_json']}"} if entry.get("b64_json") else entry


def cut(encoded: str) -> str:
    """End base64 too early, at no boundary."""
    return encoded[: max(1, len(encoded) * 3 // 5 | 1)]


def lines(encoded: str) -> str:
    """Break base64 into lines, as MIME has it."""
    return "\r\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))


def changed(change: Callable[[Answer], Any]) -> Alter:
    """Change the answer."""
    return lambda answer, _hit: as_json(200, change(answer))


def finished(reason: str, message: str) -> Alter:
    """End Gemini's candidate for a reason, without an image."""
    candidate = {"content": {"role": "model"}, "finishReason": reason, "index": 0}
    candidates = [{**candidate, "finishMessage": message} if message else candidate]
    return having(candidates=candidates)


def without(name: str) -> Alter:
    """Leave a member out."""
    return changed(lambda answer: {k: v for k, v in answer.items() if k != name})


def having(**members: Any) -> Alter:
    """Put members over those of the answer."""
    return changed(lambda answer: {**answer, **members})


def usage(change: Callable[[Answer], Any]) -> Alter:
    """Change the usage object."""
    return changed(lambda answer: {**answer, "usage": change(answer["usage"])})


def numbers(value: Callable[[int], Any]) -> Alter:
    """Change every number in usage."""

    def deep(item: Any) -> Any:
        return {k: deep(v) for k, v in item.items()} if isinstance(item, dict) else value(item)

    return usage(deep)


def revised(prompt: str) -> Alter:
    """Put a revised prompt beside the first image."""
    return entries(lambda entry: {**entry, "revised_prompt": prompt})


def in_bytes(change: Callable[[bytes], bytes]) -> Alter:
    """Change the JSON text itself."""
    return lambda answer, _hit: Reply(200, change(json.dumps(answer, ensure_ascii=False).encode()))


def with_extras(answer: Answer, _hit: Hit) -> Reply:
    """Add members nobody documented, before and within data[]."""
    data = [{"generation_id": "gen_1", "meta": {"b64_json": [1, {"url": None}]}, **entry} for entry in answer["data"]]
    return as_json(200, {"trace": {"data": [{"b64_json": "AAAA"}]}, **answer, "data": data, "cost": 0.04})
