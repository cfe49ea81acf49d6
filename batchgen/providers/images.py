"""The dialect of the Images API: generations, edits and variations, answered with base64 or addresses."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from batchgen.model import MARKUP, Attempt, Operation, Provider, Usage
from batchgen.providers.answer import Answer, Item, echo_of, from_address, from_run, leftovers, run_at, usage_of
from batchgen.providers.base64_span import SpanState
from batchgen.providers.decode import Document, ImageFields
from batchgen.providers.dialect import Dialect, Inputs, Probe
from batchgen.providers.json_text import mapping, sequence
from batchgen.providers.shapes import bearer, images_anywhere, said_in
from batchgen.providers.uploads import Upload, Uploads
from batchgen.providers.wire import JSON_HEADERS, FormPart, WireRequest, fields_of

_PATHS = {
    Operation.GENERATE: "/images/generations",
    Operation.EDIT: "/images/edits",
    Operation.VARIATION: "/images/variations",
}
FORM = "multipart"
_PLACES = (("svg_model", "svg.model"), ("svg_effort", "svg.reasoning.effort"))
"""Where parameters stand in a request that have no place of their own there."""
PARTIALS = 1
"""Partial images of a streamed answer: one is enough to break the silence. They cost tokens and are never kept."""
JSON, PLAIN = JSON_HEADERS
STREAMED = ("Accept", "text/event-stream, application/json")
_BASE64 = "b64_json"
_ADDRESSES = ("url", "image_url")
_OWN = frozenset({_BASE64, *_ADDRESSES, "revised_prompt"})
"""Names in an entry of the list of images."""
FIELDS = ImageFields(frozenset({_BASE64.encode()}), frozenset(name.encode() for name in _ADDRESSES))


def request(attempt: Attempt, provider: Provider, params: tuple[tuple[str, str], ...], uploads: Uploads) -> WireRequest:
    """Build the request for one call: model, prompt, n, the given parameters and images, and nothing else."""
    operation = attempt.request.operation
    url = DIALECT.url(provider, operation, attempt.model)
    fields: dict[str, Any] = {"model": attempt.model}
    if operation is not Operation.VARIATION:
        fields["prompt"] = attempt.request.prompt
    fields["n"] = attempt.n
    fields |= fields_of(params, provider, operation, _PLACES)
    fields |= {name: _base64(upload) for name, upload in uploads.params}
    if provider.response_format:
        fields.setdefault("response_format", provider.response_format)
    if attempt.stream:
        fields |= {"stream": True, "partial_images": PARTIALS}
    accept = STREAMED if attempt.stream else PLAIN
    if operation is Operation.GENERATE:
        return WireRequest("POST", url, (JSON, accept), _json(fields))
    if provider.edit_body != FORM and operation is Operation.EDIT:
        fields |= _json_images(uploads, provider.image_field)
        return WireRequest("POST", url, (JSON, accept), _json(fields))
    return WireRequest("POST", url, (accept,), _form(fields, uploads))


def _json_images(uploads: Uploads, form: str) -> dict[str, Any]:
    """Return the images of an edit as JSON: a list as OpenAI takes it, or `image: {url}`, one or several."""
    if form == "images":
        fields: dict[str, Any] = {"images": [_reference(upload) for upload in uploads.images]}
        return fields | {name: _reference(upload) for name, upload in _laid(uploads)}
    images = [{"type": "image_url", "url": address_of(upload)} for upload in uploads.images]
    fields = {"image": images[0]} if len(images) == 1 else {"images": images}
    return fields | {name: {"type": "image_url", "url": address_of(upload)} for name, upload in _laid(uploads)}


def _laid(uploads: Uploads) -> Iterator[tuple[str, Upload]]:
    """Give what lies on the first image, by its name in a request."""
    yield from (("mask", uploads.mask),) if uploads.mask else ()
    yield from ((MARKUP, uploads.markup),) if uploads.markup else ()


def read(document: Document, attempt: Attempt) -> Answer:
    """Return the images of an answer in their order, and what it says about them."""
    answer = bearer(document.value)
    entries = answer.get("data")
    if isinstance(entries, dict):
        entries = [entries]
    items = tuple([_item(document, entry) for entry in entries]) if isinstance(entries, list) else ()
    items += leftovers(document, items, _OWN)
    usable = [item for item in items if item.usable]
    shape = _wrapped(usable)
    if not usable:
        found, shape = images_anywhere(document)
        items = found or items
    images_in = bool(attempt.request.images or attempt.request.files)
    usage = usage_of(answer, takes_images=images_in)
    complaint = None if usable else said_in(document.value)
    failed = complaint is not None and complaint.bare
    known = any(item.usable for item in items) or (_is_answer(entries, usage) and not failed)
    return Answer(items, usage, echo_of(answer), complaint, known, shape=shape)


def _wrapped(usable: Iterable[Item]) -> str:
    """Say where the first image stands that has the name it should have, but in something else than `data`."""
    names = next((item.run.names for item in usable if item.run), ())
    return "" if names[:-1] in {(), ("data",)} else ".".join(names)


def _is_answer(entries: Any, usage: Usage | None) -> bool:
    """Whether a document without an image is an answer of this API all the same: a list of images, or a bill for some.

    A list whose entries all speak of something else is none, and neither is anything in a list's place.
    """
    if isinstance(entries, list):
        return not entries or not all(isinstance(entry, Mapping) and _is_foreign(entry) for entry in entries)
    return entries is None and usage is not None and usage.output is not None


def _is_foreign(entry: Mapping[str, Any]) -> bool:
    return bool(entry) and _OWN.isdisjoint(entry)


def _item(document: Document, entry: Any) -> Item:
    if entry is None:
        return Item(reason="null")
    if isinstance(entry, str):
        return from_address(entry)
    if not isinstance(entry, dict):
        return Item(reason="undecodable")
    candidates = [_image(document, entry.get(_BASE64))]
    candidates += [_image(document, entry[key]) for key in _ADDRESSES if key in entry]
    usable = [item for item in candidates if item.usable]
    return usable[0] if usable else max(candidates, key=_weight)


def _image(document: Document, value: Any) -> Item:
    """Return an entry's value: the number of a run, an address, or an object that holds one."""
    if value is None:
        return Item(reason="null")
    if isinstance(value, dict):
        return _image(document, value.get("url"))
    if isinstance(value, str):
        return from_address(value, named=True)
    run = run_at(document, value)
    if run is None:
        return Item(reason="undecodable")
    return Item(reason="empty") if run.state is SpanState.EMPTY else from_run(run)


