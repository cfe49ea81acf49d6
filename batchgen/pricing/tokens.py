"""How many tokens one image takes: the words of its prompt, its reference images, what is drawn."""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from math import isqrt
from typing import Any

from batchgen.catalog.models import token_table
from batchgen.catalog.tables import QUALITY_NAMES
from batchgen.model import Model

# A prompt's tokens were reported as its o200k tokens plus six, twice; medium to low confidence.
TEXT_OVERHEAD = 6
# What a reference image of unknown size can cost at most, by rule: the patch budget, or four tiles.
DEAREST_INPUT = {"patch32": 1536, "tile512": 65 + 4 * 129}

WIDEST, MOST_ENLARGED = 3, 2
"""The canvas of a reference image is at most three times as long as wide; it is enlarged at most twice."""

_LONGEST_EXACT = 100_000
_LONG = 400
"""Letters up to which a text is counted whole, and a sentence is remembered."""
_CORE = "bpe_openai._bindings"
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


@lru_cache(maxsize=256)
def text_tokens(prompt: str) -> int:
    """Tokens of a prompt in the o200k vocabulary with the extra `tokens` installed, else the approximation."""
    count = _vocabulary()
    if count is None or len(prompt) > _LONGEST_EXACT:
        return approximate_tokens(prompt)
    if len(prompt) <= _LONG:
        return count(prompt) + TEXT_OVERHEAD
    return sum(_shared(part) if len(part) <= _LONG else count(part) for part in _sentences(prompt)) + TEXT_OVERHEAD


def _sentences(prompt: str) -> Iterator[str]:
    """Part a prompt before each blank behind a full stop: a token may begin with that blank, and none reaches over it.

    So the tokens of a prompt are those of its parts, and the long prompts of many rows share nearly all of these.
    """
    first, *others = prompt.split(". ")
    if not others:
        yield first
        return
    yield f"{first}."
    yield from (f" {sentence}." for sentence in others[:-1])
    yield f" {others[-1]}"


@lru_cache(maxsize=4096)
def _shared(sentence: str) -> int:
    count = _vocabulary()
    assert count is not None, "asked for only where there is one"
    return count(sentence)


def approximate_tokens(prompt: str) -> int:
    """Give a quarter of the characters, rounded up, one for each Chinese, Japanese or Korean one, and the overhead."""
    dense = len(_CJK.findall(prompt))
    return dense - (-(len(prompt) - dense) // 4) + TEXT_OVERHEAD


def text_tokens_bound(prompt: str) -> int:
    """Say what a prompt can take at most: a token is never shorter than one byte of UTF-8."""
    size = len(prompt) if prompt.isascii() else len(prompt.encode("utf-8", "surrogatepass"))
    return size + TEXT_OVERHEAD


@lru_cache(maxsize=4096)
def drawn_tokens(table: str, size: str, quality: str) -> int | None:
    """Tokens of one image by the table or formula of that name, None where it has no figure."""
    return token_table(table).tokens(QUALITY_NAMES.get(quality, quality), size)


@lru_cache(maxsize=4096)
def fewest_drawn_tokens(table: str, size: str, quality: str) -> int | None:
    """As `drawn_tokens`, the lower end where only a range is known."""
    return token_table(table).least(QUALITY_NAMES.get(quality, quality), size)


def input_tokens(model: Model, width: int, height: int, fidelity: str | None = None) -> int:
    """Tokens of one reference image of these pixels; `fidelity` is the input_fidelity asked for."""
    if model.input_tokens == "flat":
        return model.input_each[0]
    if model.input_tokens == "patch32":
        return _patches(width, height)
    return _tiles(width, height) + (_high_fidelity(width, height) if fidelity == "high" else 0)


def dearest_input_tokens(model: Model, size: tuple[int, int] | None, *, high_fidelity: bool) -> int:
    """Say what a reference image can take at most, of known or (None) unknown pixels."""
    if model.input_tokens == "flat":
        return model.input_each[1]
    if size is not None and model.input_tokens == "patch32":
        # How small images are scaled up is only measured: bounded by the long edge always being brought to 1024.
        scale = -(-1024 // max(1, *size))
        return max(_patches(*size), _patches(size[0] * scale, size[1] * scale))
    if size is not None:
        return input_tokens(model, *size, "high" if high_fidelity else None)
    extra = 6240 if high_fidelity and model.input_tokens == "tile512" else 0
    return DEAREST_INPUT[model.input_tokens] + extra


def _tiles(width: int, height: int) -> int:
    """65 and 129 for each 512-pixel tile, once the image fits in 2048x2048 and its short side is at most 512.

    A shrunk image is one row of tiles: as many as its long side is longer than its short one. Source: vision guide.
    """
    longest, shortest = max(1, width, height), max(1, min(width, height))
    across = longest if shortest <= 512 and longest <= 2048 else -(-512 * longest // shortest)
    return 65 + 129 * min(4, -(-across // 512))


def _high_fidelity(width: int, height: int) -> int:
    """Say what input_fidelity high adds: 4160 for a square image, 6240 for another. Source: image guide."""
    return 4160 if width == height else 6240


def _patches(width: int, height: int) -> int:
    """32-pixel patches of the canvas, after a long edge below 1024 was scaled up and more than 1536 were shrunk.

    The canvas is the image, made as wide or as tall as a ratio of 1:3 or 3:1 asks for; it is scaled up at most twice.
    Source: measurements in the vendor's forum, which agree with recorded usage; medium confidence.
    The shrinking keeps the shape and makes the tighter edge a whole number of patches. In whole numbers: at most
    `across` patches fit beside `down` such that across * down <= 1536; one edge takes its number, the other follows.
    """
    width, height = max(1, width), max(1, height)
    widened = max(width, height) > WIDEST * min(width, height)
    width, height = max(width, -(-height // WIDEST)), max(height, -(-width // WIDEST))
    longest = max(width, height)
    if longest <= 1024 // MOST_ENLARGED:
        columns, rows = -(-width * MOST_ENLARGED // 32), -(-height * MOST_ENLARGED // 32)
    elif longest < 1024:
        columns, rows = -(-width * 32 // longest), -(-height * 32 // longest)
    else:
        columns, rows = -(-width // 32), -(-height // 32)
    if columns * rows <= 1536:
        return columns * rows
    if widened:
        return 1536  # how a widened canvas is shrunk is not known: all that there may be
    across, down = max(1, isqrt(1536 * width // height)), max(1, isqrt(1536 * height // width))
    if across * height <= down * width:
        return min(1536, across * -(-height * across // width))
    return min(1536, down * -(-width * down // height))


@cache
def _vocabulary() -> Callable[[str], int] | None:
    try:
        encoding = _tokenizer().tokenizer_for_encoding("o200k_base")
    except (ImportError, AttributeError):
        return None
    count: Callable[[str], int] = encoding.count
    return lambda prompt: count(prompt if prompt.isascii() else prompt.encode("utf-8", "replace").decode())


def _tokenizer() -> Any:
    """Import the compiled tokenizer by itself.

    It brings its vocabularies along. The Python around it reads three of them once more when it is imported, which
    takes a second and 250 MB, and no count needs that.
    """
    package = None if _CORE in sys.modules else find_spec("bpe_openai")
    spec = package and PathFinder.find_spec(_CORE, package.submodule_search_locations)
    if spec and spec.loader:
        core = module_from_spec(spec)
        spec.loader.exec_module(core)
        sys.modules[_CORE] = core  # it can be made only once in a process
    return import_module(_CORE)
