"""How images begin, as bytes and as base64: a look at the first few that reads no further."""

import binascii
import re

LEAD = 32
"""Bytes, or letters of base64, that are enough to tell."""

_BOXES = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
_ADDRESS = re.compile(rb"\s*https?:", re.IGNORECASE | re.ASCII)
_LETTERS = re.compile(rb"[A-Za-z0-9+/_\-]{16}")
STANDARD = bytes.maketrans(b"-_", b"+/")
"""From the URL-safe alphabet of RFC 4648, section 5."""


def begins_image(head: bytes) -> bool:
    """Whether bytes begin as PNG, JPEG, GIF, WebP, AVIF or HEIC do."""
    if head[:8] == b"\x89PNG\r\n\x1a\n" or head[:3] == b"\xff\xd8\xff" or head[:6] in {b"GIF87a", b"GIF89a"}:
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    return head[4:8] == b"ftyp" and head[8:12] in _BOXES


def begins_image_text(lead: bytes) -> bool:
    """Whether the text of a JSON string begins as the base64 of an image does, or as a data URL of one."""
    text = lead.replace(b"\\/", b"/")
    if text[:11].lower() == b"data:image/":
        return True
    letters = _LETTERS.match(text)
    if not letters:
        return False
    try:
        return begins_image(binascii.a2b_base64(letters.group().translate(STANDARD)))
    except binascii.Error:
        return False


def begins_address(lead: bytes | bytearray) -> bool:
    """Whether the text of a JSON string begins as an address, which some gateways give under the name of base64."""
    return _ADDRESS.match(lead) is not None
