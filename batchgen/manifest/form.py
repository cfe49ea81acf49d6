"""What all forms of a manifest share: how they treat keys, and how people write values, such as amounts and durations.

Every value arrives as text; numbers are read from it here and nowhere else. The schema, which is for editors, says
number where a person would write one.
"""

import re
from datetime import time
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from batchgen.imaging.presets import presets
from batchgen.manifest.names import shown
from batchgen.model import ModerationCheck
from batchgen.money import MicroUSD, from_usd
from batchgen.text import seconds

IGNORED = "x-"
"""How keys begin that are a place for anchors and notes."""
KINDS = frozenset({"file", "form", "inline", "one", "several"})
"""How pydantic tells apart what may be written in several ways; none of it stands in a manifest."""
_AMOUNT = re.compile(r"\$?\d{1,12}(\.\d{1,12})?", re.ASCII)
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(b|kb|mb|gb|kib|mib|gib)?", re.ASCII | re.IGNORECASE)
_UNITS = {"b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "kib": 1024, "mib": 1 << 20, "gib": 1 << 30}
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)


def _matching(pattern: str, why: str) -> PlainValidator:
    """Take text of one form; `why` says what is wrong with any other, which stands in the place of its `{}`."""
    form = re.compile(pattern, re.ASCII)

    def read(value: Any) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError(why.format(shown(value)))
        return value

    return PlainValidator(read)


def _variable(what: str) -> PlainValidator:
    """Take the name of an environment variable; what is no name may be a secret, and is not shown."""
    why = f"name the environment variable that holds {what} is a secret and does not belong into a manifest"
    return _matching("[A-Za-z_][A-Za-z0-9_]{0,99}", why)


def _money(value: Any) -> MicroUSD:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value.strip()):
        raise ValueError(f"{shown(value)} is not an amount in dollars, such as 25.00")
    return from_usd(value)


def _price(value: Any) -> Decimal:
    _money(value)
    return Decimal(str(value).strip().removeprefix("$"))


def duration(value: Any) -> float:
    """Read a duration in seconds; ValueError when it is none."""
    if not isinstance(value, str):
        raise ValueError("expected a duration, such as 90s or 2h")  # noqa: TRY004 - pydantic takes ValueErrors
    if (found := seconds(value)) is None:
        raise ValueError(f"{shown(value)} is not a duration, such as 90s, 45m or 2h")
    return found


def _moment(value: Any) -> time | float:
    """Read a time of the day, `07:00`, or a duration."""
    found = _CLOCK.fullmatch(str(value).strip())
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return time(int(found[1]), int(found[2]))
    try:
        return duration(value)
    except ValueError:
        raise ValueError(
            f'{shown(value)} is neither a time of the day, such as "07:00", nor a duration, such as 6h'
        ) from None


def _bytes(value: Any) -> int:
    """Read a count of bytes: `200000`, `500 kB`, `1 MB`, `1.5 MiB`."""
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found or not (count := int(Decimal(found[1]) * _UNITS[(found[2] or "b").lower()])):
        raise ValueError(f"{shown(value)} is not a size of a file, such as 500 kB or 1 MB")
    return count


def _preset(value: Any) -> str:
    if value not in presets():
        raise ValueError(f"{shown(value)} is not a preset; there are {', '.join(presets())}")
    return str(value)


def _asked(value: Any) -> ModerationCheck:
    try:
        return ModerationCheck(str(value).strip().lower())
    except ValueError:
        raise ValueError(f"{shown(str(value))} is none of true, false and warn") from None


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{shown(value)} is not a time zone, such as Europe/Berlin") from None


def _separator(value: Any) -> str:
    """Read a separator of cells: one character; a tab may be written as the two that stand for it."""
    mark = "\t" if value == "\\t" else value
    if not isinstance(mark, str) or len(mark) != 1 or mark in '"\r\n\0':
        raise ValueError(f'{shown(value)} is not a separator; it is one character, such as ";" or "\\t"')
    return mark


_number = {"type": ["number", "string"]}
_string = {"type": "string"}
Text = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Cell = Annotated[str | None, WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Cells = dict[str, Cell]
Money = Annotated[MicroUSD, PlainValidator(_money), WithJsonSchema(_number)]
Dollars = Annotated[Decimal, PlainValidator(_price), WithJsonSchema(_number)]
Duration = Annotated[float, PlainValidator(duration), WithJsonSchema(_number)]
Moment = Annotated[time | float, PlainValidator(_moment), WithJsonSchema(_number)]
Bytes = Annotated[int, PlainValidator(_bytes), WithJsonSchema(_number)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Edge = Annotated[int, Field(ge=1, le=20_000)]
_COLOUR, _FILE_FORMAT = "^#[0-9a-fA-F]{6}$", "^(png|jpeg|webp)$"
_STORE, _ADDRESS = "^(s3|gs|az|file|memory):.+", r"^(auto|[^/\s]+:\d+)$"
PATTERNS = {
    _COLOUR: "a colour such as #ffffff",
    _FILE_FORMAT: "png, jpeg or webp",
    _STORE: "an address such as s3://bucket/folder, gs://, az:// or file:///folder",
    _ADDRESS: "auto, or host:port",
}
"""What a pattern asks for, in words."""
Colour = Annotated[str, Field(pattern=_COLOUR)]
FileFormat = Annotated[str, Field(pattern=_FILE_FORMAT)]
Store = Annotated[str, Field(pattern=_STORE)]
Address = Annotated[str, Field(pattern=_ADDRESS)]
PresetName = Annotated[str, PlainValidator(_preset), WithJsonSchema({**_string, "enum": [*presets()]})]
Asked = Annotated[ModerationCheck, PlainValidator(_asked), WithJsonSchema({"enum": [True, False, "warn"]})]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema(_string)]
Separator = Annotated[str, PlainValidator(_separator), WithJsonSchema(_string)]
RecipeName = Annotated[
    str,
    _matching("[a-z0-9][a-z0-9_-]{0,39}", "{} cannot name a folder of derivatives; use small letters, digits, - and _"),
    WithJsonSchema(_string),
]
AddressVariable = Annotated[
    str, _variable("the address, such as SHOP_NOTIFY_URLS; an address"), WithJsonSchema(_string)
]
KeyVariable = Annotated[str, _variable("the key, such as AZURE_EU_KEY; a key"), WithJsonSchema(_string)]


class Form(BaseModel):
    """Known keys only; an empty value means that the key is not set. A key that begins with `x-` is passed over."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra={"patternProperties": {f"^{IGNORED}": {}}},
    )

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not str(name).startswith(IGNORED)}
