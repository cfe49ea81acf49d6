"""Answers as server-sent events where none were asked for, and the other way round."""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from batchgen.mock.broken import PREVIEW
from batchgen.mock.fault_answers import Alter, Answer
from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json

STREAM = "text/event-stream"
PARTIAL = base64.b64encode(PREVIEW).decode()
Event = tuple[str, dict[str, Any]]
Events = Callable[[Answer, Hit], Iterable[Event]]
DONE: Event = ("", {})


def partials(answer: Answer, hit: Hit) -> Iterable[Event]:
    """Show a preview that is not the image asked for, once an entry."""
    for index, _ in enumerate(answer["data"]):
        yield f"{hit.context.subject}.partial_image", {"b64_json": PARTIAL, "partial_image_index": index}


def completed(answer: Answer, hit: Hit) -> Iterable[Event]:
    """Show each image; the usage of the whole call stands in the last event."""
    for index, entry in enumerate(answer["data"], 1):
        last = {"usage": answer["usage"]} if index == len(answer["data"]) else {}
        yield f"{hit.context.subject}.completed", {**entry, **last}


def completed_without_usage(answer: Answer, hit: Hit) -> Iterable[Event]:
    """Show each image, and never say what it cost."""
    return ((name, {k: v for k, v in value.items() if k != "usage"}) for name, value in completed(answer, hit))


def first_completed(answer: Answer, hit: Hit) -> Iterable[Event]:
    """Show the first image only."""
    return list(completed(answer, hit))[:1]


def failed(code: str, message: str) -> Events:
    """Tell of an error by an event."""
    told = {"error": {"type": "image_generation_error", "code": code, "message": message, "param": None}}
    return lambda _answer, _hit: [("error", told)]


def done(_answer: Answer, _hit: Hit) -> Iterable[Event]:
    """End with the mark that chat streams end with."""
    return [DONE]


def events(*parts: Events, kind: str = STREAM) -> Alter:
    """Tell the answer as these events, one after the other."""

    def alter(answer: Answer, hit: Hit) -> Reply:
        text = "".join(_written(event) for part in parts for event in part(answer, hit))
        return Reply(200, text.encode(), kind)

    return alter


def oddly(answer: Answer, hit: Hit) -> Reply:
    """Use what the format of events allows: CRLF, comments, no event names, data over several lines."""
    lines = [": keep-alive", ""]
    for name, value in (*partials(answer, hit), *completed(answer, hit)):
        written = json.dumps({"type": name, **value}, indent=0).splitlines()
        lines += [*(f"data:{line}" for line in written), "", ": ping", ""]
    return Reply(200, "\r\n".join([*lines, "data: [DONE]", "", ""]).encode(), STREAM)


def said_to_be(kind: str) -> Alter:
    """Give the plain answer another content type."""
    return lambda answer, _hit: Reply(200, as_json(200, answer).body, kind)


def whole_in_an_event(answer: Answer, _hit: Hit) -> Reply:
    """Put the plain answer into one event without a name."""
    return Reply(200, f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n".encode(), STREAM)


def _written(event: Event) -> str:
    if event is DONE:
        return "data: [DONE]\n\n"
    name, value = event
    return f"event: {name}\ndata: {json.dumps({'type': name, **value})}\n\n"
