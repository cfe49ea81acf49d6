"""Answers that hold every image under other names, in other nests, or as the body itself."""

import base64
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from batchgen.mock.fault_answers import Alter, Answer
from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json
from batchgen.mock.resolved_request import ResolvedRequest

BOUNDARY = "mock-boundary"


def as_base64(resolved: ResolvedRequest, _hit: Hit) -> ResolvedRequest:
    """Answer with base64, whatever the provider's own way is."""
    return replace(resolved, answers="b64_json")


def shaped(shape: Callable[[list[Any]], Any]) -> Alter:
    """Answer with what a shape makes of the bare images: base64 texts, or addresses."""

    def alter(answer: Answer, _hit: Hit) -> Reply:
        told = shape([bare(entry) for entry in answer["data"]])
        return as_json(200, {**told, "usage": answer["usage"]} if isinstance(told, dict) else told)

    return alter


def bare(entry: Answer) -> Any:
    """Take the base64 text or the address out of an entry."""
    return entry.get("b64_json") or entry.get("url")


def under(answer: Answer, hit: Hit) -> Reply:
    """Put each image under another key of its entry; option key (image)."""
    key = hit.options.get("key", "image")
    return as_json(200, {**answer, "data": [{key: bare(entry)} for entry in answer["data"]]})


def body(kind: str) -> Alter:
    """Answer with the first image itself."""
    return lambda answer, _hit: Reply(200, _bytes(answer)[0] if answer["data"] else b"", kind)


def multipart(answer: Answer, _hit: Hit) -> Reply:
    """Answer with a body of several parts, an image each."""
    parts = b"".join(
        f"--{BOUNDARY}\r\nContent-Type: image/png\r\n\r\n".encode() + data + b"\r\n" for data in _bytes(answer)
    )
    return Reply(200, parts + f"--{BOUNDARY}--\r\n".encode(), f"multipart/mixed; boundary={BOUNDARY}")


def archive(answer: Answer, _hit: Hit) -> Reply:
    """Answer with a ZIP file of the images."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for index, data in enumerate(_bytes(answer)):
            file.writestr(f"image-{index}.png", data)
    return Reply(200, packed.getvalue(), "application/zip")


def tiny(before: int) -> Alter:
    """Answer with option count (1200) entries of ten bytes behind the first `before` true ones."""

    def alter(answer: Answer, hit: Hit) -> Reply:
        entry = {"b64_json": base64.b64encode(b"ten bytes!").decode()}
        count = min(100_000, int(hit.number("count", 1200)))
        return as_json(200, {**answer, "data": [*answer["data"][:before], *[entry] * count]})

    return alter


def costing(place: Callable[[Answer, float], Answer]) -> Alter:
    """State what the call is charged, in dollars."""
    return lambda answer, hit: as_json(200, place(answer, hit.context.micro_usd / 1_000_000))


def _bytes(answer: Answer) -> list[bytes]:
    return [base64.b64decode(entry["b64_json"]) for entry in answer["data"] if entry.get("b64_json")]
