"""How a derivative is made of a stored image: a recipe, which costs nothing to follow."""

from dataclasses import dataclass
from enum import StrEnum


class Fit(StrEnum):
    """How an image comes into a box of another shape."""

    CONTAIN = "contain"  # whole, no larger than the box
    COVER = "cover"  # fills the box, and what stands over is cut off
    PAD = "pad"  # whole, with background around it, exactly as large as the box


class Metadata(StrEnum):
    """What becomes of what a file says beside its pixels."""

    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make of an image. Lengths are pixels, colours `#rrggbb`; what is None is left as it is.

    The last lines are what a shop asks for. What the recipe cannot reach is flagged, and never painted.
    """

    name: str
    width: int | None = None
    height: int | None = None
    max_edge: int | None = None
    fit: Fit = Fit.CONTAIN
    background: str | None = None
    format: str | None = None
    quality: int | None = None
    max_bytes: int | None = None
    metadata: Metadata = Metadata.DROP
    enlarge: bool = False
    preset: str | None = None
    min_edge: int | None = None
    """The longer side has at least so many pixels."""
    border: str | None = None
    """The colour all around."""
    fill: float | None = None
    """The share of the longer side that the object takes; empty border is cut away for it."""
    ai_tag: bool = False
    """Whether the file says that a machine drew it (IPTC DigitalSourceType)."""
