"""What the mock can draw with: sizes, qualities, life span and the counting of tokens, in its own few lines.

Nothing is taken from the program's catalogue, so that its figures and these can prove each other.
Figures as published by the vendor: token table of the first family, the calculator's formula for the later ones,
tiles or patches for reference images.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil, sqrt
from typing import Any

from batchgen.mock.data import made, tables_of

THREE = ("1024x1024", "1024x1536", "1536x1024")
TOKENS = tables_of("tokens.toml")


@dataclass(frozen=True, slots=True)
class MockModel:
    """One model: its family decides tokens, `fidelity` the accepted input_fidelity values (none: refuse it).

    `table` gives the tokens of one image by its quality, `input_each` those of a reference image, `thoughts` those that
    are charged beside an image, where no formula does. `ratios` are the pixels of one size (1K) by aspect ratio.
    `per_token` is what its vendor asks in dollars per million: text in, reference images in, images out; `per_thought`
    is the same for thoughts.
    """

    name: str = ""
    family: str = ""
    qualities: tuple[str, ...] = ("low", "medium", "high")
    flexible: bool = True
    shutdown: str = ""
    retired: bool = False
    fidelity: tuple[str, ...] = ()
    transparent: bool = True
    complexity: bool = False
    markup: bool = False
    chat: bool = False
    max_n: int = 10
    table: Mapping[str, int] = field(default_factory=dict)
    input_each: int = 0
    thoughts: int = 0
    ratios: Mapping[str, Sequence[int]] = field(default_factory=dict)
    per_token: Sequence[str] = ("5", "8", "30")
    per_thought: str = "0"

    @property
    def auto_quality(self) -> str:
        """What it draws where the request says auto; the latest of the careful ones was seen to draw high."""
        return "high" if self.name == "gpt-image-2.6-sunburst" else "medium"

    def output_tokens(self, quality: str, width: int, height: int) -> int:
        """Count the image tokens of one image."""
        if self.table:
            return self.table[quality]
        if not self.flexible:
            by_size: Mapping[str, int] = TOKENS["table"][quality]
            return by_size.get(f"{width}x{height}", by_size["1536x1024"])
        family = "gpt-image-2.5" if self.family == "gpt-image-2.6" else self.family
        base, long, short = TOKENS["bases"][family][quality], max(width, height), min(width, height)
        tokens: int = ceil(base * round(base * short / long) * (2_000_000 + width * height) / 4_000_000)
        return tokens * int(TOKENS["more"].get(self.family, {}).get(quality, 1))

    def input_tokens(self, width: int, height: int, fidelity: str | None = None) -> int:
        """Count the tokens of one reference image."""
        if self.input_each:
            return self.input_each
        if self.flexible:
            return patches(width, height)
        extra = (4160 if width == height else 6240) if fidelity == "high" else 0
        return tiles(width, height) + extra


SERVED: Mapping[str, Mapping[str, MockModel]] = {
    who: {name: made(MockModel(name), told) for name, told in models.items()}
    for who, models in tables_of("models.toml").items()
}
"""Models by who serves them, and by name."""
MODELS, RESOLD = SERVED["openai"], SERVED["resold"]
GONE = {"dall-e-2": "2026-05-12", "dall-e-3": "2026-05-12"}


def tiles(width: int, height: int) -> int:
    """Fit into 2048 x 2048, shrink the short side to 512, count tiles of 512 pixels."""
    fit = min(1.0, 2048 / max(width, height))
    shrink = fit * min(1.0, 512 / (min(width, height) * fit))
    across, down = (ceil(round(side * shrink, 6) / 512) for side in (width, height))
    return 65 + 129 * across * down


def patches(width: int, height: int) -> int:
    """Widen to 1:3 or 3:1, enlarge the long edge to 1024 but at most twice, count 32-pixel patches, at most 1536."""
    narrow = 3 * min(width, height) < max(width, height)
    width, height = max(width, ceil(height / 3)), max(height, ceil(width / 3))
    grow = min(2.0, max(1.0, 1024 / max(width, height)))
    across, down = width * grow / 32, height * grow / 32
    if ceil(across) * ceil(down) <= 1536:
        return ceil(across) * ceil(down)
    if narrow:
        return 1536
    shrink = sqrt(1536 / (across * down))
    across, down = across * shrink, down * shrink
    exact = min(int(across) / across, int(down) / down)
    return ceil(round(across * exact, 6)) * ceil(round(down * exact, 6))


def text_tokens(prompt: str) -> int:
    """Count a prompt's tokens: the o200k vocabulary where it is installed, else a quarter of its letters; plus six."""
    encoding = _encoding()
    return (len(encoding.encode(prompt.encode("utf-8", "replace").decode())) if encoding else ceil(len(prompt) / 4)) + 6


@cache
def _encoding() -> Any:
    with warnings.catch_warnings():
        # It opens its vocabulary in a way that Python calls old.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import bpe_openai
        except ImportError:
            return None
        return bpe_openai.get_encoding("o200k_base")


def size_complaint(width: int, height: int) -> str | None:
    """Say why a model of any size refuses this one."""
    if width % 16 or height % 16:
        return "Width and height must both be divisible by 16."
    if max(width, height) > 3840:
        return "The longest edge must be less than or equal to 3840."
    if max(width, height) > 3 * min(width, height):
        return "The aspect ratio must not exceed 3:1."
    if width * height < 655_360:
        return "The requested size is below the current minimum pixel budget of 655360."
    if width * height > 8_294_400:
        return "The requested size is above the current maximum pixel budget of 8294400."
    return None
