"""Which sizes a model draws: three fixed ones, or any under rules."""

import re
from collections.abc import Iterator
from decimal import Decimal
from math import isqrt, sqrt

from batchgen.model import FixedSizes, FlexibleSizes, Model
from batchgen.text import safe

_SIZE = re.compile(r"\s*(\d{1,6})\s*[xX*\u00d7]\s*(\d{1,6})\s*", re.ASCII)
_RATIO = re.compile(r"\s*(\d{1,4})\s*:\s*(\d{1,4})\s*", re.ASCII)
_RATIO_PIXELS = 1024 * 1024


def parse_size(size: str | None) -> tuple[int, int] | None:
    """Width and height of `WxH` in pixels, None for anything else (`auto`, a ratio, nonsense)."""
    found = _SIZE.fullmatch(size or "")
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    return (width, height) if width and height else None


def legal_size(model: Model, size: str) -> str | None:
    """Say what is wrong with a size for a model, or None when the model draws it."""
    if size == "auto":
        return None
    if isinstance(model.sizes, FixedSizes):
        return None if size in model.sizes.sizes else f"{model.name} draws only {', '.join(model.sizes.sizes)} and auto"
    pixels = parse_size(size)
    if pixels is None or size != _text(*pixels):
        return f"{safe(size, 40)!r} is not a size such as 1536x1024"
    faults = tuple(_faults(model.sizes, *pixels))
    return f"{model.name} does not draw {size}: {'; '.join(faults)}" if faults else None


def nearest_size(model: Model, size: str) -> str:
    """Give the legal size closest in shape and extent, the larger of two; for a ratio (`16:9`) about a megapixel."""
    width, height = _wanted(size)
    if isinstance(model.sizes, FixedSizes):
        if size in model.sizes.sizes:
            return size
        return min(model.sizes.sizes, key=lambda other: _distance(_wanted(other), (width, height)))
    rules = model.sizes
    longest, shortest = float(max(width, height)), float(min(width, height))
    shortest = max(shortest, longest / float(rules.max_ratio))
    scale = min(1.0, rules.max_edge / longest, sqrt(rules.max_pixels / (longest * shortest)))
    scale = max(scale, sqrt(rules.min_pixels / (longest * shortest)))
    longest, shortest = longest * scale, shortest * scale
    target = (longest, shortest) if width >= height else (shortest, longest)
    legal = (pair for pair in _around(rules, *target) if not any(_faults(rules, *pair)))
    return _text(*min(legal, key=lambda pair: (_apart(pair, target), -pair[0] * pair[1])))


def extremes(sizes: FixedSizes | FlexibleSizes) -> tuple[str, ...]:
    """Sizes among which the cheapest and the dearest image of a model lie.

    Under flexible rules tokens grow with squareness and with pixels: the largest square is the dearest. The cheapest
    has the shortest edge that any legal image has; rounding in the formula decides how long its other edge is.
    """
    if isinstance(sizes, FixedSizes):
        return sizes.sizes
    step = sizes.multiple
    side = min(isqrt(sizes.max_pixels), sizes.max_edge) // step * step
    short = step
    while short * int(sizes.max_ratio * short) < sizes.min_pixels:
        short += step
    least = -(-sizes.min_pixels // short // step) * step
    edges = range(least, int(sizes.max_ratio * short) + 1, step)
    return (*(_text(edge, short) for edge in edges), _text(side, side))


def _faults(rules: FlexibleSizes, width: int, height: int) -> Iterator[str]:
    longest, shortest, pixels = max(width, height), min(width, height), width * height
    if width % rules.multiple or height % rules.multiple:
        yield f"width and height must be multiples of {rules.multiple}"
    if longest > rules.max_edge:
        yield f"no edge may be longer than {rules.max_edge}"
    if Decimal(longest) > rules.max_ratio * shortest:
        yield f"the longer edge may be at most {rules.max_ratio} times the shorter"
    if pixels < rules.min_pixels:
        yield f"{pixels:,} pixels are fewer than {rules.min_pixels:,}"
    if pixels > rules.max_pixels:
        yield f"{pixels:,} pixels are more than {rules.max_pixels:,}"


def _around(rules: FlexibleSizes, width: float, height: float) -> Iterator[tuple[int, int]]:
    """Sizes on the grid within three steps of a point."""
    step = rules.multiple
    column, row = int(width // step), int(height // step)
    for across in range(column - 3, column + 5):
        for down in range(row - 3, row + 5):
            if across > 0 and down > 0:
                yield across * step, down * step


def _wanted(size: str) -> tuple[int, int]:
    """Pixels of `WxH`, of a ratio at about a megapixel, or of a square for anything else."""
    pixels = parse_size(size)
    if pixels:
        return pixels
    found = _RATIO.fullmatch(size)
    across, down = (int(found[1]), int(found[2])) if found else (1, 1)
    if not across or not down:
        return 1024, 1024
    unit = sqrt(_RATIO_PIXELS / (across * down))
    return max(1, round(across * unit)), max(1, round(down * unit))


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """How far two sizes are apart; shape weighs more than extent."""
    shape = abs(one[0] / one[1] - other[0] / other[1]) / (one[0] / one[1] + other[0] / other[1])
    extent = abs(one[0] * one[1] - other[0] * other[1]) / (one[0] * one[1] + other[0] * other[1])
    return 4 * shape + extent


def _apart(one: tuple[int, int], other: tuple[float, float]) -> float:
    """How far the edges of two sizes are apart."""
    return round(abs(one[0] / other[0] - 1) + abs(one[1] / other[1] - 1), 9)


def _text(width: int, height: int) -> str:
    return f"{width}x{height}"
