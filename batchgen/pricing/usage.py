"""What a provider says it counted: whether that is a count at all, and enough for what came."""

from typing import TypeGuard

from batchgen.model import Usage
from batchgen.pricing.bill import Counts

MOST = 10**12
"""Tokens of one call; more are no count."""


def counted(usage: Usage | None, *, takes_images: bool) -> Counts | None:
    """Return the tokens in a usage, None when it is incomplete or holds what is no count.

    `Usage.output` is of images and `Usage.text_out` beside it. Where the input is not split although images went
    in, it may be words or images: `Counts.either`.
    """
    if usage is None or not _is_count(usage.output):
        return None
    text_out = 0 if usage.text_out is None else usage.text_out
    text, image = usage.text_in, usage.image_in
    if text is not None and image is None and not takes_images:
        image = 0
    if not all(value is None or _is_count(value) for value in (text, image, text_out)):
        return None
    if text is not None and image is not None:
        return Counts(text, image, usage.output, text_out)
    total = usage.total if _is_count(usage.total) else 0
    either = max(total - usage.output - text_out, text or 0, image or 0)
    return Counts(0, 0, usage.output, text_out, either)


def enough(counts: Counts, came: int, fewest: int) -> bool:
    """Whether counts are above zero, and of images not below the fewest that those which `came` can have taken.

    Where none came, none may have been drawn. However many they are: what a provider counts is what it bills.
    """
    drawn = counts.output >= max(came, 1) * fewest or (came == 0 and counts.output == 0)
    return drawn and counts.input > 0


def _is_count(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of a possible size, and not `true` in disguise."""
    return type(value) is int and 0 <= value < MOST
