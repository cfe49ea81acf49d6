"""How long a provider asks to wait, from whatever it says it with; nonsense is no wish at all."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST = 300.0
LONGEST_RESET = 60.0

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|h|m|s|us|µs|ns))+", re.ASCII)
_UNIT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s|us|µs|ns)", re.ASCII)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_IN_WORDS = re.compile(
    r"(?:try again in|retry after|retry in|wait)\s+([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*"
    r"(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)(?![a-z])((?:[0-9.]{1,9}(?:ms|s|m))*)",
    re.IGNORECASE | re.ASCII,
)
_IN_ONE = re.compile(r"\b(?:remaining|r)=([0-9]+)\s*[,;]\s*(?:reset|t)=([0-9]{1,9})", re.ASCII)
_A_DATE = 1e6  # a bare number of this size is a date in seconds, not a wait
_NAMES = {
    "retryafter": 1.0,
    "retryafterseconds": 1.0,
    "retryafterms": 1e-3,
    "retrydelay": 1.0,
    "retryin": 1.0,
    "waitseconds": 1.0,
}
_ODD = re.compile(r"[^a-z]")
_DEEPEST = 4
_WORDS = {"mi": 60.0, "ms": 1e-3, "se": 1.0, "s": 1.0, "m": 60.0, "ho": 3600.0, "h": 3600.0}


def retry_after(
    headers: Mapping[str, str], message: str = "", now: datetime | None = None, body: float | None = None
) -> float | None:
    """Seconds to wait, between 0 and 300, or None when nothing usable was said.

    In order: `retry-after-ms`, `retry-after` (seconds, a duration, or an HTTP date measured against the answer's own
    `Date`, `now` where it has none), what the `body` says, words such as "try again in 12s", and the reset of an
    exhausted `x-ratelimit-` kind or of `ratelimit` (at most 60 s). Header names are lower case.
    """
    wishes = (
        _number(headers.get("retry-after-ms", ""), 1e-3),
        _header(headers.get("retry-after", ""), headers.get("date", ""), now),
        body,
        in_words(message),
        _reset(headers),
        _reset_of_draft(headers),
    )
    return next((min(max(wish, 0.0), LONGEST) for wish in wishes if wish is not None), None)


def duration(text: str) -> float | None:
    """Seconds in a Go duration (`6m0s`, `120ms`, `1h2m3.5s`) or a bare number; None for anything else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _UNIT.findall(text))


def in_words(message: str) -> float | None:
    """Seconds in words such as `Please try again in 1m12.5s`; None when there are none."""
    found = _IN_WORDS.search(message[:4000])
    if not found:
        return None
    amount, unit, rest = found.groups()
    unit = unit.lower()
    if unit.startswith("milli"):
        unit = "ms"
    per = _WORDS[unit if unit in _WORDS else unit[:2]]
    return float(amount) * per + (duration(rest) or 0.0)


def _number(text: str, unit: float = 1.0) -> float | None:
    text = text.strip()
    return float(text) * unit if _NUMBER.fullmatch(text) else None


def _header(text: str, date: str, now: datetime | None) -> float | None:
    seconds = duration(text)
    if seconds is not None or not text:
        return seconds
    until, since = _moment(text), _moment(date) or now
    if until is None or since is None:
        return None
    wait = (until - since).total_seconds()
    return wait if wait >= 0 else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _reset(headers: Mapping[str, str]) -> float | None:
    """Read when the last exhausted kind of limit opens again."""
    waits = []
    for name, value in headers.items():
        kind = name.removeprefix("x-ratelimit-remaining-")
        if kind != name and value.strip() in {"0", "0.0"}:
            wait = duration(headers.get(f"x-ratelimit-reset-{kind}", ""))
            if wait is not None and wait < _A_DATE:
                waits.append(min(wait, LONGEST_RESET))
    return max(waits, default=None)


def _reset_of_draft(headers: Mapping[str, str]) -> float | None:
    """Read the headers of the IETF draft: `RateLimit-Remaining: 0` with `RateLimit-Reset`, or both in `RateLimit`."""
    left, reset = headers.get("ratelimit-remaining", ""), headers.get("ratelimit-reset", "")
    if found := _IN_ONE.search(headers.get("ratelimit", "")):
        left, reset = found.groups()
    wait = duration(reset) if left.strip() == "0" else None
    return None if wait is None or wait >= _A_DATE else min(wait, LONGEST_RESET)


def wait_in(body: Any, depth: int = 0) -> float | None:
    """Seconds that an error body asks to wait: `retry_after`, `retry_after_ms`, Google's `retryDelay` and their kin."""
    if depth > _DEEPEST:
        return None
    inner: list[Any] = []
    if isinstance(body, Mapping):
        for name, value in body.items():
            unit = _NAMES.get(_ODD.sub("", str(name).lower()))
            wait = duration(str(value)) if unit and isinstance(value, str | int | float) else None
            if unit and wait is not None:
                return wait * unit
        inner = [body[name] for name in ("details", "error", "metadata", "parameters") if name in body]
    elif isinstance(body, list):
        inner = body[:10]
    return next((wait for one in inner if (wait := wait_in(one, depth + 1)) is not None), None)
