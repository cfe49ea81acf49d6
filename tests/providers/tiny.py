"""A protocol of nobody's: all that it takes to add one is this module and one entry in the table."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from batchgen.model import Attempt, Auth, Operation, Provider
from batchgen.providers.answer import Answer, Item, from_run, run_at
from batchgen.providers.api_error import ApiError
from batchgen.providers.decode import Document, ImageFields
from batchgen.providers.dialect import Delivery, Dialect, Inputs, Params, Probe
from batchgen.providers.uploads import Uploads
from batchgen.providers.wire import JSON_HEADERS, WireRequest


def request(attempt: Attempt, provider: Provider, params: Params, _: Uploads) -> WireRequest:
    """Words and a number."""
    body = {"words": attempt.request.prompt, "many": attempt.n, **dict(params)}
    url = TINY.url(provider, Operation.GENERATE, attempt.model)
    return WireRequest("POST", url, JSON_HEADERS, json.dumps(body).encode())


def read(document: Document, _: Attempt) -> Answer:
    """Return a list of drawings."""
    entries = document.value.get("drawings") if isinstance(document.value, Mapping) else None
    runs = [run_at(document, entry.get("pixels")) for entry in entries or ()]
    return Answer(tuple(from_run(run) if run else Item(reason="undecodable") for run in runs))


def read_error(body: Any) -> ApiError | None:
    """One word that says why not."""
    why = body.get("why") if isinstance(body, Mapping) else None
    return ApiError(code={"rude": "moderation_blocked"}.get(str(why), str(why))) if why else None


TINY = Dialect(
    name="tiny",
    title="the tiny protocol",
    request=request,
    read=read,
    read_error=read_error,
    paths=((Operation.GENERATE, "/draw"),),
    auth=Auth("X-Tiny-Key", ""),
    fields=ImageFields(frozenset({b"pixels"})),
    delivery=frozenset({Delivery.INLINE}),
    inputs=lambda _: Inputs.BYTES,
    most_per_call=2,
    params=frozenset({"mood"}) | {"size"},
    wrong_value=lambda name, value, _, __: "" if value == "small" else f"{name} is small; not {value}",
    masks=False,
    probe=Probe("/names", lambda body: {name: {} for name in body or ()}, lambda body: bool(read_error(body))),
)


def drawn(image: bytes, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say what a server of this protocol answers."""
    return {"drawings": [{"pixels": base64.b64encode(image).decode()}] * body["many"]}
