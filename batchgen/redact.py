"""Words from a provider, made fit to be shown and kept: no secret, no control character, not too long."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from urllib.parse import quote

from batchgen.text import safe

MESSAGE = 300
HEADER = 200
MOST_HEADERS = 40

_KEY_LIKE = re.compile(r"\b(?:sk|rk|pk|sess)-[A-Za-z0-9_*.\-]{3,}|(?i:bearer)\s+[^\s\"',]+|\S*\*{4,}\S*")
_URL_SAFE = str.maketrans("+/", "-_")
_STANDARD = str.maketrans("-_", "+/")
_SHORTEST = 4  # a shorter secret would be found everywhere
_ONE_LETTER = rb"(?:%(letter)s|%%(?:25)*(?i:%(hex)s)|\\+(?:u00|x)(?i:%(hex)s)|&#(?i:x%(hex)s);)"
_SHORTEST_BYTES = 8  # fewer would be found by chance in an image
_KEPT = frozenset(
    {
        "cf-cache-status",
        "cf-mitigated",
        "cf-ray",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "server",
        "x-oneapi-request-id",
        "x-request-id",
        "x-should-retry",
    }
)
_KEPT_PREFIX = "x-ratelimit-"


def redacted(text: object, secrets: Iterable[str] = (), limit: int = MESSAGE) -> str:
    """One printable line without anything that looks like a key and without the given secrets in any usual encoding."""
    return _redacted(str(text)[: 20 * limit], tuple(secrets), limit)


@lru_cache(maxsize=256)
def _redacted(plain: str, secrets: tuple[str, ...], limit: int) -> str:
    for secret in secrets:
        for form in _forms(secret):
            plain = plain.replace(form, "***")
        if len(secret) >= _SHORTEST:
            plain = _mixed(secret).sub(b"***", plain.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    return safe(_KEY_LIKE.sub("***", plain), limit)


def without(text: bytes, secrets: Iterable[str]) -> bytes:
    """Keep what a server sent as it is, but for the given secrets in any usual encoding."""
    hidden = tuple(secrets)
    for form in spellings(hidden):
        text = text.replace(form, b"***")
    for secret in hidden:
        if len(secret) >= _SHORTEST:
            text = _mixed(secret).sub(b"***", text)
    return text


def spellings(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """Every usual encoding of the given secrets, the longest of each first, and what base64 makes of them."""
    return _spellings(tuple(secrets))


@lru_cache(maxsize=64)
def _spellings(hidden: tuple[str, ...]) -> tuple[bytes, ...]:
    forms = [form.encode() for secret in hidden for form in _forms(secret)]
    return (*forms, *(data for secret in hidden for data in _from_base64(secret)))


def kept_headers(headers: Mapping[str, str], secrets: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Keep the headers that help in a dispute; every other one, cookies above all, is dropped."""
    hidden = tuple(secrets)
    names = sorted(n for n in headers if n in _KEPT or n.startswith(_KEPT_PREFIX))[:MOST_HEADERS]
    return tuple((safe(name, 60), redacted(headers[name], hidden, HEADER)) for name in names)


@lru_cache(maxsize=64)
def _forms(secret: str) -> tuple[str, ...]:
    """Spell the secret plain, percent-encoded and in base64, longest first."""
    if len(secret) < _SHORTEST:
        return ()
    quoted = quote(secret, safe="")
    forms = {secret, quoted, re.sub("%..", lambda found: found[0].lower(), quoted), *_in_base64(secret.encode())}
    return tuple(sorted(forms, key=len, reverse=True))


@cache
def _mixed(secret: str) -> re.Pattern[bytes]:
    """Give a secret in any mix of letters, percent and JSON escapes, each perhaps escaped again, or all in hex."""
    letters = b"".join(
        _ONE_LETTER % {b"letter": re.escape(bytes([byte])), b"hex": b"%02x" % byte} for byte in secret.encode()
    )
    return re.compile(letters + b"|(?i:" + secret.encode().hex().encode() + b")")


def _in_base64(secret: bytes) -> Iterator[str]:
    """Return the letters that a secret leaves in base64 in either alphabet, whatever stands before and behind it."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        text = base64.b64encode(b"\0" * before + secret)[first:last].decode()
        yield text
        yield text.translate(_URL_SAFE)


def _from_base64(secret: str) -> Iterator[bytes]:
    """Give the bytes that a secret leaves in an image's place, whatever letters stand before it."""
    letters = secret.translate(_STANDARD).rstrip("=")
    for before in range(4):
        first, last = -(-before * 6 // 8), (before + len(letters)) * 6 // 8
        try:
            data = base64.b64decode("A" * before + letters + "A" * (-(before + len(letters)) % 4), validate=True)
        except ValueError:
            return
        if last - first >= _SHORTEST_BYTES:
            yield data[first:last]
