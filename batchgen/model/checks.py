"""What is measured on every stored image, and from where on it is flagged."""

from dataclasses import dataclass
from enum import StrEnum


class CheckFlag(StrEnum):
    """What a stored image fails."""

    BACKGROUND = "background"
    MARGIN = "margin"
    BLUR = "blur"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class BackgroundCheck:
    """The border has this colour, `#rrggbb`; a channel may differ by `tolerance` steps of 256."""

    color: str = "#ffffff"
    tolerance: int = 8


@dataclass(frozen=True, slots=True)
class MarginCheck:
    """The narrowest free edge around the object, as a share of the image's side."""

    min: float = 0.0
    max: float = 1.0


@dataclass(frozen=True, slots=True)
class BlurCheck:
    """The sharpest edges differ from their surroundings by at least `min` steps of 256."""

    min: float = 10.0


@dataclass(frozen=True, slots=True)
class DuplicateCheck:
    """No two images with the same value of the tag `within` look alike: of 64 bits, more than `bits` differ."""

    within: str
    bits: int = 6


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks that a manifest asks for; None is not checked."""

    background: BackgroundCheck | None = None
    margin: MarginCheck | None = None
    blur: BlurCheck | None = None
    duplicate: DuplicateCheck | None = None

    def __bool__(self) -> bool:
        return any((self.background, self.margin, self.blur, self.duplicate))


NO_CHECKS = Checks()


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on an image: shares from 0 to 1, sharpness in steps of 256, and a hash of its looks in hex.

    `margin` is None where nothing but ground is seen.
    """

    border_off: float
    margin: float | None
    sharpness: float
    looks: str
    flags: tuple[CheckFlag, ...] = ()
