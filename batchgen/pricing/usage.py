"""What a provider says it counted: whether that can be believed, and what it makes in tokens."""

from typing import TypeGuard

from batchgen.model import Usage
from batchgen.pricing.bill import Counts

# Ten times what is to be expected, and more, is taken for a mistake of the provider.
TOO_MANY = 10


def counted(usage: Usage | None, *, takes_images: bool) -> Counts | None:
    """The tokens in a usage, None when it is incomplete or holds what is no count.

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


def plausible(counts: Counts, expected: Counts, *, came: bool) -> bool:
    """Whether counts are above zero (of images, where any `came`) and below ten times what is to be expected."""
    output = counts.output + counts.text_out
    drawn = counts.output > 0 or not came
    return drawn and output < TOO_MANY * expected.output and 0 < counts.input < TOO_MANY * expected.input


def _is_count(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number, zero or more, and not `true` in disguise."""
    return type(value) is int and value >= 0
