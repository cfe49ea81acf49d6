"""What a spreadsheet shows of a value under a cell's number format: `00042`, `12.50 €`, `2024-05-01`.

The formats that people use are followed; of one that is not known (fractions) the value itself is shown.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

from batchgen.manifest.rows.parquet import text_of

Moment = date | datetime | time | timedelta

_LOCAL = {"mm-dd-yy": "yyyy-mm-dd", "m/d/yy h:mm": "yyyy-mm-dd h:mm"}
"""Formats that each country sees in its own way, and what is the same for all."""
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<room>.)|\*(?P<fill>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<condition>[^\]]*)\]|(?P<noon>AM/PM|A/P)|(?P<date>y+|m+|d+|h+|s+|\.0+(?=[^0#?]|$))"
    r"|(?P<power>E[+-])|(?P<digit>[0#?])|(?P<mark>[.,%/@])|(?P<letter>.)",
    re.IGNORECASE | re.DOTALL,
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class _Part(NamedTuple):
    """A piece of a format: what kind of piece, and its text."""

    kind: str
    text: str


def as_shown(value: object, written: str | None) -> str:
    """Write a value as a spreadsheet shows it; ValueError for what no cell holds."""
    if isinstance(value, datetime | date | time | timedelta):
        return _moment(value, _parts(_sections(_LOCAL.get(written or "", written or ""))[0]))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not written or written == "General":
        return text_of(value)
    return _number(value, written) or text_of(value)


@lru_cache(maxsize=512)
def _parts(written: str) -> tuple[_Part, ...]:
    return tuple(_split(written))


def _split(written: str) -> Iterator[_Part]:
    for match in _TOKEN.finditer(written):
        kind = match.lastgroup or "letter"
        text = match[kind]
        if kind in {"quoted", "escaped", "currency", "letter"}:
            yield _Part("text", text)
        elif kind == "room":
            yield _Part("text", " ")
        elif kind not in {"fill", "condition"}:
            yield _Part(kind, text)


_NO_NUMBER = (_Part("mark", "/"), _Part("mark", "@"))


# ---- numbers ---------------------------------------------------------------------------------------------------------


def _number(value: float | Decimal, written: str) -> str:
    """Return a number under a format; empty where the format says nothing of numbers that is known here."""
    sections = _sections(written)
    number = Decimal(str(value))
    negative = number < 0 and len(sections) > 1
    section = sections[1] if negative else sections[2] if number == 0 and len(sections) > 2 else sections[0]
    parts = _in_numbers(_parts(section))
    if any(part.kind in {"date", "elapsed"} or part in _NO_NUMBER for part in parts):
        return ""
    if not any(part.kind == "digit" for part in parts):
        words = "".join(part.text for part in parts if part.kind == "text").strip()
        return "" if "general" in section.lower() else words
    shown = _placed(abs(number), parts)
    return shown.strip() if negative or number >= 0 or not any(c in "123456789" for c in shown) else f"-{shown.strip()}"


def _sections(written: str) -> list[str]:
    """Return the parts of a format for what is positive, negative, zero and text."""
    return re.findall(r'(?:"[^"]*"|\\.|[^;"\\])+', written) or [""]


def _in_numbers(parts: Sequence[_Part]) -> list[_Part]:
    """Return the parts with a fraction of zeros taken apart, which is one of seconds in a time."""
    found = list[_Part]()
    for part in parts:
        if part.kind == "date" and part.text.startswith("."):
            found += (_Part("mark", "."), *(_Part("digit", zero) for zero in part.text[1:]))
        else:
            found.append(part)
    return found


def _placed(number: Decimal, parts: list[_Part]) -> str:
    """Put the digits of a number into the places of a format."""
    power = next((place for place, part in enumerate(parts) if part.kind == "power"), None)
    point = next((place for place, part in enumerate(parts) if part == ("mark", ".")), len(parts))
    places = [place for place, part in enumerate(parts) if part.kind == "digit"]
    if power is not None:
        return f"{number:.{sum(point < place < power for place in places)}E}"
    whole, after = [p for p in places if p < point], [p for p in places if p > point]
    last = max(whole, default=-1)
    commas = [place for place, part in enumerate(parts) if part == ("mark", ",")]
    number = number.scaleb(2 * sum(part == ("mark", "%") for part in parts))
    number = number.scaleb(-3 * sum(place > last for place in commas))
    rounded = number.quantize(Decimal(1).scaleb(-len(after)), ROUND_HALF_UP)
    integer, _, fraction = f"{rounded:f}".partition(".")
    needed = sum(parts[place].text == "0" for place in whole)
    integer = integer.lstrip("0").rjust(needed, "0")
    if any(whole and whole[0] < place < last for place in commas):
        integer = re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", integer)
    kept = max((n for n, place in enumerate(after, 1) if parts[place].text == "0"), default=0)
    fraction = fraction[:kept] + fraction[kept:].rstrip("0")
    return _poured(parts, point, whole, integer, fraction)


def _poured(parts: Sequence[_Part], point: int, whole: Sequence[int], integer: str, fraction: str) -> str:
    """Write the digits between the texts of a format, those before the point from the right."""
    digits = list(integer)
    shown: dict[int, str] = {}
    for place in reversed(whole):
        taken = digits.pop() if digits else ""
        while digits and (digits[-1] == "," or place == whole[0]):
            taken = digits.pop() + taken
        shown[place] = taken
    pieces, rest = list[str](), list(fraction)
    for place, part in enumerate(parts):
        if part.kind == "digit":
            pieces.append(shown.get(place, "") if place < point else rest.pop(0) if rest else "")
        elif part.kind == "text" or part.text == "%" or (place == point and fraction):
            pieces.append(part.text)
    return "".join(pieces)


# ---- dates and times -------------------------------------------------------------------------------------------------


def _moment(value: Moment, parts: tuple[_Part, ...]) -> str:
    """Return a date, time or duration under a format; ISO 8601 where the format is none of moments."""
    if not any(part.kind in {"date", "elapsed"} for part in parts):
        return str(value) if isinstance(value, timedelta) else value.isoformat()
    seconds = value.total_seconds() if isinstance(value, timedelta) else 0.0
    moment = _as_datetime(value)
    half = any(part.kind == "noon" for part in parts)
    pieces = list[str]()
    for place, part in enumerate(parts):
        if part.kind == "elapsed":
            per = {"h": 3600, "m": 60, "s": 1}[part.text[0].lower()]
            pieces.append(str(int(seconds or _since_midnight(moment)) // per).rjust(len(part.text), "0"))
        elif part.kind == "noon":
            pieces.append(("AM" if moment.hour < 12 else "PM")[: 2 if len(part.text) > 3 else 1])
        elif part.kind == "date":
            pieces.append(_field(moment, part.text.lower(), minutes=_is_minutes(parts, place), half=half))
        elif part.text != "@":
            pieces.append(part.text)
    return "".join(pieces).strip()


def _as_datetime(value: Moment) -> datetime:
    match value:
        case datetime():
            return value
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - sheets know no time zones
        case time():
            return datetime.combine(date(1900, 1, 1), value)
        case timedelta():
            return datetime(1900, 1, 1) + value  # noqa: DTZ001


def _since_midnight(moment: datetime) -> float:
    return (moment.hour * 60 + moment.minute) * 60 + moment.second


def _is_minutes(parts: Sequence[_Part], place: int) -> bool:
    """Whether `m` stands for minutes: after hours, or before seconds."""
    near = [(part.text[0].lower(), part.kind) for part in parts if part.kind in {"date", "elapsed"}]
    own = sum(part.kind in {"date", "elapsed"} for part in parts[:place])
    before = near[own - 1][0] if own else ""
    after = near[own + 1][0] if own + 1 < len(near) else ""
    return before == "h" or after == "s"


def _field(moment: datetime, word: str, *, minutes: bool, half: bool) -> str:
    """One field of a moment, as long as its letters say."""
    if word.startswith("."):
        return f".{moment.microsecond:06d}"[: len(word)]
    if word[0] == "m" and not minutes and len(word) > 2:
        name = _MONTHS[moment.month - 1]
        return name[:1] if len(word) == 5 else name[:3] if len(word) == 3 else name
    if word[0] == "d" and len(word) > 2:
        name = _DAYS[moment.weekday()]
        return name[:3] if len(word) == 3 else name
    if word[0] == "y":
        return f"{moment.year:04d}" if len(word) > 2 else f"{moment.year % 100:02d}"
    hour = (moment.hour % 12 or 12) if half else moment.hour
    number = {"m": moment.minute if minutes else moment.month, "d": moment.day, "h": hour, "s": moment.second}[word[0]]
    return str(number).rjust(len(word), "0")
