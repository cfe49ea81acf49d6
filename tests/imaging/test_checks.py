"""Each check on images on both sides of its threshold."""

import pytest
from PIL import Image, ImageFilter

from batchgen.imaging.checks import duplicates, measure
from batchgen.model import CheckFlag, Checks
from batchgen.model.checks import BackgroundCheck, BlurCheck, MarginCheck
from tests.imaging.conftest import drawn

WHITE = Checks(background=BackgroundCheck())
MARGIN = Checks(margin=MarginCheck(0.04, 0.2))
SHARP = Checks(blur=BlurCheck())


@pytest.mark.parametrize(
    ("ground", "fails"), [("#ffffff", False), ("#f7f7f7", False), ("#f6f6f6", True), ("#00ff00", True)]
)
def test_a_background_fails_when_it_is_of_another_colour(ground: str, *, fails: bool) -> None:
    """A tolerance of 8 steps, and not one more."""
    assert measure(drawn(ground=ground), WHITE).flags == ((CheckFlag.BACKGROUND,) if fails else ())


@pytest.mark.parametrize(
    ("edge", "fails"), [(0.0, True), (0.03, True), (0.05, False), (0.19, False), (0.22, True), (0.4, True)]
)
def test_a_margin_fails_outside_its_bounds(edge: float, *, fails: bool) -> None:
    """The narrowest side counts, whichever it is."""
    for box in ((edge, 0.3, 0.7, 0.7), (0.3, 0.3, 0.7, 1 - edge)):
        assert measure(drawn(box=box), MARGIN).flags == ((CheckFlag.MARGIN,) if fails or edge > 0.3 else ())


def test_an_image_of_nothing_has_no_margin() -> None:
    """It fails the check, and the figure is empty."""
    found = measure(drawn(box=None), MARGIN)
    assert (found.margin, found.flags) == (None, (CheckFlag.MARGIN,))


@pytest.mark.sample(4)
@pytest.mark.parametrize(("radius", "fails"), [(0.0, False), (0.7, False), (3.0, True), (8.0, True)])
@pytest.mark.parametrize("size", [(512, 512), (1536, 1024)])
def test_a_blurred_image_fails_however_much_plain_ground_it_has(
    radius: float, size: tuple[int, int], *, fails: bool
) -> None:
    """The radius is in pixels of 512 a side."""
    blurred = drawn(size).filter(ImageFilter.GaussianBlur(radius * max(size) / 512))
    assert measure(blurred, SHARP).flags == ((CheckFlag.BLUR,) if fails else ())


def test_transparent_ground_counts_as_the_colour_that_is_asked_for() -> None:
    """As a shop would show it."""
    clear = drawn(mode="RGBA", ground="#00000000")
    assert measure(clear, WHITE).flags == ()
    assert measure(clear, Checks(background=BackgroundCheck("#000000"))).flags == ()


def test_duplicates_are_those_that_look_like_an_earlier_one(noise: Image.Image) -> None:
    """The first of them is none."""
    image = drawn(box=(0.1, 0.3, 0.6, 0.9))
    pictures = {"a": image, "b": noise, "c": image.resize((90, 90)), "d": noise.rotate(90)}
    alike = {name: measure(one, WHITE).looks for name, one in pictures.items()}
    assert duplicates(alike, 6) == {"c"}
    assert duplicates({}, 6) == frozenset()
