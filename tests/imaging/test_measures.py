"""Each measure on both sides of what it tells apart."""

import pytest
from PIL import Image, ImageDraw, ImageFilter

from batchgen.imaging.measures import WHITE, border_off, differing, looks, object_box, sharpness
from tests.imaging.conftest import drawn


@pytest.mark.parametrize(("ground", "off"), [("#ffffff", 0.0), ("#f8f8f8", 0.0), ("#f0f0f0", 1.0), ("#ffe0ff", 1.0)])
def test_a_border_is_of_a_colour_within_the_tolerance(ground: str, off: float) -> None:
    """8 steps of 256 are within, 9 are not."""
    assert border_off(drawn(ground=ground), WHITE) == off


def test_a_border_tells_which_share_of_it_is_off() -> None:
    """An object that reaches one whole edge takes a quarter of a square's border."""
    image = drawn(box=(0.0, 0.0, 1.0, 0.5))
    assert 0.45 < border_off(image, WHITE) < 0.55
    assert border_off(drawn(box=(0, 0, 1, 1)), WHITE) == 1.0


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (640, 480)])
def test_an_image_of_any_size_has_a_border(size: tuple[int, int]) -> None:
    """Also one that is nothing but border."""
    assert border_off(drawn(size, box=None), WHITE) == 0.0


@pytest.mark.parametrize("box", [(0.25, 0.25, 0.75, 0.75), (0.1, 0.2, 0.9, 0.4), (0.0, 0.5, 0.5, 1.0)])
def test_an_object_is_found_where_it_stands(box: tuple[float, float, float, float]) -> None:
    """To the pixel."""
    found = object_box(drawn(box=box), WHITE)
    assert found is not None
    assert (found.left, found.top, found.right, found.bottom) == pytest.approx(box, abs=0.005)


def test_specks_are_no_object() -> None:
    """A speck of dust does not move the box, and alone there is no object."""
    image = drawn(size=(1000, 1000))
    ImageDraw.Draw(image).point((5, 5), fill="#000000")
    found = object_box(image, WHITE)
    assert found is not None
    assert found.margin == pytest.approx(0.25, abs=0.01)
    assert object_box(drawn(box=None), WHITE) is None


def test_a_blurred_image_is_less_sharp(noise: Image.Image) -> None:
    """By far, and one colour has no sharpness at all."""
    image = drawn()
    assert sharpness(image.filter(ImageFilter.GaussianBlur(8))) < sharpness(image) / 10
    assert sharpness(drawn(box=None)) == 0.0
    assert sharpness(noise) > sharpness(image)


def test_images_that_look_alike_have_hashes_that_are_near(noise: Image.Image) -> None:
    """Smaller, brighter or saved with loss it is the same image; another one is far away."""
    image = drawn(box=(0.1, 0.3, 0.6, 0.9))
    assert differing(looks(image), looks(image.resize((150, 150)))) <= 4
    assert differing(looks(image), looks(image.point(lambda step: min(255, step + 12)))) <= 4
    assert differing(looks(noise), looks(image)) > 16
