"""How values stand in the ledger: times, lists and requests as text."""

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from sqlite3 import Row
from typing import Any, Protocol, TypeVar, get_type_hints

from batchgen.model import (
    NO_REASON,
    FileImage,
    Form,
    ImageRequest,
    InputImage,
    JobImage,
    Operation,
    Reason,
    ReasonCode,
    UrlImage,
)

MOST_TEXT = 4000

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()
_PROMPT = '"prompt":"'
_NOTHING = "[]"
_IMAGES: dict[str, type[FileImage | UrlImage | JobImage]] = {"file": FileImage, "url": UrlImage, "job": JobImage}


def stamp(moment: datetime) -> str:
    """Write a moment as UTC text that sorts by time."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='microseconds')[:-6]}Z"


def moment(text: str | None) -> datetime | None:
    """Read what `stamp` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def dump(value: object) -> str:
    """Write JSON in its shortest form, in ASCII: it takes whatever text came from outside."""
    return _NOTHING if value == () else _ENCODER.encode(value)


def plain(text: str) -> str:
    """Make text that came from outside fit for the file: no half characters, no novels."""
    if len(text) <= MOST_TEXT and text.isascii():
        return text
    return text[:MOST_TEXT].encode("utf-8", "replace").decode()


def reason_columns(reason: Reason) -> tuple[str, str, str]:
    """Write a reason down."""
    return (reason.code.value, plain(reason.cause), plain(reason.detail))


def reason_from(code: str, cause: str, detail: str) -> Reason:
    """Read what `reason_columns` wrote."""
    return Reason(ReasonCode(code), cause, detail) if code else NO_REASON


def counts(numbers: Sequence[object]) -> list[int | None]:
    """Take numbers of tokens that came from outside; None for each that is no number that could be one."""
    return [number if isinstance(number, int) and 0 <= number < 2**53 else None for number in numbers]


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read a JSON list of pairs."""
    return tuple((str(key), str(value)) for key, value in json.loads(text)) if text != _NOTHING else ()


def words(text: str) -> tuple[str, ...]:
    """Read a JSON list of words."""
    return tuple(map(str, json.loads(text)))


def request_text(request: ImageRequest) -> str:
    """Write a request down, so that a later run can say what has changed."""
    before, behind = _around_prompt(request.form)
    return f"{before}{_ENCODER.encode(request.prompt)}{behind}"


@lru_cache(maxsize=1024)
def _around_prompt(form: Form) -> tuple[str, str]:
    """Write down what many requests have in common: what stands before and behind the words of the prompt."""
    operation, model, params, images, mask, files = form
    text = dump(
        {
            "operation": operation.value,
            "prompt": "",
            "model": model,
            "params": params,
            "images": [_input_out(image) for image in images],
            "mask": mask and _input_out(mask),
            **({"files": [[name, _input_out(file)] for name, file in files]} if files else {}),
        }
    )
    before, name, behind = text.partition('"prompt":')
    return before + name, behind.removeprefix('""')


@lru_cache(maxsize=256)
def slots_text(slots: tuple[int, ...]) -> str:
    """Write down the slots of a call: nearly always the same."""
    return dump(slots)


def request_from(text: str) -> ImageRequest:
    """Read what `request_text` wrote."""
    begin = text.find(_PROMPT) + len(_PROMPT) - 1  # no string holds these marks: there they are escaped
    prompt, end = _DECODER.raw_decode(text, begin)
    operation, model, params, images, mask, files = _form_from(text[:begin], text[end:])
    return ImageRequest(operation, prompt, model, params, images, mask, files)


@lru_cache(maxsize=1024)
def _form_from(before: str, behind: str) -> Form:
    """Read what many requests have in common: what stands before and behind the words of the prompt."""
    facts = json.loads(f'{before}""{behind}')
    return (
        Operation(facts["operation"]),
        facts["model"],
        tuple((name, value) for name, value in facts["params"]),
        tuple(_input_in(image) for image in facts["images"]),
        _input_in(facts["mask"]) if facts["mask"] else None,
        tuple((name, _input_in(file)) for name, file in facts.get("files", ())),  # type: ignore[misc]
    )


def input_image(text: str) -> InputImage:
    """Read one image of what `request_text` wrote."""
    return _input_in(json.loads(text))


def _input_out(image: InputImage) -> list[object]:
    name = next(name for name, kind in _IMAGES.items() if type(image) is kind)
    return [name, *astuple(image)]


def _input_in(facts: Sequence[Any]) -> InputImage:
    kind, *rest = facts
    return _IMAGES[kind](*rest)


class RowReader(Protocol[T_co]):
    """Reads a row as a value; what no column holds as it is comes with it, by name."""

    def __call__(self, row: Row, /, **made: object) -> T_co: ...


def reader(kind: Callable[..., T]) -> RowReader[T]:
    """Make what reads rows as values of a dataclass: each field from the column of its name, as its type says."""

    def read(row: Row, /, **made: object) -> T:
        return kind(**{name: back(row[name]) for name, back in _backs(kind) if name not in made}, **made)

    return read


@cache
def _backs(kind: Callable[..., object]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Say how each field of a dataclass is read; its types are looked at when the first row is."""
    return tuple((name, _back(hint)) for name, hint in get_type_hints(kind).items())


def _back(hint: Any) -> Callable[[Any], Any]:
    known: dict[Any, Callable[[Any], Any]] = {
        bool: bool,
        datetime: moment,
        datetime | None: moment,
        ImageRequest: request_from,
        tuple[int, ...]: lambda text: tuple(json.loads(text)),
        tuple[str, ...]: words,
        tuple[tuple[str, str], ...]: pairs,
    }
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return known.get(hint, _as_is)


def _as_is(value: Any) -> Any:
    return value
