"""What the manifest writes for many jobs at once, named by a hash: the same whatever rows are put in, and how many."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

DIGITS = 16


@lru_cache(maxsize=4096)
def template_id(parts: tuple[tuple[str, str], ...]) -> str:
    """Name a template by its words with their texts, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(parts)).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def named(template: str, texts: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Name what a template is where something else is written for some of its jobs; itself where nothing is."""
    more = tuple(dict(texts).items())
    return template_id((("", template), *more)) if more else template
