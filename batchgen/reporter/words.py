"""Untrusted words on their way to a page."""

from urllib.parse import quote

from batchgen.text import safe

LONGEST = 4000


def link(relative: str) -> str:
    """Make a relative address, percent-encoded; it starts with a dot, so it can name no scheme."""
    return quote(relative if relative.startswith(".") else f"./{relative}", safe="/", errors="surrogateescape")


def shown(text: object) -> str:
    """Untrusted text for a page: lines stay lines, everything invisible is escaped, and it ends somewhere."""
    whole = str(text)
    if len(whole) <= LONGEST and whole.isprintable():
        return whole
    return "\n".join(safe(line, LONGEST) for line in whole[:LONGEST].splitlines())
