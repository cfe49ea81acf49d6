"""The contact sheet as data: what the page knows of each image, in columns, as JSON that no markup can leave."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from batchgen.ledger import EarlierRow, ImageRow, MeasuredRow
from batchgen.model import FileImage, InputImage, JobImage, SlotState
from batchgen.reporter.beside import NOTHING, Beside
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


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses under which a page finds images of the output, and files that were sent."""

    image: Callable[[ImageRow | EarlierRow], str] = lambda row: link(f"../{row.path}")
    sent: Callable[[FileImage], str] = lambda _: ""


FROM_DISK = Links()


@dataclass(slots=True)
class Files:
    """Images that are shown beside others, each once; an image holds their numbers."""

    thumbs: Collection[str]
    known: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def number(self, name: str, sha256: str, href: str) -> int:
        """Return the number of an image."""
        return self.known.setdefault((shown(name), sha256, href), len(self.known))

    def listed(self) -> list[dict[str, Any]]:
        """Describe them in the order of their numbers."""
        return [
            {"name": name, "sha256": sha256, "href": href, "thumb": int(sha256 in self.thumbs)}
            for name, sha256, href in self.known
        ]


def data(
    rows: Sequence[ImageRow],
    *,
    total: int,
    thumbs: Collection[str],
    blocks: Mapping[str, str],
    about: Mapping[str, Any],
    beside: Beside = NOTHING,
    links: Links = FROM_DISK,
) -> dict[str, Any]:
    """Describe the images of `rows`, of `total` that there are.

    `thumbs` are the hashes that have a small copy, `blocks` names the block of a job's key, `about` is said of the
    whole page, and `beside` is shown beside images. Every text is harmless to look at; `raw` holds the few ids that had
    to be changed for that.
    """
    texts = Words()
    files = Files(thumbs)
    drawn = _Drawn(rows, beside, links, files)
    return {
        **about,
        "total": total,
        "count": len(rows),
        "kinds": [_kind(name, "", (getattr(row, name) for row in rows)) for name in KINDS]
        + [_kind("block", "", (blocks.get(row.job_key, "") for row in rows))]
        + [_kind(tag, "tag", (tags_of(row.tags).get(tag, "") for row in rows)) for tag in _tags(rows)],
        "columns": {
            **{name: [texts.number(shown(get(row))) for row in rows] for name, get in _TEXTS.items()},
            "measured": [texts.number(_measures(beside.measured.get(row.sha256 or ""))) for row in rows],
            **{name: [get(row) for row in rows] for name, get in _VALUES.items()},
            "href": [_href(links, row) for row in rows],
            "thumb": [int(row.sha256 in thumbs) for row in rows],
            "sent": [drawn.sent(row) for row in rows],
            "before": [drawn.before(row) for row in rows],
        },
        "files": files.listed(),
        "texts": list(texts.known),
        "worded": [*_TEXTS, "measured"],
        "raw": {place: row.job_id for place, row in enumerate(rows) if shown(row.job_id) != row.job_id},
    }


class _Drawn:
    """Finds the images that belong beside others."""

    def __init__(self, rows: Sequence[ImageRow], beside: Beside, links: Links, files: Files) -> None:
        self._beside, self._links, self._files = beside, links, files
        chained = {image.job_id for images in beside.sent.values() for image in images if isinstance(image, JobImage)}
        self._by_id = dict[str, list[ImageRow]]()
        for row in rows:
            if row.job_id in chained and row.state == SlotState.STORED:
                self._by_id.setdefault(row.job_id, []).append(row)

    def sent(self, row: ImageRow) -> Sequence[int]:
        """Return the numbers of what was sent along with the image's job."""
        if row.job_key not in self._beside.sent:
            return ()
        return [number for image in self._beside.sent[row.job_key] for number in self._numbers(image)]

    def before(self, row: ImageRow) -> int:
        """Return the number of the image that stood in this one's place; -1 for none."""
        earlier = self._beside.before.get((row.job_key, row.slot)) if row.state == SlotState.STORED else None
        if earlier is None:
            return -1
        return self._files.number(earlier.path, earlier.sha256, _href(self._links, earlier))

    def _numbers(self, image: InputImage) -> list[int]:
        match image:
            case FileImage():
                name = image.path.replace("\\", "/").rpartition("/")[2]
                return [self._files.number(name, image.sha256, self._links.sent(image))]
            case JobImage():
                rows = [row for row in self._by_id.get(image.job_id, ()) if image.slot in {None, row.slot}]
                hrefs = [_href(self._links, row) for row in rows]
                return [
                    self._files.number(f"{row.job_id}, image {row.slot}", row.sha256 or "", href)
                    for row, href in zip(rows, hrefs, strict=True)
                ]
            case _:  # an address elsewhere: named, and never asked for
                return [self._files.number(image.url, "", "")]


def _href(links: Links, row: ImageRow | EarlierRow) -> str:
    """Return the way from the page to an image; empty for what a browser should not open."""
    return links.image(row) if row.path and row.format in PAINTED else ""


def script(value: object) -> str:
    """JSON for a `<script type="application/json">`: nothing in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def pieces(value: Mapping[str, Any], deep: int = 1) -> Iterator[str]:
    """Write an object as `script` does, an entry at a time, so that a long one costs no memory as a whole."""
    between = "{"
    for name, one in value.items():
        yield f"{between}{script(str(name))}:"
        if deep and isinstance(one, Mapping) and one:
            yield from pieces(one, deep - 1)
        else:
            yield script(one)
        between = ","
    yield "}"


def _measures(row: MeasuredRow | None) -> str:
    """Say what was measured on an image."""
    if row is None:
        return ""
    margin = "no object" if row.margin is None else f"margin {row.margin:.1%}"
    return f"{row.border_off:.1%} of the border off its colour, {margin}, sharpness {row.sharpness:g}"


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
    "cost": lambda row: row.cost_micro_usd,
    "estimated": lambda row: int(row.estimated),
    "bytes": lambda row: row.bytes or 0,
    "width": lambda row: row.width or 0,
    "height": lambda row: row.height or 0,
    "changed": lambda row: _seconds(row.changed),
    "review": review,
}
