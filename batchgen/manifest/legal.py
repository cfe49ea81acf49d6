"""What a value must look like to be meant for a parameter: `size: [S, M]` are clothes, `quality: [low, high]` is set.

Whether a model takes it is the provider's business; this only tells values of a request from words of a shop.
"""

import re
from collections.abc import Iterable, Mapping

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
