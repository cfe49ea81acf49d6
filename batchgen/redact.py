"""Words from a provider, made fit to be shown and kept: no secret, no control character, not too long."""

import base64
import hashlib
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
_ONE_LETTER = (
    rb"(?:%(letter)s|%%(?:25)*(?i:%(hex)s)|\\+(?:u00|x)(?i:%(hex)s)|&(?:amp;)*#0*(?:%(number)d|(?i:x0*%(hex)s));)"
)
_SHORTEST_BYTES = 8  # fewer would be found by chance in an image
_SEAL = re.compile(r"\(secret-([0-9a-f]{8})-([0-9]{1,2})\)")
_KEPT = frozenset(
    {
        *("cf-cache-status", "cf-mitigated", "cf-ray", "content-encoding", "content-length", "content-type", "date"),
        *("openai-processing-ms", "openai-version", "request-id", "retry-after", "retry-after-ms", "server"),
        *("x-oneapi-request-id", "x-request-id", "x-should-retry"),
    }
)
_KEPT_PREFIX = "x-ratelimit-"
_OFTEN_THE_SAME = 1024
"""Bytes of what answers of one template say alike: what they used."""


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
    return (_remembered if len(text) <= _OFTEN_THE_SAME else _without)(text, tuple(secrets))


def _without(text: bytes, secrets: tuple[str, ...]) -> bytes:
    for trace in traces(secrets):
        text = trace.sub(b"***", text)
    return text


_remembered = lru_cache(maxsize=1024)(_without)


def traces(secrets: Iterable[str]) -> tuple[re.Pattern[bytes], ...]:
    """Give what the given secrets leave in any usual encoding, and what base64 makes of them, one pattern for each."""
    return tuple(_trace(secret) for secret in secrets if len(secret) >= _SHORTEST)


@lru_cache(maxsize=64)
def _trace(secret: str) -> re.Pattern[bytes]:
    forms = [re.escape(form.encode()) for form in _forms(secret)]
    return re.compile(b"|".join((*forms, _mixed(secret).pattern, *map(re.escape, _from_base64(secret)))))


def sealed(address: str, secrets: Iterable[str]) -> str:
    """Put marks in the place of secrets in an address that is kept for later; `opened` undoes it."""
    address = _SEAL.sub(lambda found: f"%28{found[0][1:]}", address)
    for secret in secrets:
        if len(secret) < _SHORTEST:
            continue
        forms, data = _forms(secret), address
        for number, form in enumerate(forms):
            data = data.replace(form, _seal(secret, number))
        plain = _seal(secret, forms.index(quote(secret, safe="")))
        mixed = _mixed(secret).sub(plain.encode(), data.encode("utf-8", "surrogatepass"))
        address = mixed.decode("utf-8", "surrogatepass")
    return address


def opened(address: str, secrets: Iterable[str]) -> str | None:
    """Give an address back as it was told; None where it holds a secret that is not among these."""
    known = {_mark(secret): secret for secret in secrets if len(secret) >= _SHORTEST}
    seals = _SEAL.findall(address)
    if any(mark not in known or int(number) >= len(_forms(known[mark])) for mark, number in seals):
        return None
    return _SEAL.sub(lambda found: _forms(known[found[1]])[int(found[2])], address)


def _seal(secret: str, number: int) -> str:
    return f"(secret-{_mark(secret)}-{number})"


@lru_cache(maxsize=64)
def _mark(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def kept_headers(headers: Mapping[str, str], secrets: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Keep the headers that help in a dispute; every other one, cookies above all, is dropped."""
    hidden = tuple(secrets)
    names = sorted([n for n in headers if n in _KEPT or n.startswith(_KEPT_PREFIX)])[:MOST_HEADERS]
    return tuple([(safe(name, 60), redacted(headers[name], hidden, HEADER)) for name in names])


@lru_cache(maxsize=64)
def _forms(secret: str) -> tuple[str, ...]:
    """Spell the secret plain, percent-encoded, in hex and in base64, longest first, always in the same order."""
    if len(secret) < _SHORTEST:
        return ()
    quoted, spelt = quote(secret, safe=""), secret.encode().hex()
    lower = re.sub("%..", lambda found: found[0].lower(), quoted)
    forms = dict.fromkeys((secret, quoted, lower, spelt, spelt.upper(), *_in_base64(secret.encode())))
    return tuple(sorted(forms, key=len, reverse=True))


@cache
def _mixed(secret: str) -> re.Pattern[bytes]:
    """Give a secret in any mix of letters, percent and JSON escapes, each perhaps escaped again, or all in hex."""
    letters = b"".join(
        _ONE_LETTER % {b"letter": re.escape(bytes([byte])), b"hex": b"%02x" % byte, b"number": byte}
        for byte in secret.encode()
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