def _weight(item: Item) -> int:
    """Which of several unusable values says most about what went wrong."""
    return ("", "null", "empty", "undecodable", "truncated").index(item.reason)


def _json(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields)
    except TypeError:  # a lone surrogate has no UTF-8, and as an escape it is at least legal JSON; or a long integer
        return json.dumps(fields, separators=(",", ":")).encode()


def _form(fields: Mapping[str, Any], uploads: Uploads) -> tuple[FormPart, ...]:
    texts = tuple(FormPart(name, text) for name, text in _form_fields(fields))
    name = "image" if len(uploads.images) == 1 else "image[]"
    files = [_file(name, upload) for upload in uploads.images]
    files += [_file(name, upload) for name, upload in _laid(uploads)]
    return (*texts, *files)


def _form_fields(fields: Mapping[str, Any], owner: str = "") -> Iterator[tuple[str, str]]:
    """Fields as a form carries them: nested ones have bracketed names, `svg[model]`."""
    for name, value in fields.items():
        whole = f"{owner}[{name}]" if owner else name
        if isinstance(value, Mapping):
            yield from _form_fields(value, whole)
        else:
            yield whole, str(value).lower() if isinstance(value, bool) else str(value)


def _file(name: str, upload: Upload) -> FormPart:
    return FormPart(name, upload.data, upload.name, upload.content_type)


def _reference(upload: Upload) -> dict[str, str]:
    return {"file_id": upload.file_id} if upload.file_id else {"image_url": address_of(upload)}


def address_of(upload: Upload) -> str:
    """Where the provider finds an image: its own address, or the bytes themselves."""
    return upload.url or f"data:{upload.content_type};base64,{_base64(upload)}"


def _base64(upload: Upload) -> str:
    data = upload.data if isinstance(upload.data, bytes) else upload.data.read_bytes()
    return base64.b64encode(data).decode()


def listed_models(body: Any) -> Mapping[str, Mapping[str, Any]]:
    """Read the list of models: `{"data": [{"id": ...}]}`."""
    named = (entry for entry in sequence(mapping(body).get("data")) if isinstance(entry, Mapping))
    return {str(entry.get("id")): entry for entry in named}


def refuses_like_openai(body: Any) -> bool:
    """Whether a body is an error as OpenAI words it."""
    return isinstance(mapping(body).get("error"), Mapping)


PROBE = Probe("/models", listed_models, refuses_like_openai)


def _inputs(provider: Provider) -> Inputs:
    return Inputs.BYTES if provider.edit_body == FORM else Inputs.ADDRESS


DIALECT = Dialect(
    name="images",
    title="the Images API",
    request=request,
    read=read,
    paths=tuple(_PATHS.items()),
    fields=FIELDS,
    probe=PROBE,
    inputs=_inputs,
    streams=True,
)
