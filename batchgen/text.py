"""Words from outside, made harmless for a terminal, a log line or an error message."""

import re

LIMIT = 200

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""How `s3://bucket` and its like begin; a folder with such a name is written `./s3:/bucket`."""
_SECONDS = {"d": 86_400.0, "h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}
MOST_SECONDS = 1e9
"""The longest duration that anybody can mean: thirty years."""
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_PART = re.compile(rf"({_NUMBER.pattern})({'|'.join(_SECONDS)})", re.ASCII)


def safe(text: object, limit: int = LIMIT) -> str:
    r"""Untrusted text for one line of a terminal or log: printable, at most `limit` characters, a cut marked by `…`.

    Control characters, escape sequences, line breaks, bidirectional and other invisible format characters, surrogates
    and unassigned code points become `\x1b`, `\u202e` or `\U000e0001`.
    """
    whole = str(text)
    if len(whole) <= limit and whole.isprintable():
        return whole
    pieces: list[str] = []
    room = limit
    for character in whole:
        piece = character if character.isprintable() else _escaped(ord(character))
        if len(piece) > room:
            return _cut(pieces, limit)
        pieces.append(piece)
        room -= len(piece)
    return "".join(pieces)


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cut(pieces: list[str], limit: int) -> str:
    """Drop whole pieces, so that no escape is cut in two, until the mark fits."""
    while pieces and sum(map(len, pieces)) > limit - 1:
        pieces.pop()
    return "".join(pieces) + "…"


def duration(seconds: float) -> str:
    """Return a span for people: `0.4 s`, `42 s`, `3 min 20 s`, `1 h 12 min`, `2 d 3 h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for big, small, size, step in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            major, minor = divmod(whole, size)
            return f"{major} {big} {minor // step} {small}" if minor // step else f"{major} {big}"
    return f"{whole} s"


def seconds(words: str) -> float | None:
    """Read a duration as people write it: `90`, `90s`, `45min`, `1.5h`, `1 h 30 min`.

    None for anything else, and for more than `MOST_SECONDS`.
    """
    written = words.strip().replace(" ", "").lower()
    if _NUMBER.fullmatch(written):
        found = float(written)
    else:
        parts = _PART.findall(written)
        if not parts or "".join(number + unit for number, unit in parts) != written:
            return None
        found = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    return found if found <= MOST_SECONDS else None


def size_of(count: int) -> str:
    """Bytes for people, in powers of 1000: `512 B`, `6.1 GB`."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} PB"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 image`, `1,200 images`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
