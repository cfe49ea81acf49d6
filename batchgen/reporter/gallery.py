"""The contact sheet as data: what the page knows of each image, in columns, as JSON that no markup can leave."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from batchgen.ledger import ImageRow
from batchgen.reporter.tables import flags, tags_of
from batchgen.reporter.words import link, shown

# Formats that a browser only ever paints; an SVG, which it may run, is never linked or shown.
PAINTED = frozenset({"png", "jpeg", "jpg", "webp", "gif", "avif"})
KINDS = ("state", "model", "quality", "size", "provider")
MOST_TAGS = 40
REVIEWS = ("", "approved", "rejected")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(slots=True)
class Words:
    """Texts, each kept once; a column holds their numbers."""

    known: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """Return the number of a text, as the page shows it."""
        return self.known.setdefault(text, len(self.known))


def data(
    rows: Sequence[ImageRow],
    *,
    total: int,
    thumbs: Collection[str],
    blocks: Mapping[str, str],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe the images of `rows`, of `total` that there are.

    `thumbs` are the hashes that have a small copy, `blocks` names the block of a job's key, and `about` is said of the
    whole page. Every text is harmless to look at; `raw` holds the few ids that had to be changed for that.
    """
    texts = Words()
    return {
        **about,
        "total": total,
        "count": len(rows),
        "kinds": [_kind(name, "", (getattr(row, name) for row in rows)) for name in KINDS]
        + [_kind("block", "", (blocks.get(row.job_key, "") for row in rows))]
        + [_kind(tag, "tag", (tags_of(row.tags).get(tag, "") for row in rows)) for tag in _tags(rows)],
        "columns": {
            **{name: [texts.number(shown(get(row))) for row in rows] for name, get in _TEXTS.items()},
            **{name: [get(row) for row in rows] for name, get in _VALUES.items()},
            "thumb": [int(row.sha256 in thumbs) for row in rows],
        },
        "texts": list(texts.known),
        "worded": list(_TEXTS),
        "raw": {place: row.job_id for place, row in enumerate(rows) if shown(row.job_id) != row.job_id},
    }


def script(value: object) -> str:
    """JSON for a `<script type="application/json">`: nothing in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def address(row: ImageRow) -> str:
    """Return the way from the page to an image; empty for what a browser should not open."""
    return link(f"../{row.path}") if row.path and row.format in PAINTED else ""


def review(row: ImageRow) -> int:
    """Say what a person decided about the image, as a place in `REVIEWS`."""
    decided = getattr(row, "review", "")
    return REVIEWS.index(decided) if decided in REVIEWS else 0


def _kind(name: str, of: str, values: Iterable[str]) -> dict[str, Any]:
    """One dimension: its values, and which of them each image has."""
    found = Words()
    numbers = [found.number(shown(value)) for value in values]
    return {"name": shown(name), "of": of, "values": list(found.known), "numbers": numbers}


def _tags(rows: Iterable[ImageRow]) -> list[str]:
    found: dict[str, None] = {}
    last = ""
    for row in rows:
        if row.tags != last:
            last = row.tags
            found.update(dict.fromkeys(tags_of(row.tags)))
    return list(found)[:MOST_TAGS]


def _seconds(moment: str | None) -> int:
    """Return a moment of the ledger in seconds since 1970; 0 for none."""
    try:
        return int(datetime.fromisoformat(moment).timestamp()) if moment else 0
    except ValueError:
        return 0


_TEXTS: dict[str, Callable[[ImageRow], str]] = {
    "id": lambda row: row.job_id,
    "key": lambda row: row.job_key,
    "prompt": lambda row: row.prompt,
    "path": lambda row: row.path or "",
    "flags": lambda row: " · ".join(flags(row)).replace("_", " "),
    "reason": lambda row: row.reason.words.replace("_", " "),
    "fault": lambda row: row.fault,
    "note": lambda row: str(getattr(row, "note", "") or ""),
}
_VALUES: dict[str, Callable[[ImageRow], Any]] = {
    "slot": lambda row: row.slot,
    "sha256": lambda row: row.sha256 or "",
    "href": address,
    "cost": lambda row: row.cost_micro_usd,
    "estimated": lambda row: int(row.estimated),
    "bytes": lambda row: row.bytes or 0,
    "width": lambda row: row.width or 0,
    "height": lambda row: row.height or 0,
    "changed": lambda row: _seconds(row.changed),
    "review": review,
}
