"""What an answer brought, whatever dialect it came in: images in their order, usage, echo, complaint."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from batchgen.model import Echo, Usage
from batchgen.numerous import numerous
from batchgen.providers.api_error import ApiError
from batchgen.providers.base64_span import Base64Span, SpanState
from batchgen.providers.decode import Document
from batchgen.providers.json_text import count, mapping
from batchgen.text import safe

_MOST_USAGE_TEXT = 4000
_LONGEST_ECHO = 100
_LONGEST_URL = 16 * 1024
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


@numerous
@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an answer: bytes in a part, an address, an image spelled as a data URL, or why there is none."""

    run: Base64Span | None = None
    url: str = ""
    inline: str = ""
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether it brings, or promises, an image."""
        return bool(self.url or self.inline or (self.run and self.run.state is SpanState.WHOLE))


@numerous
@dataclass(frozen=True, slots=True)
class Answer:
    """What a dialect read out of a document; `known` says that it is an answer of the dialect, if perhaps an empty one.

    `words` are what it says to people in place of an image, `shape` is where its images stand if not where they should,
    `previews` are parts that hold no image which was asked for.
    """

    items: tuple[Item, ...]
    usage: Usage | None = None
    echo: Echo = field(default_factory=Echo)
    complaint: ApiError | None = None
    known: bool = True
    words: str = ""
    shape: str = ""
    previews: tuple[int, ...] = ()


def leftovers(document: Document, items: Sequence[Item], names: Collection[str]) -> tuple[Item, ...]:
    """Images that the JSON around them does not mention any more: it broke off, or named one key twice.

    So is the image that is the whole body. What stands under other names than `names` is something else.
    """
    used = {id(item.run) for item in items if item.run}
    left = [run for run in document.runs if id(run) not in used and run.state is not SpanState.EMPTY]
    return tuple([from_run(run) for run in left if not run.names or run.names[-1] in names])


def from_run(run: Base64Span) -> Item:
    """Return an entry whose image came as base64."""
    return Item(run=run, reason="" if run.state is SpanState.WHOLE else run.state.value)


def from_address(text: str, *, named: bool = False) -> Item:
    """Return an entry whose image came as an address.

    `named`: it stands where an address belongs, so an image was paid for; whether it may be read is asked later.
    """
    text = text.strip()
    if text[:5].lower() == "data:":
        return Item(inline=text)
    if len(text) <= _LONGEST_URL and (text if named else is_address(text)):
        return Item(url=text)
    return Item(reason="undecodable" if text else "empty")


def is_address(text: str) -> bool:
    """Whether a text begins as an address does."""
    return text[:8].lower().startswith(("http://", "https://"))


def run_at(document: Document, value: object) -> Base64Span | None:
    """Return the run that a number in the document stands for."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(document.runs):
        return None
    return document.runs[value]


def usage_of(answer: Mapping[str, Any], *, takes_images: bool) -> Usage | None:
    """Tokens as an answer counts them; None without a usage object.

    Where the answer does not split its input and no image went in, all of it was text.
    """
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    split_in = mapping(usage.get("input_tokens_details"))
    split_out = mapping(usage.get("output_tokens_details"))
    text_in, image_in = count(split_in.get("text_tokens")), count(split_in.get("image_tokens"))
    if text_in is None and image_in is None and not takes_images:
        text_in, image_in = count(usage.get("input_tokens")), 0
    text_out = count(split_out.get("text_tokens"))
    output = count(usage.get("output_tokens"))
    if output is not None and text_out:
        output = max(output - text_out, 0)
    return Usage(text_in, image_in, output, text_out, count(usage.get("total_tokens")), as_counted(usage))


def echo_of(answer: Mapping[str, Any]) -> Echo:
    """Say what the answer says was really drawn."""
    said = map(answer.get, ("model", "size", "quality", "output_format", "background"))
    # What answers of one template say alike is looked at once; the cut keeps what is remembered short.
    return Echo(*[_word(one[: _LONGEST_ECHO + 1]) if type(one) is str and one else None for one in said])


def as_counted(usage: Mapping[str, Any]) -> str:
    """Write a usage down as it came; empty where it cannot be, or is too long."""
    try:
        text = _ENCODER.encode(usage)
    except (ValueError, RecursionError):
        return ""
    return text if len(text) <= _MOST_USAGE_TEXT else ""


@lru_cache(maxsize=1024)
def _word(text: str) -> str:
    return safe(text, _LONGEST_ECHO)
