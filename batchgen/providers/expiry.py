"""When the address of an image dies: read from the address itself, else from what the provider says."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

_STAMP = "%Y%m%dT%H%M%SZ"


def expiry(url: str, now: datetime, life: int | None = None) -> datetime | None:
    """Give the end that a signed address names (Azure `se`, AWS and Google dates, `Expires`), else `now` plus `life` s.

    None when neither is known. Nonsense counts as silence.
    """
    try:
        query = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
        named = _azure(query) or _signed(query, "x-amz") or _signed(query, "x-goog") or _epoch(query.get("expires", ""))
    except (ValueError, OverflowError, OSError):
        named = None
    if named is not None:
        return named
    return now + timedelta(seconds=life) if life is not None else None


def _azure(query: dict[str, str]) -> datetime | None:
    """Shared access signatures end at `se`."""
    if "se" not in query or "sig" not in query:
        return None
    moment = datetime.fromisoformat(query["se"])
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _signed(query: dict[str, str], prefix: str) -> datetime | None:
    stamp, seconds = query.get(f"{prefix}-date"), query.get(f"{prefix}-expires", "")
    if not stamp or not seconds.isdecimal():
        return None
    start = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    return start + timedelta(seconds=int(seconds))


def _epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isdecimal() and len(text) <= 11 else None
