"""What a placeholder shows: the product that a prompt names, as a few plain shapes, with its name.

A product is data: words that mean it, and strokes on a field of 100 by 100. Whoever looks at a page of placeholders
sees a lamp where a lamp will be.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import ImageDraw

Colour = tuple[int, int, int]


class Stroke(NamedTuple):
    """One shape: `e` ellipse and `a` arc in a box, `r` rounded box, `p` polygon, `l` line.

    `tone` is 0 for the main colour, 1 dark, 2 light, -1 the ground.
    """

    kind: str
    tone: int
    at: tuple[float, ...]


class Product(NamedTuple):
    """Words that name a product, and how it looks."""

    words: str
    strokes: Sequence[Stroke]


def _strokes(*told: tuple[str, int, tuple[float, ...]]) -> tuple[Stroke, ...]:
    return tuple(Stroke(*one) for one in told)


GENERIC = _strokes(
    ("p", 0, (50, 18, 86, 34, 86, 72, 50, 90, 14, 72, 14, 34)),
    ("p", 2, (50, 18, 86, 34, 50, 50, 14, 34)),
    ("p", 1, (50, 50, 86, 34, 86, 72, 50, 90)),
)
"""A box, for whatever is not known."""
PRODUCTS: tuple[Product, ...] = (
    Product(
        "lamp light lantern pendant chandelier lampe",
        _strokes(
            ("l", 1, (50, 45, 50, 86)),
            ("p", 0, (36, 12, 64, 12, 80, 50, 20, 50)),
            ("e", 2, (20, 46, 80, 54)),
            ("e", 1, (32, 82, 68, 92)),
        ),
    ),
    Product(
        "chair stool seat stuhl",
        _strokes(
            ("r", 0, (30, 10, 70, 48, 6)),
            ("r", 2, (24, 50, 76, 60, 4)),
            ("l", 1, (29, 60, 25, 92)),
            ("l", 1, (71, 60, 75, 92)),
        ),
    ),
    Product(
        "sofa couch settee armchair bench loveseat sessel",
        _strokes(
            ("r", 0, (14, 30, 86, 66, 8)),
            ("r", 2, (24, 50, 50, 68, 4)),
            ("r", 2, (51, 50, 76, 68, 4)),
            ("r", 1, (6, 44, 24, 78, 7)),
            ("r", 1, (76, 44, 94, 78, 7)),
            ("r", 0, (22, 67, 78, 78, 2)),
        ),
    ),
    Product(
        "table desk sideboard console tisch",
        _strokes(
            ("l", 1, (18, 46, 14, 90)),
            ("l", 1, (82, 46, 86, 90)),
            ("r", 0, (6, 36, 94, 47, 3)),
            ("r", 2, (6, 36, 94, 40, 2)),
        ),
    ),
    Product(
        "bed mattress daybed bett",
        _strokes(
            ("r", 1, (8, 28, 92, 62, 5)),
            ("r", 2, (16, 44, 46, 58, 5)),
            ("r", 2, (54, 44, 84, 58, 5)),
            ("r", 0, (8, 54, 92, 80, 5)),
        ),
    ),
    Product(
        "shelf bookcase cabinet wardrobe dresser cupboard rack regal",
        _strokes(
            ("r", 0, (20, 8, 80, 92, 3)),
            ("r", 2, (26, 14, 74, 36, 2)),
            ("r", 2, (26, 41, 74, 63, 2)),
            ("r", 2, (26, 68, 74, 86, 2)),
        ),
    ),
    Product(
        "mug cup teacup tumbler tasse becher",
        _strokes(("a", 1, (56, 34, 92, 72)), ("r", 0, (20, 22, 70, 86, 9)), ("e", 2, (20, 16, 70, 32))),
    ),
    Product(
        "bowl dish plate pan pot schale",
        _strokes(("p", 0, (10, 42, 90, 42, 76, 74, 62, 84, 38, 84, 24, 74)), ("e", 2, (10, 34, 90, 52))),
    ),
    Product(
        "vase jug pitcher carafe amphora krug",
        _strokes(("e", 0, (24, 36, 76, 92)), ("p", 0, (42, 10, 58, 10, 64, 46, 36, 46)), ("e", 2, (38, 6, 62, 15))),
    ),
    Product(
        "shirt tshirt tee sweater hoodie jumper blouse jacket coat top cardigan hemd",
        _strokes(
            ("p", 0, (34, 12, 66, 12, 94, 30, 84, 50, 72, 43, 72, 90, 28, 90, 28, 43, 16, 50, 6, 30)),
            ("e", 1, (38, 5, 62, 21)),
        ),
    ),
    Product(
        "dress skirt gown kleid",
        _strokes(
            ("p", 0, (36, 10, 44, 24, 56, 24, 64, 10, 66, 42, 86, 90, 14, 90, 34, 42)), ("r", 1, (34, 40, 66, 45, 1))
        ),
    ),
    Product(
        "trousers pants jeans shorts leggings hose",
        _strokes(("p", 0, (28, 10, 72, 10, 80, 92, 58, 92, 50, 38, 42, 92, 20, 92)), ("r", 1, (28, 8, 72, 16, 1))),
    ),
    Product(
        "shoe sneaker boot trainer sandal loafer heel schuh",
        _strokes(
            ("p", 0, (12, 34, 34, 34, 56, 54, 84, 62, 92, 76, 8, 76)),
            ("r", 2, (6, 74, 94, 84, 5)),
            ("l", 1, (38, 42, 46, 36)),
            ("l", 1, (46, 49, 54, 43)),
        ),
    ),
    Product(
        "bag backpack tote handbag satchel purse rucksack duffle tasche",
        _strokes(("a", 1, (32, 8, 68, 62)), ("p", 0, (18, 36, 82, 36, 90, 90, 10, 90)), ("r", 1, (42, 50, 58, 60, 2))),
    ),
    Product(
        "hat cap beanie beret helmet hut",
        _strokes(("e", 1, (6, 58, 94, 80)), ("r", 0, (28, 22, 72, 70, 16)), ("r", 2, (28, 56, 72, 64, 1))),
    ),
    Product(
        "bottle flask shampoo wine oil lotion perfume flasche",
        _strokes(
            ("r", 1, (42, 6, 58, 18, 2)),
            ("p", 0, (43, 18, 57, 18, 57, 30, 70, 44, 30, 44, 43, 30)),
            ("r", 0, (30, 40, 70, 92, 5)),
            ("r", 2, (30, 54, 70, 76, 0)),
        ),
    ),
    Product(
        "jar candle tin can honey jam glass kerze",
        _strokes(("r", 1, (30, 16, 70, 28, 3)), ("r", 0, (24, 28, 76, 90, 8)), ("r", 2, (24, 46, 76, 72, 0))),
    ),
    Product(
        "book notebook journal diary novel buch",
        _strokes(("r", 1, (20, 10, 82, 92, 3)), ("r", 0, (24, 8, 84, 86, 3)), ("r", 2, (38, 24, 70, 40, 2))),
    ),
    Product(
        "poster print painting frame picture artwork canvas mirror photo bild",
        _strokes(
            ("r", 1, (16, 8, 84, 92, 1)),
            ("r", 2, (22, 14, 78, 86, 0)),
            ("p", 0, (22, 86, 44, 46, 58, 68, 66, 58, 78, 86)),
            ("e", 0, (56, 24, 68, 36)),
        ),
    ),
    Product(
        "phone smartphone tablet iphone handy",
        _strokes(("r", 1, (30, 6, 70, 94, 8)), ("r", 2, (34, 12, 66, 84, 3)), ("e", 2, (47, 86, 53, 92))),
    ),
    Product(
        "laptop computer notebook-pc monitor television tv screen",
        _strokes(
            ("r", 1, (16, 18, 84, 70, 4)), ("r", 2, (21, 23, 79, 65, 1)), ("p", 0, (16, 71, 84, 71, 96, 82, 4, 82))
        ),
    ),
    Product(
        "headphone earphone headset kopfhörer",
        _strokes(("a", 1, (18, 14, 82, 92)), ("r", 0, (12, 46, 32, 82, 8)), ("r", 0, (68, 46, 88, 82, 8))),
    ),
    Product(
        "watch clock timer uhr",
        _strokes(
            ("r", 1, (36, 4, 64, 96, 6)),
            ("e", 0, (22, 22, 78, 78)),
            ("e", 2, (29, 29, 71, 71)),
            ("l", 1, (50, 50, 50, 36)),
            ("l", 1, (50, 50, 60, 55)),
        ),
    ),
    Product(
        "ring necklace bracelet earring jewellery jewelry pendant-chain schmuck",
        _strokes(
            ("e", 0, (24, 30, 76, 92)), ("e", -1, (33, 40, 67, 83)), ("p", 2, (38, 12, 62, 12, 70, 22, 50, 36, 30, 22))
        ),
    ),
    Product(
        "plant flower fern cactus succulent bouquet tree monstera pflanze",
        _strokes(
            ("e", 0, (40, 4, 60, 54)),
            ("p", 0, (50, 60, 14, 46, 10, 20, 34, 26)),
            ("p", 0, (50, 60, 86, 46, 90, 20, 66, 26)),
            ("p", 1, (28, 58, 72, 58, 64, 92, 36, 92)),
        ),
    ),
    Product(
        "rug carpet blanket towel throw curtain scarf mat teppich",
        _strokes(("r", 0, (10, 20, 90, 82, 2)), ("r", 2, (18, 28, 82, 74, 1)), ("r", 1, (28, 38, 72, 64, 1))),
    ),
    Product(
        "cushion pillow kissen pouf",
        _strokes(
            ("p", 0, (12, 18, 50, 24, 88, 18, 82, 52, 88, 86, 50, 80, 12, 86, 18, 52)), ("e", 2, (46, 48, 54, 56))
        ),
    ),
    Product(
        "car van truck auto",
        _strokes(
            ("p", 2, (26, 48, 38, 30, 68, 30, 80, 48)),
            ("r", 0, (6, 46, 94, 68, 8)),
            ("e", 1, (18, 58, 38, 78)),
            ("e", 1, (64, 58, 84, 78)),
        ),
    ),
    Product(
        "bicycle bike fahrrad",
        _strokes(
            ("a", 1, (4, 44, 42, 82, 360)),
            ("a", 1, (58, 44, 96, 82, 360)),
            ("l", 0, (23, 63, 38, 36)),
            ("l", 0, (38, 36, 68, 36)),
            ("l", 0, (68, 36, 77, 63)),
            ("l", 0, (38, 36, 50, 63)),
            ("l", 0, (50, 63, 68, 36)),
            ("l", 0, (23, 63, 50, 63)),
        ),
    ),
    Product(
        "cat kitten dog puppy fox bear animal katze hund",
        _strokes(
            ("p", 0, (22, 8, 42, 30, 18, 44)),
            ("p", 0, (78, 8, 58, 30, 82, 44)),
            ("e", 0, (16, 22, 84, 86)),
            ("e", 1, (32, 44, 40, 54)),
            ("e", 1, (60, 44, 68, 54)),
            ("p", 2, (44, 62, 56, 62, 50, 69)),
        ),
    ),
    Product(
        "apple fruit orange lemon peach tomato apfel",
        _strokes(
            ("e", 0, (16, 26, 60, 90)),
            ("e", 0, (40, 26, 84, 90)),
            ("l", 1, (50, 30, 54, 12)),
            ("e", 2, (54, 10, 78, 24)),
        ),
    ),
    Product(
        "house room kitchen building landscape garden interior haus",
        _strokes(
            ("p", 1, (50, 8, 94, 46, 6, 46)),
            ("r", 0, (16, 44, 84, 90, 0)),
            ("r", 2, (42, 60, 58, 90, 0)),
            ("r", 2, (24, 54, 36, 66, 0)),
            ("r", 2, (64, 54, 76, 66, 0)),
        ),
    ),
)
COLOURS: Mapping[str, Colour] = {
    "white": (236, 234, 228), "black": (52, 52, 56), "grey": (140, 143, 148), "gray": (140, 143, 148),
    "silver": (176, 180, 186), "red": (196, 62, 58), "green": (92, 138, 96), "sage": (150, 170, 140),
    "olive": (122, 124, 70), "blue": (66, 108, 168), "navy": (42, 58, 98), "yellow": (226, 184, 72),
    "mustard": (206, 158, 54), "orange": (222, 130, 62), "pink": (218, 146, 164), "purple": (124, 90, 150),
    "brown": (128, 92, 66), "beige": (212, 194, 166), "cream": (232, 220, 196), "gold": (206, 168, 88),
    "teal": (58, 128, 130), "terracotta": (190, 104, 78),
}  # fmt: skip
MATERIALS: Mapping[str, Colour] = {
    "oak": (196, 154, 104), "walnut": (112, 80, 58), "wood": (180, 138, 94), "wooden": (180, 138, 94),
    "leather": (146, 98, 64), "brass": (192, 156, 82), "copper": (184, 116, 80), "steel": (156, 164, 172),
    "linen": (206, 196, 178), "ceramic": (214, 206, 194), "plant": (92, 138, 96), "fern": (92, 138, 96),
    "cactus": (92, 138, 96), "lemon": (226, 196, 72), "apple": (190, 66, 58), "tomato": (196, 62, 50),
}  # fmt: skip
"""What gives a thing its colour where no colour is named."""
OTHERS: Sequence[Colour] = (
    *((82, 121, 150), (176, 112, 92), (118, 142, 108), (150, 118, 152), (198, 156, 92), (92, 138, 138)),
    *((170, 98, 110), (110, 116, 148)),
)
"""For prompts that name no colour."""
_KNOWN = {word: product.strokes for product in PRODUCTS for word in product.words.split()}
_WORD = re.compile(r"[\w-]+")
_OPENING = re.compile(
    r"\s*(?:(?:an?|the|this|one|place|put|show|draw|paint|make|create|generate|\w+)\s+){0,4}?"
    r"(?:photo(?:graph)?|picture|image|shot|render(?:ing)?|illustration|drawing|painting|packshot)s?\s+(?:of|showing)\s+"
    r"|\s*(?:draw|paint|show|make|create|generate|place|put)\s+(?=\w)",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r"[.,;:!?\n(]|\s(?:in|on|with|at|from|for|by|against|under|beside|into)\s", re.IGNORECASE)
_BACKGROUND = re.compile(r"(?:[\w-]+\s+){1,2}(?:background|backdrop)")
_ARTICLE = re.compile(r"^(?:an?|the|this|my|one)\s+", re.IGNORECASE)
_LONGEST_NAME = 60


@lru_cache(maxsize=1024)
def name_of(prompt: str) -> str:
    """Return what a prompt asks for, in a few words: what follows `a photograph of`, up to the first comma."""
    opening = _OPENING.match(prompt)
    rest = _ARTICLE.sub("", prompt[opening.end() if opening else 0 :].lstrip(), count=1)[:400]
    end = _NAME_ENDS.search(rest)
    name = " ".join(rest[: end.start() if end else None].split()) or " ".join(prompt[:400].split())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


@lru_cache(maxsize=1024)
def strokes_of(prompt: str) -> Sequence[Stroke]:
    """Find the product of a prompt: the last one that its name has, else the first in all of it, else a box."""
    named = [strokes for word in _WORD.findall(name_of(prompt).casefold()) if (strokes := _known(word))]
    if named:
        return named[-1]
    others = (strokes for word in _WORD.findall(prompt[:2000].casefold()) if (strokes := _known(word)))
    return next(others, GENERIC)


def _known(word: str) -> Sequence[Stroke] | None:
    found = _KNOWN.get(word) or _KNOWN.get(word.removesuffix("s")) or _KNOWN.get(word.removesuffix("es"))
    return found or _KNOWN.get(word.rpartition("-")[2])


@lru_cache(maxsize=1024)
def colour_of(prompt: str, number: int) -> Colour:
    """Find the colour that a prompt names of its product, not of its background; one of ours otherwise."""
    words = _WORD.findall(_BACKGROUND.sub("", prompt[:400].casefold()))
    named = (known[word] for known in (COLOURS, MATERIALS) for word in words if word in known)
    return next(named, OTHERS[number % len(OTHERS)])


def tones(main: Colour, ground: Colour) -> tuple[Colour, ...]:
    """Return the main colour, a darker and a lighter one, and that of the ground, which is last."""
    red, green, blue = main
    dark = (red * 2 // 3, green * 2 // 3, blue * 2 // 3)
    light = ((red + 255) // 2, (green + 255) // 2, (blue + 255) // 2)
    return main, dark, light, ground


def draw_strokes(
    pen: ImageDraw.ImageDraw, strokes: Sequence[Stroke], box: tuple[int, int, int], colours: Sequence[Colour]
) -> None:
    """Draw a product into a square, given as left, top and edge."""
    left, top, edge = box
    wide = max(2, edge // 24)
    for kind, tone, at in strokes:
        points = [(left + x * edge / 100, top + y * edge / 100) for x, y in zip(at[::2], at[1::2], strict=False)]
        fill = colours[tone]
        match kind:
            case "e":
                pen.ellipse(points[:2], fill=fill)
            case "a":
                span = (0, 360) if len(at) > 4 else (180, 360) if at[1] < 20 else (-90, 90)
                pen.arc(points[:2], *span, fill=fill, width=wide)
            case "r":
                pen.rounded_rectangle(points[:2], at[4] * edge / 100, fill=fill)
            case "p":
                pen.polygon(points, fill=fill)
            case _:
                pen.line(points, fill=fill, width=wide)
