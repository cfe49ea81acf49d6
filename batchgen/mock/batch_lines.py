"""Lines of a batch: checked when the batch is validated, and performed like calls at half the price."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchgen.mock.api_files import ApiFile
from batchgen.mock.reply import Reply
from batchgen.mock.resolved_request import Kind

KINDS = {"/images/generations": Kind.GENERATE, "/images/edits": Kind.EDIT}
"""What can be drawn in batches, by the end of its endpoint."""
MOST_LINES = 50_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an input file: where it stands, and how it is joined with its result."""

    number: int
    offset: int
    length: int
    custom_id: str


def kind_of(endpoint: str) -> Kind:
    """Say what the lines of a batch with this endpoint draw."""
    return next(kind for end, kind in KINDS.items() if endpoint.endswith(end))


class Invalid(Exception):
    """The batch fails its validation: code, words, line (from 1) and parameter."""

    def __init__(self, code: str, message: str, line: int | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.told = {"code": code, "message": message, "line": line, "param": param}


def read(file: ApiFile, line: Line) -> dict[str, Any]:
    """Read one line again."""
    with file.path.open("rb") as opened:
        opened.seek(line.offset)
        value: dict[str, Any] = json.loads(opened.read(line.length))
    return value


def validated(file: ApiFile | None, endpoint: str) -> tuple[str, list[Line]]:
    """Check every line: the one model, and the lines; Invalid as soon as one is wrong."""
    if file is None:
        raise Invalid("invalid_input_file", "The input file does not exist any more.")
    lines: list[Line] = []
    models: set[str] = set()
    known: set[str] = set()
    for number, (offset, text) in enumerate(((o, t) for o, t in file.lines() if t.strip()), 1):
        asked = _object(text, number)
        custom_id = _custom_id(asked, known, number)
        models.add(_model(asked, endpoint, number))
        if len(models) > 1:
            raise Invalid("mismatched_model", "All requests of a batch must name the same model.", number, "body.model")
        if number > MOST_LINES:
            raise Invalid("too_many_tasks", f"The input file holds more than {MOST_LINES} requests.", number)
        lines.append(Line(number, offset, len(text), custom_id))
    if not lines:
        raise Invalid("empty_file", "The input file is empty.")
    return models.pop(), lines


def prompts(file: ApiFile) -> Iterator[tuple[int, str]]:
    """Read the prompts of an input file with their line numbers, as far as they can be read."""
    for number, (_, text) in enumerate(file.lines(), 1):
        try:
            prompt = json.loads(text)["body"]["prompt"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(prompt, str):
            yield number, prompt


def result(number: int, custom_id: str, reply: Reply, request_id: str) -> dict[str, Any]:
    """Build the line of an output or error file."""
    try:
        body: Any = json.loads(reply.body)
    except ValueError:
        body = reply.body.decode("utf-8", "replace")
    return _line(number, custom_id, {"status_code": reply.status, "request_id": request_id, "body": body}, None)


def result_around(number: int, custom_id: str, body: bytes, request_id: str) -> bytes:
    """Build the line of a good answer around its JSON, which is not read again."""
    names = f'{{"id": "batch_req_{number:06d}", "custom_id": {json.dumps(custom_id)}, "response": '
    head = f'{names}{{"status_code": 200, "request_id": "{request_id}", "body": '
    return b"".join((head.encode(), body, b'}, "error": null}'))


def unanswered(number: int, custom_id: str, code: str, message: str) -> dict[str, Any]:
    """Build the line of an error file for a request that was not performed."""
    return _line(number, custom_id, None, {"code": code, "message": message})


def _line(number: int, custom_id: str, response: Any, error: Any) -> dict[str, Any]:
    return {"id": f"batch_req_{number:06d}", "custom_id": custom_id, "response": response, "error": error}


def _object(text: bytes, number: int) -> dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise Invalid("invalid_json_line", "This line is not parseable as valid JSON.", number)
    return asked


def _custom_id(asked: dict[str, Any], known: set[str], number: int) -> str:
    custom_id = asked.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        raise Invalid("missing_required_parameter", "Missing required parameter: 'custom_id'.", number, "custom_id")
    if custom_id in known:
        raise Invalid("duplicate_custom_id", f"The custom_id '{custom_id}' is used twice.", number, "custom_id")
    known.add(custom_id)
    return custom_id


def _model(asked: dict[str, Any], endpoint: str, number: int) -> str:
    body = asked.get("body")
    if asked.get("method") != "POST":
        raise Invalid("invalid_method", "The method must be POST.", number, "method")
    if asked.get("url") != endpoint:
        raise Invalid("invalid_url", f"The URL must be the batch's endpoint, {endpoint}.", number, "url")
    if not isinstance(body, dict):
        raise Invalid("missing_required_parameter", "Missing required parameter: 'body'.", number, "body")
    if body.get("stream"):
        raise Invalid("invalid_value", "Streaming is not supported in a batch.", number, "body.stream")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Invalid("missing_required_parameter", "Missing required parameter: 'body.model'.", number, "body.model")
    return model
