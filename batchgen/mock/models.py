"""What the mock can draw with: sizes, qualities, life span and the counting of tokens, in its own few lines.

Nothing is taken from the program's catalogue, so that its figures and these can prove each other.
Figures as published by the vendor: token table of the first family, the calculator's formula for the later ones,
tiles or patches for reference images.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from math import ceil, sqrt
from types import MappingProxyType
from typing import Any

THREE = ("1024x1024", "1024x1536", "1536x1024")
LOW_MEDIUM_HIGH = ("low", "medium", "high")
FIVE = (*LOW_MEDIUM_HIGH, "xhigh", "max")

TABLE = {
    ("low", "1024x1024"): 272, ("low", "1024x1536"): 408, ("low", "1536x1024"): 400,
    ("medium", "1024x1024"): 1056, ("medium", "1024x1536"): 1584, ("medium", "1536x1024"): 1568,
    ("high", "1024x1024"): 4160, ("high", "1024x1536"): 6240, ("high", "1536x1024"): 6208,
}  # fmt: skip
BASES = {
    "gpt-image-2": {"low": 16, "medium": 48, "high": 96},
    "gpt-image-2.5": {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96},
}
# The latest family was seen to use up to 4.25 times the tokens of 2.5 at low; here it takes all that is planned for.
MORE = {"gpt-image-2.6": {"low": 5, "medium": 5}}


@dataclass(frozen=True, slots=True)
class MockModel:
    """One model: its family decides tokens, `fidelity` the accepted input_fidelity values (none: refuse it).

    `table` gives the tokens of one image by its quality, `input_each` those of a reference image, `thoughts` those that
    are charged beside an image, where no formula does.
    """

    name: str
    family: str
    qualities: tuple[str, ...] = LOW_MEDIUM_HIGH
    flexible: bool = True
    shutdown: str | None = None
    retired: bool = False
    fidelity: tuple[str, ...] = ()
    transparent: bool = True
    complexity: bool = False
    markup: bool = False
    chat: bool = False
    max_n: int = 10
    table: tuple[tuple[str, int], ...] = ()
    input_each: int = 0
    thoughts: int = 0

    @property
    def auto_quality(self) -> str:
        """What it draws where the request says auto; the latest of the careful ones was seen to draw high."""
        return "high" if self.name == "gpt-image-2.6-sunburst" else "medium"

    def output_tokens(self, quality: str, width: int, height: int) -> int:
        """Count the image tokens of one image."""
        if self.table:
            return dict(self.table)[quality]
        if not self.flexible:
            return TABLE.get((quality, f"{width}x{height}"), TABLE[quality, "1536x1024"])
        family = "gpt-image-2.5" if self.family == "gpt-image-2.6" else self.family
        base, long, short = BASES[family][quality], max(width, height), min(width, height)
        tokens = ceil(base * round(base * short / long) * (2_000_000 + width * height) / 4_000_000)
        return tokens * MORE.get(self.family, {}).get(quality, 1)

    def input_tokens(self, width: int, height: int, fidelity: str | None = None) -> int:
        """Count the tokens of one reference image."""
        if self.input_each:
            return self.input_each
        if self.flexible:
            return patches(width, height)
        extra = (4160 if width == height else 6240) if fidelity == "high" else 0
        return tiles(width, height) + extra


def _first(name: str, *, shutdown: str = "2026-12-01", **more: Any) -> MockModel:
    return MockModel(name, "gpt-image-1", flexible=False, shutdown=shutdown, **more)


MODELS: dict[str, MockModel] = {
    model.name: model
    for model in (
        *(
            MockModel(f"gpt-image-2.6-{s}", "gpt-image-2.6", FIVE, complexity=True, markup=True)
            for s in ("flare", "sunburst")
        ),
        *(MockModel(f"gpt-image-2.5-{s}", "gpt-image-2.5", FIVE, markup=True) for s in ("flare", "sunburst")),
        *(
            MockModel(f"gpt-image-2.5-{s}-2026-09-08", "gpt-image-2.5", FIVE, markup=True)
            for s in ("flare", "sunburst")
        ),
        MockModel("gpt-image-2", "gpt-image-2", transparent=False),
        MockModel("gpt-image-2-2026-04-21", "gpt-image-2", transparent=False),
        _first("gpt-image-1.5", fidelity=("low", "high")),
        _first("gpt-image-1.5-2025-12-16", fidelity=("low", "high")),
        _first("chatgpt-image-latest", fidelity=("low", "high")),
        _first("gpt-image-1-mini", fidelity=("low",)),
        _first("gpt-image-1", fidelity=("low", "high"), shutdown="2026-10-23", retired=True),
    )
}
# Routes that only gateways sell.
RESOLD: dict[str, MockModel] = {
    model.name: model
    for model in (
        MockModel("gpt-image-2-all", "gpt-image-2", transparent=False),
        MockModel("gpt-image-2.6-all", "gpt-image-2.6", FIVE, max_n=4),
        MockModel("gpt-image-2-vip", "gpt-image-2", transparent=False),
        *(MockModel(f"gpt-image-2.5-{s}-vip", "gpt-image-2.5", FIVE) for s in ("flare", "sunburst")),
        *(MockModel(f"gpt-image-2.6-{s}-vip", "gpt-image-2.6", LOW_MEDIUM_HIGH) for s in ("flare", "sunburst")),
        MockModel("gpt-image-2.5-web", "gpt-image-2.5", FIVE),
        MockModel("gpt-image-2.6-web", "gpt-image-2.6", FIVE),
        MockModel("sora_image", "gpt-image-1", flexible=False, chat=True, max_n=1),
        MockModel("gpt-4o-image", "gpt-image-1", flexible=False, chat=True, max_n=1),
    )
}
# Google's, by image size. Of reference images and thoughts no full table is printed: one figure stands for all.
ONE, TWO = (("1K", 1120), ("2K", 1120), ("4K", 2000)), (("512", 747), ("1K", 1120), ("2K", 1680), ("4K", 2520))
GEMINI: dict[str, MockModel] = {
    model.name: model
    for model in (
        MockModel("gemini-3-pro-image", "gemini", ("1K", "2K", "4K"), table=ONE, input_each=560, thoughts=240),
        MockModel("gemini-3.1-flash-image", "gemini", ("512", "1K", "2K", "4K"), table=TWO, input_each=560),
        MockModel(
            "gemini-2.5-flash-image",
            "gemini",
            ("1K",),
            table=(("1K", 1290),),
            input_each=258,
            shutdown="2026-10-02",
            retired=True,
        ),
    )
}
# Models of one's own machine, and Google's on the path that speaks the Images API.
LOCAL = MappingProxyType(
    {
        name: MockModel(name, "gpt-image-2", (*LOW_MEDIUM_HIGH, "auto"))
        for name in ("Qwen/Qwen-Image", "default", "stablediffusion", "sd-cpp-local")
    }
)
GEMINI_COMPATIBLE = MappingProxyType(
    {name: MockModel(name, "gpt-image-2") for name in ("gemini-2.5-flash-image", "gemini-3-pro-image-preview")}
)
OPENROUTER = MappingProxyType(
    {
        "google/gemini-2.5-flash-image": MockModel(
            "google/gemini-2.5-flash-image", "gemini", ("1K", "2K", "4K"), chat=True, max_n=1,
            table=(("1K", 1290), ("2K", 1290), ("4K", 1290)), input_each=258,
        )
    }
)  # fmt: skip
XAI = MappingProxyType(
    {name: MockModel(name, "gpt-image-2") for name in ("grok-imagine-image", "grok-imagine-image-quality")}
)
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
