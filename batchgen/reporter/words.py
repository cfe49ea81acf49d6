"""Untrusted words on their way to a page."""

from urllib.parse import quote

from batchgen.money import MicroUSD, short
from batchgen.text import safe

LONGEST = 4000


def link(relative: str) -> str:
    """Make a relative address, percent-encoded; it starts with a dot, so it can name no scheme."""
    return quote(relative if relative.startswith(".") else f"./{relative}", safe="/", errors="surrogateescape")


def rounded(amount: MicroUSD) -> str:
    """Dollars as they are read first: cents, or up to four decimals below ten cents, and never rounded to nothing."""
    whole, _, fraction = short(amount).partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def shown(text: object) -> str:
    """Untrusted text for a page: lines stay lines, everything invisible is escaped, and it ends somewhere."""
    whole = str(text)
    if len(whole) <= LONGEST and whole.isprintable():
        return whole
    return "\n".join(safe(line, LONGEST) for line in whole[:LONGEST].splitlines())
