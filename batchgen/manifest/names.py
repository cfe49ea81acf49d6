"""The words of a manifest: which names set something of a request, and the nearest known one for a slip of the pen."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache

INTEGERS = frozenset({"output_compression", "frame_count", "frame_duration_ms"})
"""Parameters that are whole numbers: `080` and `80` are the same value."""

PARAMS = frozenset(
    {
        *("size", "quality", "background", "moderation", "output_format", "output_compression", "input_fidelity"),
        *("user", "safety_identifier", "complexity", "frame_count", "frame_duration_ms", "style", "negative_prompt"),
        *("response_format", "reference_image", "markup", "svg_model", "svg_effort"),
    }
)
"""Parameters of a request beside model, prompt, n and input images; who takes which is the provider's business."""

FILES = frozenset({"reference_image", "markup"})
"""Parameters whose value is the path of an image."""

NO_PARAMS = frozenset({"id", "prompt", "model", "n", "operation", "image", "images", "mask", "priority", "route"})
"""Words of a request that are no parameters."""

REQUEST = PARAMS | NO_PARAMS
"""Everything that a column of a CSV manifest, or an `include` entry, sets instead of being a variable."""

_MARKS = re.compile(r"[\W_]+")
_BY_SIMPLE_NAME = {word: word for word in REQUEST}

NAMES = "variables"
"""Stands among the words that a job lacks where it is not known which names its templates may use."""
COMBINATIONS = "exclude"
"""Stands among the words that a job lacks where it is not known which combinations are meant."""

INSTEAD = {
    "stream": "write `stream: true` once, beside `jobs`: it is of the whole manifest",
    "seed": "the Images API takes no seed; a provider file may open it, with opens: {seed: {type: integer}}",
    "aspect_ratio": "set `size`, such as 1536x1024",
}
"""Words from other tools, and what to do instead."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the known name that was probably meant, or None."""
    alike = {simple(k): k for k in known}
    close = get_close_matches(simple(name), alike, n=1, cutoff=cutoff)
    return alike[close[0]] if close else None


def simple(name: str) -> str:
    """Return a name as those compare that differ in case, blanks and marks only: `Variant SKU` is `variant_sku`."""
    return _MARKS.sub("_", name.casefold()).strip("_")


def whole_word(name: str) -> str:
    """Return the word of the request that a name belongs to: one image and several are one word."""
    return "images" if name in {"image", "images"} else name


@lru_cache(maxsize=4096)
def known_word(column: str) -> str | None:
    """Return the word of a request that a column names, in any case, with blanks or underscores; None for any other."""
    return column if column in REQUEST else _BY_SIMPLE_NAME.get(simple(column))


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`; did you mean ...?`, or nothing."""
    close = nearest(name, known, cutoff)
    return f"; did you mean `{close}`?" if close else ""


def listed(names: Iterable[str], most: int = 40) -> str:
    """Names for a sentence, sorted, a long list cut."""
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(f"`{n}`" for n in ordered[:most]) + more if ordered else "none"


def shown(text: object, limit: int = 60) -> str:
    """Quote a user's value for a message: control characters escaped, cut."""
    whole = str(text)
    return repr(whole if len(whole) <= limit else whole[: limit - 1] + "…")


# What a value must look like to be meant for a parameter: `size: [S, M]` are clothes, `quality: [low, high]` is set.
# Whether a model takes it is the provider's business; this only tells values of a request from words of a shop.
_FILE = r"(https://|@|\./|/).+|.+\.(png|jpe?g|webp|avif|heic|tiff?|bmp)"
_NUMBER = r"[0-9]{1,9}"
_LEGAL: Mapping[str, str] = {
    "model": r"(?=.*([0-9]|image))[a-z0-9]+([-_./:][a-z0-9]+)+",
    "n": r"[1-9]|10",
    "operation": "generate|edit|variation",
    "size": r"auto|[0-9]{2,5}x[0-9]{2,5}|[0-9]{1,2}:[0-9]{1,2}",
    "quality": "auto|low|medium|high|xhigh|max|standard|hd",
    "background": "auto|opaque|transparent",
    "moderation": "auto|low",
    "output_format": "png|jpeg|webp|gif|svg",
    "output_compression": r"[0-9]{1,2}|100",
    "input_fidelity": "low|high",
    "complexity": "low|medium|high",
    "style": "vivid|natural",
    "response_format": "url|b64_json",
    "frame_count": _NUMBER,
    "frame_duration_ms": _NUMBER,
    **dict.fromkeys(("image", "images", "mask", "markup", "reference_image"), _FILE),
    **dict.fromkeys(("prompt", "negative_prompt", "user", "safety_identifier"), r"(?s)(?=.*\S).*"),
    **dict.fromkeys(("svg_model", "svg_effort"), r"[a-z][a-z0-9._-]{0,60}"),
    "route": "sync|batch",
    "priority": r"high|normal|low|-?[0-9]{1,9}(\.[0-9]{1,9})?",
}
SETTABLE = frozenset(_LEGAL)
"""Words of a request that a list of values may set; an id names a job and is none."""


def strangers(word: str, values: Iterable[str]) -> list[str]:
    """Which of these values cannot be meant for a word of the request; all of them for a word that is none."""
    legal = _LEGAL.get(word)
    return [value for value in values if legal is None or not re.fullmatch(legal, value.strip())]
