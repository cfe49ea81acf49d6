"""Placeholders look like the product that they stand for."""

from io import BytesIO

import pytest
from PIL import Image

from batchgen.mock.draw import draw
from batchgen.mock.models import MODELS
from batchgen.mock.resolved_request import Kind, ResolvedRequest
from batchgen.mock.shapes import GENERIC, PRODUCTS, colour_of, name_of, strokes_of


def asked(prompt: str, edge: int = 256) -> ResolvedRequest:
    """Return a request for one image."""
    return ResolvedRequest(Kind.GENERATE, MODELS["gpt-image-2"], prompt, 2, 2, edge, edge, "low", "png", "png")


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("Product photograph of a paper pendant lamp in warm white, front view", "lamp"),
        ("Place this Desk Lamp on a table", "lamp"),
        ("Two enamel mugs", "mug"),
        ("A T-shirt for children", "shirt"),
        ("phone case", "phone"),
        ("Trail shoe, blue. Bag not included", "shoe"),
        ("Something by hand, beside a bottle", "bottle"),
    ],
)
def test_a_prompt_is_drawn_as_the_product_that_it_names(prompt: str, word: str) -> None:
    """The last product of the name counts, then the first of the other words."""
    (product,) = [product for product in PRODUCTS if word in product.words.split()]
    assert strokes_of(prompt) is product.strokes


@pytest.mark.parametrize("prompt", ["", "xyzzy", "日本の庭園", "a\x00b", "1 2 3"])
def test_what_is_not_known_is_a_box(prompt: str) -> None:
    """No prompt stays without a shape."""
    assert strokes_of(prompt) is GENERIC
    draw(asked(prompt), 0)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Product photograph of a solid oak side table in natural oak", "solid oak side table"),
        ("phone case, black", "phone case"),
        ("Draw the cat with a hat", "cat"),
        ("x" * 300, "x" * 59 + "…"),
    ],
)
def test_the_name_of_a_product_is_what_its_prompt_begins_with(prompt: str, name: str) -> None:
    """Without `a photograph of`, an article, and what follows."""
    assert name_of(prompt) == name


def test_every_word_means_one_product() -> None:
    """No word stands for two shapes."""
    words = [word for product in PRODUCTS for word in product.words.split()]
    assert len(words) == len(set(words))


def test_a_named_colour_counts_before_what_a_thing_is_made_of() -> None:
    """And a background has none."""
    assert colour_of("linen sofa in red, white background", 0) == colour_of("red", 1)
    assert colour_of("oak table, seamless white background", 0) == colour_of("oak", 1)


def test_products_and_slots_differ_and_the_same_request_is_the_same_image() -> None:
    """Placeholders are told apart at a glance, and are deterministic."""
    images = {draw(asked(prompt), slot) for prompt in ("a lamp", "a chair") for slot in range(2)}
    assert len(images) == 4
    assert draw(asked("a lamp"), 1) in images


def test_a_white_background_is_white() -> None:
    """Where a prompt asks for it, the border is white."""
    with Image.open(BytesIO(draw(asked("a lamp on white background"), 0))) as image:
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
