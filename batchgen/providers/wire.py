"""A request as it goes over the wire, without the key: what a dialect makes and an executor sends."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from batchgen.model import OpenParam, Operation, ParamType, Provider
from batchgen.numerous import numerous

Params = tuple[tuple[str, str], ...]

JSON_HEADERS = (("Content-Type", "application/json"), ("Accept", "application/json"))
_QUOTED = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part of a multipart form: a text field, or a file with its name and content type.

    A `Path` is read when it is sent, so that large images never stand in memory together.
    """

    name: str
    value: str | bytes | Path
    filename: str | None = None
    content_type: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the value; OSError when its file is gone."""
        if isinstance(self.value, Path):
            return self.value.stat().st_size
        return len(self.value.encode() if isinstance(self.value, str) else self.value)

    def head(self) -> bytes:
        """Write the part's own headers as the official SDK does: a text field has no content type."""
        disposition = f'form-data; name="{_quoted(self.name)}"'
        if self.filename is not None:
            disposition += f'; filename="{_quoted(self.filename)}"'
        kind = f"\r\nContent-Type: {self.content_type}" if self.content_type else ""
        return f"Content-Disposition: {disposition}{kind}\r\n\r\n".encode()


@numerous
@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request: JSON bytes or the parts of a form; the executor adds the key and its own headers."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | tuple[FormPart, ...]


def form_length(parts: tuple[FormPart, ...], boundary: str) -> int:
    """Bytes of the whole form on the wire."""
    fixed = sum(len(piece) for piece in form_pieces(parts, boundary) if isinstance(piece, bytes))
    return fixed + sum(part.size for part in parts if isinstance(part.value, Path))


def form_pieces(parts: tuple[FormPart, ...], boundary: str) -> Iterator[bytes | Path]:
    """Walk the form in order: bytes to send as they are, and paths whose content belongs there."""
    for part in parts:
        head = f"--{boundary}\r\n".encode() + part.head()
        if isinstance(part.value, Path):
            yield head
            yield part.value
            yield b"\r\n"
        else:
            value = part.value.encode() if isinstance(part.value, str) else part.value
            yield head + value + b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def address(provider: Provider, path: str, model: str) -> str:
    """Give the address of an endpoint below the base URL; a model's name in its path is one segment."""
    below = path.replace("{model}", quote(model, safe=""))
    query = f"?{urlencode(provider.query)}" if provider.query else ""
    return f"{(provider.base_url or '').rstrip('/')}{below}{query}"


def fields_of(params: Params, provider: Provider, operation: Operation, usual: Params = ()) -> dict[str, Any]:
    """Parameters as JSON wants them, each where the provider file says that it stands, else in its `usual` place."""
    fields: dict[str, Any] = {}
    places = dict((*usual, *provider.fields))
    for name, value in params:
        put(fields, places.get(name, name), _typed(value, provider.opened(name, operation)))
    return fields


def put(fields: dict[str, Any], place: str, value: Any) -> None:
    """Set a value at a dotted place, such as `extra.quality`."""
    *owners, last = place.split(".")
    for owner in owners:
        fields = fields.setdefault(owner, {})
    fields[last] = value


def _typed(text: str, opened: OpenParam | None) -> int | float | bool | str:
    """Turn a value into what its parameter is; of one that nobody describes, digits become an integer."""
    if opened is None:
        return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text
    read: dict[ParamType, Callable[[str], int | float | bool | str]] = {
        ParamType.FLAG: lambda word: word == "true",
        ParamType.INTEGER: int,
        ParamType.NUMBER: float,
        ParamType.TEXT: str,
    }
    return read[opened.type](text)


def header_view(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with lower-case names; of a repeated one the first counts."""
    view: dict[str, str] = {}
    for name, value in headers.items():
        view.setdefault(name.lower(), value)
    return view


def _quoted(text: str) -> str:
    return "".join(_QUOTED.get(character, character) for character in text)
