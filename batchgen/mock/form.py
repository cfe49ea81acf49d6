"""HTTP request -> form: JSON or multipart, with the uploads read and a record of what exactly arrived."""

import base64
import binascii
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from aiohttp import BodyPartReader, web

from batchgen.mock.reply import Refused, bad_image, error, wrong_value

MOST_BYTES = 50 * 1024 * 1024
LONGEST = 4000
KEY_HEADERS = frozenset({"authorization", "api-key", "x-goog-api-key"})


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that came with a request; `url` instead of bytes when only its address came."""

    data: bytes = b""
    kind: str = ""
    filename: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What was asked, before anybody judged it. `parts` describes every part of a multipart body in order."""

    fields: dict[str, Any]
    images: tuple[Upload, ...] = ()
    mask: Upload | None = None
    markup: Upload | None = None
    multipart: bool = False
    parts: tuple[dict[str, Any], ...] = ()

    def text(self, name: str) -> str:
        """Return a field when it is text, else nothing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


Fetch = Callable[[str], bytes | None]


async def read_form(request: web.Request, fetch: Fetch) -> Form:
    """Read the whole body; `fetch` reads images that lie on this server. Refused when it is neither JSON nor a form."""
    if request.content_type == "multipart/form-data":
        return await _multipart(request)
    return json_form(json_object(await request.read()), fetch)


async def _multipart(request: web.Request) -> Form:
    fields: dict[str, Any] = {}
    parts: list[dict[str, Any]] = []
    images: list[Upload] = []
    laid: dict[str, Upload] = {}
    try:
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader):
                continue
            data, kind = bytes(await part.read()), part.headers.get("Content-Type", "")
            parts.append(_described(part, data, kind))
            name = part.name or ""
            fields[name] = data.decode("utf-8", "replace") if part.filename is None else name
            upload = Upload(data, kind.partition(";")[0].strip(), part.filename)
            if name in {"image", "image[]"}:
                images.append(upload)
            elif name in {"mask", "markup"}:
                laid[name] = upload
    except ValueError as broken:
        raise Refused(error(400, f"Could not parse multipart form: {broken}")) from broken
    return Form(fields, tuple(images), laid.get("mask"), laid.get("markup"), multipart=True, parts=tuple(parts))


def _described(part: BodyPartReader, data: bytes, kind: str) -> dict[str, Any]:
    described = {"name": part.name, "filename": part.filename, "content_type": kind or None, "bytes": len(data)}
    value = {"value": data.decode("utf-8", "replace")} if part.filename is None else {}
    return {**described, "sha256": sha256(data).hexdigest(), **value}


def json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; Refused when it is none."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Refused(error(400, "We could not parse the JSON body of your request. The API expects a JSON object."))
    return fields


def json_form(fields: dict[str, Any], fetch: Fetch) -> Form:
    """Read the fields of a JSON object and the images it refers to."""
    images: list[Upload] = []
    one = fields.get("image")
    for number, reference in enumerate([one] if isinstance(one, dict) else _list(fields.get("images")), 1):
        images.append(_referred(reference, number, fetch))
    if isinstance(embedded := fields.get("reference_image"), str):
        images.append(Upload(decoded(embedded, 1), filename="reference_image"))
    mask, markup = (_referred(fields[name], 1, fetch) if fields.get(name) else None for name in ("mask", "markup"))
    return Form(fields, tuple(images), mask, markup)


def _referred(reference: Any, number: int, fetch: Fetch) -> Upload:
    if isinstance(reference, dict) and reference.get("type") == "image_url" and "url" in reference:
        reference = {"image_url": reference["url"]}
    keys = reference.keys() & {"image_url", "file_id"} if isinstance(reference, dict) else ()
    if len(keys) != 1:
        raise Refused(wrong_value("images", "Each image must have exactly one of image_url and file_id."))
    if "file_id" in keys:
        name = f"file:{reference['file_id']}"
        return Upload(fetch(name) or b"", url=name)
    url = str(reference["image_url"])
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        return Upload(decoded(data, number), head[5:].partition(";")[0])
    if not url.startswith(("https://", "http://")):
        raise Refused(wrong_value("images", f"Invalid URL: '{url[:200]}'."))
    return Upload(fetch(url) or b"", url=url)


def decoded(text: str, number: int) -> bytes:
    """Decode base64; Refused when it is none."""
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise Refused(bad_image(number)) from broken


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class Record:
    """The latest requests as they arrived."""

    def __init__(self, most: int) -> None:
        self._seen: deque[dict[str, Any]] = deque(maxlen=most)

    def note(self, request: web.Request, index: int | None = None, form: Form | None = None) -> None:
        """Keep what a request says; `index` is its line on the bill, if it has one."""
        if not self._seen.maxlen:
            return
        authorised = request.headers.get("Authorization", "").partition(" ")[0]
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in KEY_HEADERS]
        self._seen.append(
            {
                "index": index,
                "method": request.method,
                "path": request.raw_path,
                "authorization": authorised or None,
                "headers": headers,
                "fields": _short(form.fields) if form else {},
                "parts": list(form.parts) if form else [],
            }
        )

    def all(self) -> list[dict[str, Any]]:
        """List the requests, oldest first."""
        return list(self._seen)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, str) and len(value) > LONGEST:
        digest = sha256(value.encode("utf-8", "replace")).hexdigest()
        return f"<{len(value)} characters, sha256 {digest}>"
    return value
