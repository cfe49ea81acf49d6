"""Faults in what is drawn (the order) and in how it is told (the answer)."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from batchgen.mock.models import DRAWERS
from batchgen.mock.order import Kind, Look, Order
from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json

Answer = dict[str, Any]
Spoil = Callable[[Order, Hit], Order]
Alter = Callable[[Answer, Hit], Reply]


def come(count: int) -> Spoil:
    """So many pictures come, at most those asked."""

    def fewer(order: Order, _hit: Hit) -> Order:
        kept = min(count, order.n)
        return replace(order, deliver=kept, withheld=tuple(range(kept, order.n)))

    return fewer


def one_more(order: Order, _hit: Hit) -> Order:
    """One picture more than asked."""
    return replace(order, deliver=order.n + 1, withheld=())


def looking(look: Look) -> Spoil:
    """Pictures spoilt in one way."""
    return lambda order, _hit: replace(order, look=look)


def other_model(order: Order, hit: Hit) -> Order:
    """Another model drew it, and is charged; option model."""
    name = hit.options.get("model", "gpt-image-1.5")
    drawer = DRAWERS.get(name, DRAWERS["gpt-image-1.5"])
    quality = order.quality if order.quality in drawer.qualities else "high"
    return replace(order, drawer=drawer, quality=quality, echo_model=drawer.name)


def other_size(order: Order, hit: Hit) -> Order:
    """Drawn, echoed and charged in another size; option size."""
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", hit.options.get("size", ""))
    width, height = (int(found[1]), int(found[2])) if found else (1536, 1024)
    return replace(order, width=width, height=height)


def other_quality(order: Order, hit: Hit) -> Order:
    """Drawn, echoed and charged in another quality; option quality."""
    asked = hit.options.get("quality", "high")
    return replace(order, quality=asked if asked in order.drawer.qualities else "high")


def other_format(order: Order, _hit: Hit) -> Order:
    """The file is of another format than the answer says."""
    return replace(order, file_format="jpeg" if order.output_format != "jpeg" else "png", background="opaque")


def answering(how: str) -> Spoil:
    """A chat completion that holds a data: address, or no picture at all."""
    return lambda order, _hit: replace(order, answers=how) if order.kind is Kind.CHAT else order


def other_pixels(order: Order, _hit: Hit) -> Order:
    """The file has other dimensions than the answer says."""
    return replace(order, pixels=(1254, 1254))


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


def picture(data: bytes) -> Callable[[str], str]:
    """Another file instead of the picture."""
    return lambda _text: base64.b64encode(data).decode()


def url_beside_nothing(entry: Answer) -> Answer:
    """An empty b64_json beside a valid address."""
    return {"b64_json": "", **entry} if "url" in entry else entry


def as_data_url(entry: Answer) -> Answer:
    """A data: address instead of base64."""
    return {"url": f"data:image/png;base64,{entry['b64_json']}"} if entry.get("b64_json") else entry


def cut(encoded: str) -> str:
    """Base64 that ends too early, at no boundary."""
    return encoded[: max(1, len(encoded) * 3 // 5 | 1)]


def lines(encoded: str) -> str:
    """Base64 in lines, as MIME has it."""
    return "\r\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))


def usage(change: Callable[[Answer], Any]) -> Alter:
    """Change the usage object."""

    def alter(answer: Answer, _hit: Hit) -> Reply:
        answer["usage"] = change(answer["usage"])
        return as_json(200, answer)

    return alter


def numbers(value: Callable[[int], Any]) -> Alter:
    """Change every number in usage."""

    def deep(item: Any) -> Any:
        return {k: deep(v) for k, v in item.items()} if isinstance(item, dict) else value(item)

    return usage(deep)


def without(name: str) -> Alter:
    """Leave a member out."""
    return lambda answer, _hit: as_json(200, {k: v for k, v in answer.items() if k != name})


def having(**members: Any) -> Alter:
    """Put members over those of the answer."""
    return lambda answer, _hit: as_json(200, {**answer, **members})


def revised(prompt: str) -> Alter:
    """A revised prompt beside the first picture."""
    return entries(lambda entry: {**entry, "revised_prompt": prompt})


def in_bytes(change: Callable[[bytes], bytes]) -> Alter:
    """Change the JSON text itself."""
    return lambda answer, _hit: Reply(200, change(json.dumps(answer, ensure_ascii=False).encode()))


def pretty(answer: Answer, _hit: Hit) -> Reply:
    """Indented JSON."""
    return Reply(200, json.dumps(answer, indent=4).encode())


def usage_first(answer: Answer, _hit: Hit) -> Reply:
    """data[] comes last."""
    return as_json(200, {**{k: v for k, v in answer.items() if k != "data"}, "data": answer["data"]})


def with_extras(answer: Answer, _hit: Hit) -> Reply:
    """Members nobody documented, before and within data[]."""
    data = [{"generation_id": "gen_1", "meta": {"b64_json": [1, {"url": None}]}, **entry} for entry in answer["data"]]
    return as_json(200, {"trace": {"data": [{"b64_json": "AAAA"}]}, **answer, "data": data, "cost": 0.04})
