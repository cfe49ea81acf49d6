"""The thresholds of docs/quality.md on a labelled set: products as they should be, and each fault of each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from random import Random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from batchgen.imaging.checks import measure
from batchgen.imaging.measures import differing
from batchgen.model import CheckFlag, Checks
from batchgen.model.checks import BackgroundCheck, BlurCheck, DuplicateCheck, MarginCheck

PRODUCTS = 16
EDGE = 384
ALL = Checks(BackgroundCheck(), MarginCheck(0.04, 0.2), BlurCheck(), DuplicateCheck(within="sku"))


@dataclass(frozen=True)
class Product:
    """A product of its own shape, colours and pattern, on a ground, with so much room around it."""

    seed: int
    margin: float = 0.1
    ground: int = 255
    shift: float = 0.0

    def image(self) -> Image.Image:
        """Draw it, with shade and grain, as a camera would have it; JPEG leaves its traces."""
        chance, edge = Random(self.seed), EDGE
        image = Image.new("RGB", (edge, edge), (self.ground,) * 3)
        low, high = self.margin * edge, (1 - self.margin) * edge
        box = (low + self.shift * edge, low, high + self.shift * edge, high)
        layer = Image.effect_noise((edge, edge), 12).convert("RGB")
        draw = ImageDraw.Draw(layer)
        ink = [tuple(chance.randrange(20, 190) for _ in range(3)) for _ in range(6)]
        draw.rectangle((0, 0, edge, edge), fill=ink[0])
        for colour in ink[1:]:
            x, y, size = chance.random() * edge, chance.random() * edge, (0.15 + chance.random() / 3) * edge
            shape = chance.choice((draw.rectangle, draw.ellipse))
            shape((x + self.shift * edge, y, x + size + self.shift * edge, y + size * chance.uniform(0.4, 1)), colour)
        mask = Image.new("L", (edge, edge))
        chance.choice((ImageDraw.Draw(mask).ellipse, ImageDraw.Draw(mask).rectangle))(box, 255)
        image.paste(layer, mask=mask)
        return _jpeg(image)


def _jpeg(image: Image.Image, quality: int = 88) -> Image.Image:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(BytesIO(out.getvalue())).convert("RGB")


GOOD: dict[str, Callable[[int], Image.Image]] = {
    "as it should be": lambda seed: Product(seed).image(),
    "with little room": lambda seed: Product(seed, margin=0.06).image(),
    "with much room": lambda seed: Product(seed, margin=0.18).image(),
    "on nearly white": lambda seed: Product(seed, ground=251).image(),
    "a little soft": lambda seed: Product(seed).image().filter(ImageFilter.GaussianBlur(0.6)),
}
BAD: dict[str, tuple[CheckFlag, Callable[[int], Image.Image]]] = {
    "on grey": (CheckFlag.BACKGROUND, lambda seed: Product(seed, ground=238).image()),
    "on black": (CheckFlag.BACKGROUND, lambda seed: Product(seed, ground=0).image()),
    "cut by the edge": (CheckFlag.MARGIN, lambda seed: Product(seed, shift=0.14).image()),
    "without room": (CheckFlag.MARGIN, lambda seed: Product(seed, margin=0.02).image()),
    "far too small": (CheckFlag.MARGIN, lambda seed: Product(seed, margin=0.3).image()),
    "out of focus": (CheckFlag.BLUR, lambda seed: Product(seed).image().filter(ImageFilter.GaussianBlur(5))),
}


@pytest.mark.parametrize("name", GOOD)
def test_images_as_they_should_be_pass_all_checks(name: str) -> None:
    """Whatever the product's shape, colours and pattern are."""
    flagged = [seed for seed in range(PRODUCTS) if measure(GOOD[name](seed), ALL).flags]
    assert flagged == []


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_flagged_as_what_it_is(name: str) -> None:
    """Whatever product it is."""
    flag, drawn = BAD[name]
    missed = [seed for seed in range(PRODUCTS) if flag not in measure(drawn(seed), ALL).flags]
    assert missed == []


def test_the_same_product_looks_alike_and_others_do_not() -> None:
    """However it was compressed, made smaller, brighter or softer: at most one pair in twenty is missed."""
    seen = {seed: int(measure(Product(seed).image(), ALL).looks, 16) for seed in range(PRODUCTS)}
    bits = DuplicateCheck(within="sku").bits
    changes: tuple[Callable[[Image.Image], Image.Image], ...] = (
        lambda image: _jpeg(image, 40),
        lambda image: image.resize((200, 200)),
        lambda image: image.point(lambda step: min(255, step + 12)),
        lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    )
    again = [
        differing(seen[seed], int(measure(change(Product(seed).image()), ALL).looks, 16))
        for seed in range(0, PRODUCTS, 3)
        for change in changes
    ]
    assert sum(one > bits for one in again) * 20 <= len(again)
    others = [differing(seen[one], seen[other]) for one in seen for other in seen if one < other]
    assert min(others) > bits
