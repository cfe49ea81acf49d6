"""How many output tokens an image takes: a printed table, or the vendor's formula for any size."""

from dataclasses import dataclass
from fractions import Fraction

from batchgen.catalog.sizes import parse_size

# DALL-E's words for quality, which some gateways still take for newer models.
QUALITY_NAMES = {"standard": "medium", "hd": "high"}

ANY_SIZE = "*"


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Tokens by quality and size, as printed; the size `*` stands for every one that has no figure of its own."""

    cells: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]

    @property
    def qualities(self) -> tuple[str, ...]:
        """Qualities that have a figure."""
        return tuple(quality for quality, _ in self.cells)

    def tokens(self, quality: str, size: str) -> int | None:
        """Tokens of one image, None when the table does not have it."""
        row = dict(dict(self.cells).get(quality, ()))
        return row.get(size, row.get(ANY_SIZE))

    def least(self, quality: str, size: str) -> int | None:
        """Return the fewest tokens that such an image may take."""
        return self.tokens(quality, size)


@dataclass(frozen=True, slots=True)
class TokenFormula:
    """Tokens from the edges of an image and a base that its quality gives.

    u = base * S / L, rounded half to even; tokens = base * u * (2,000,000 + W * H) / 4,000,000, rounded up. L is the
    longer and S the shorter edge. Source: the calculator of the official image guide.
    `up_to` multiplies where only a range is known: `tokens` is its upper end, `least` its lower one.
    """

    bases: tuple[tuple[str, int], ...]
    up_to: tuple[tuple[str, int], ...] = ()

    @property
    def qualities(self) -> tuple[str, ...]:
        """Qualities that have a figure."""
        return tuple(quality for quality, _ in self.bases)

    def tokens(self, quality: str, size: str) -> int | None:
        """Tokens of one image, None when quality or size are not in the formula's reach."""
        least = self.least(quality, size)
        return least and least * dict(self.up_to).get(quality, 1)

    def least(self, quality: str, size: str) -> int | None:
        """Return the fewest tokens that such an image may take."""
        pixels, base = parse_size(size), dict(self.bases).get(quality)
        if pixels is None or base is None:
            return None
        units = round(Fraction(base * min(pixels), max(pixels)))
        return max(1, -(-base * units * (2_000_000 + pixels[0] * pixels[1]) // 4_000_000))
