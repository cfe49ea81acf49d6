"""What a placeholder shows: the product that a prompt names, as a few plain shapes, with its name.

A product is data: words that mean it, and strokes on a field of 100 by 100 (`products.txt`). Whoever looks at a page of
placeholders sees a lamp where a lamp will be.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import ImageDraw

from batchgen.mock.data import tables_of, text_of

Colour = tuple[int, int, int]


class Stroke(NamedTuple):
    """One shape of `products.txt`: what it is, in which tone, and where."""

    kind: str
    tone: str
    at: tuple[float, ...]


class Product(NamedTuple):
    """Words that name a product, and how it looks."""

    words: str
    strokes: Sequence[Stroke]


def _products(text: str) -> Iterator[Product]:
    """Read products: a line of words, and below it a line for each shape."""
    strokes = list[Stroke]()
    for line in text.splitlines():
        if line.startswith(" "):
            kind, tone, *at = line.split()
            strokes.append(Stroke(kind, tone, tuple(map(float, at))))
        elif not line.startswith("#"):
            strokes = []
            yield Product(line, strokes)


PRODUCTS = tuple(_products(text_of("products.txt")))
GENERIC: Sequence[Stroke] = (
    Stroke("polygon", "main", (50, 18, 86, 34, 86, 72, 50, 90, 14, 72, 14, 34)),
    Stroke("polygon", "light", (50, 18, 86, 34, 50, 50, 14, 34)),
    Stroke("polygon", "dark", (50, 50, 86, 34, 86, 72, 50, 90)),
)
"""A box, for whatever is not known."""
COLOURS: Mapping[str, Mapping[str, Colour]] = {
    kind: {name: (red, green, blue) for name, (red, green, blue) in colours.items()}
    for kind, colours in tables_of("colours.toml").items()
}
"""Named colours, those of materials, and others for prompts that name neither."""
OTHERS = tuple(COLOURS["other"].values())
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
    named = (known[word] for known in (COLOURS["named"], COLOURS["material"]) for word in words if word in known)
    return next(named, OTHERS[number % len(OTHERS)])


def tones(main: Colour, ground: Colour) -> Mapping[str, Colour]:
    """Return the main colour, a darker and a lighter one, and that of the ground, by their names."""
    red, green, blue = main
    dark = (red * 2 // 3, green * 2 // 3, blue * 2 // 3)
    light = ((red + 255) // 2, (green + 255) // 2, (blue + 255) // 2)
    return {"main": main, "dark": dark, "light": light, "ground": ground}


def draw_strokes(
    pen: ImageDraw.ImageDraw, strokes: Sequence[Stroke], box: tuple[int, int, int], colours: Mapping[str, Colour]
) -> None:
    """Draw a product into a square, given as left, top and edge."""
    left, top, edge = box
    wide = max(2, edge // 24)
    for kind, tone, at in strokes:
        points = [(left + x * edge / 100, top + y * edge / 100) for x, y in zip(at[::2], at[1::2], strict=False)]
        fill = colours[tone]
        match kind:
            case "ellipse":
                pen.ellipse(points[:2], fill=fill)
            case "arc":
                span = (0, 360) if len(at) > 4 else (180, 360) if at[1] < 20 else (-90, 90)
                pen.arc(points[:2], *span, fill=fill, width=wide)
            case "box":
                pen.rounded_rectangle(points[:2], at[4] * edge / 100, fill=fill)
            case "polygon":
                pen.polygon(points, fill=fill)
            case _:
                pen.line(points, fill=fill, width=wide)
