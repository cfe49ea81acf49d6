"""Recipes, each on images on both sides of what it decides."""

from io import BytesIO
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from batchgen.imaging.measures import in_eight_bits
from batchgen.imaging.presets import presets
from batchgen.imaging.render import Derivative, Flag, Original, UnreadableError, extension, largest_edge
from batchgen.model import Fit, Metadata, Prepare, Recipe
from batchgen.providers.uploads import shrunk
from batchgen.reporter.thumbs import thumbnail
from tests.imaging.conftest import drawn, encoded, original

EDGES = st.integers(1, 400)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DESCRIPTION = 0x010E


def opened(derivative: Derivative) -> Image.Image:
    """Read a derivative as another program does; its pixels are as it says."""
    image = Image.open(BytesIO(derivative.data))
    assert image.size == (derivative.width, derivative.height)
    return image


def amazon() -> Recipe:
    """Return the recipe of a shop that asks for white and a large object."""
    return Recipe("amazon", **presets()["amazon"].recipe)


@given(st.tuples(EDGES, EDGES), EDGES, EDGES, st.sampled_from(Fit), st.booleans())
def test_a_derivative_fits_its_box_and_nothing_is_enlarged_unasked(
    size: tuple[int, int], width: int, height: int, fit: Fit, enlarge: bool
) -> None:
    """Padded it has the box's size, covered the box's shape, contained it is no larger than the box."""
    made = original(drawn(size)).derive(Recipe("x", width=width, height=height, fit=fit, enlarge=enlarge))
    if fit is Fit.PAD:
        assert (made.width, made.height) == (width, height)
        return
    assert made.width <= width
    assert made.height <= height
    if not enlarge:
        assert made.width <= size[0]
        assert made.height <= size[1]
    elif fit is Fit.COVER:
        assert (made.width, made.height) == (width, height)


@given(st.tuples(EDGES, EDGES), EDGES)
def test_the_longer_side_is_at_most_as_asked_and_the_shape_stays(size: tuple[int, int], edge: int) -> None:
    """To a pixel."""
    made = original(drawn(size)).derive(Recipe("x", max_edge=edge))
    assert max(made.width, made.height) == min(max(size), edge)
    assert made.width == pytest.approx(size[0] * min(1, edge / max(size)), abs=1)


def test_one_side_alone_keeps_the_shape() -> None:
    """The other follows."""
    made = original(drawn((400, 200))).derive(Recipe("x", width=100))
    assert (made.width, made.height) == (100, 50)


@pytest.mark.parametrize(("kind", "format_"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_a_derivative_has_the_format_of_its_recipe(kind: str, format_: str) -> None:
    """And a name that says so."""
    recipe = Recipe("x", format=kind)
    assert opened(original(drawn()).derive(recipe)).format == format_
    assert extension(recipe, "png") == {"jpeg": "jpg"}.get(kind, kind)


def test_a_transparent_image_stands_on_the_colour_of_the_recipe_and_stays_clear_where_it_can() -> None:
    """JPEG knows no transparency: white, where no colour is said."""
    clear = drawn(mode="RGBA", ground="#00000000")
    assert opened(original(clear).derive(Recipe("x", format="png"))).mode == "RGBA"
    for background, pixel in ((None, (255, 255, 255)), ("#204060", (32, 64, 96))):
        image = opened(original(clear).derive(Recipe("x", format="jpeg", background=background))).convert("RGB")
        assert image.getpixel((5, 5)) == pytest.approx(pixel, abs=3)


@given(st.integers(1, 60_000))
def test_a_file_is_no_larger_than_its_bytes_or_says_so(most: int) -> None:
    """The quality gives way first."""
    image = Image.effect_noise((96, 96), 90).convert("RGB")
    made = original(image).derive(Recipe("x", format="jpeg", quality=95, max_bytes=most))
    assert (len(made.data) <= most) is (Flag.TOO_LARGE not in made.flags)


def test_a_smaller_file_is_no_worse_than_it_has_to_be(noise: Image.Image) -> None:
    """What is chosen fills its bytes well."""
    made = original(noise).derive(Recipe("x", format="jpeg", quality=95, max_bytes=120_000))
    assert 108_000 < len(made.data) <= 120_000


def test_an_image_is_turned_as_its_file_says() -> None:
    """And the turn is not written a second time."""
    turned = Image.Exif()
    turned[0x0112] = 6
    made = original(drawn((300, 100)), "JPEG", exif=turned).derive(Recipe("x", metadata=Metadata.KEEP))
    image = opened(made)
    assert image.size == (100, 300)
    assert image.getexif().get(0x0112, 1) == 1


def test_colours_of_another_profile_come_out_as_they_look() -> None:
    """A file in Lab-like numbers is not shown as if it were sRGB; CMYK becomes RGB."""
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    assert opened(original(drawn(), "PNG", icc_profile=linear).derive(Recipe("x", format="jpeg"))).mode == "RGB"
    cmyk = original(drawn().convert("CMYK"), "JPEG").derive(Recipe("x"))
    assert opened(cmyk).convert("RGB").getpixel((200, 200)) == pytest.approx((128, 48, 32), abs=12)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_the_sign_of_a_machine_is_written_where_it_is_asked_for(kind: str) -> None:
    """In every format, and only where the recipe asks."""
    told = original(drawn()).derive(Recipe("x", format=kind, ai_tag=True)).data
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in told
    assert b"trainedAlgorithmicMedia" not in original(drawn()).derive(Recipe("x", format=kind)).data


def test_lost_content_credentials_are_told() -> None:
    """Nothing here writes them anew."""
    png = encoded(drawn())
    chunk = b"caBXjumbc2pa"
    signed = png[:33] + (8).to_bytes(4) + chunk + crc32(chunk).to_bytes(4) + png[33:]
    assert Original(BytesIO(signed)).derive(Recipe("x", max_edge=100)).flags == (Flag.CREDENTIALS_LOST,)
    assert not original(drawn()).derive(Recipe("x", max_edge=100)).flags


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("size", "box", "ground", "flags"),
    [
        ((1500, 1500), (0.05, 0.05, 0.95, 0.95), "#ffffff", ()),
        ((1500, 1500), (0.05, 0.05, 0.95, 0.95), "#f0f0f0", (Flag.BACKGROUND,)),
        ((900, 900), (0.05, 0.05, 0.95, 0.95), "#ffffff", (Flag.TOO_SMALL,)),
        ((1100, 1100), (0.3, 0.3, 0.6, 0.6), "#ffffff", (Flag.FILL,)),
    ],
)
def test_a_shop_is_told_what_cannot_be_reached(
    size: tuple[int, int], box: tuple[float, float, float, float], ground: str, flags: tuple[Flag, ...]
) -> None:
    """White, pixels and share of the object, each by itself; nothing is painted."""
    made = original(drawn(size, box, ground)).derive(amazon())
    assert made.flags == flags
    assert opened(made).convert("RGB").getpixel((2, 2)) == pytest.approx(
        Image.new("RGB", (1, 1), ground).getpixel((0, 0)), abs=2
    )


def test_empty_border_is_cut_until_the_object_takes_its_share() -> None:
    """As long as enough pixels are left; the object stays whole and in the middle."""
    made = original(drawn((3000, 3000), (0.1, 0.3, 0.5, 0.7))).derive(amazon())
    assert not made.flags
    assert max(made.width, made.height) == pytest.approx(1200 / 0.85, abs=3)
    assert opened(made).convert("RGB").getpixel((made.width // 2, made.height // 2)) == pytest.approx(
        (128, 48, 32), abs=4
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_can_be_followed(name: str) -> None:
    """And says where it is from, and since when."""
    preset = presets()[name]
    made = original(drawn((2600, 2600), (0.1, 0.1, 0.9, 0.9))).derive(Recipe(name, **preset.recipe))
    assert not made.flags
    assert preset.source.startswith("https://")
    assert preset.as_of


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B")])
def test_grey_of_sixteen_bits_is_as_bright_as_it_looks(kind: str, mode: str, tmp_path: Path) -> None:
    """In a derivative, in its small copy, and where it is prepared to be sent."""
    file = tmp_path / f"grey.{kind}"
    pixel = (30_000).to_bytes(2, "big" if mode.endswith("B") else "little")
    Image.frombytes(mode, (64, 64), pixel * 64 * 64).save(file, kind)
    with file.open("rb") as one, file.open("rb") as other:
        derived, small = Original(one).derive(Recipe(name="web", format="png")), thumbnail(other)
    sent = [shrunk(file, prepare).data for prepare in (Prepare(max_edge=32), Prepare(format="jpeg"))]
    assert small or kind == "TIFF"
    for data in filter(None, (derived.data, small, *sent)):
        assert isinstance(data, bytes)
        with Image.open(BytesIO(data)) as seen:
            assert seen.convert("L").getpixel((16, 16)) == pytest.approx(30_000 / 257, abs=3)


@pytest.mark.parametrize(("mode", "value", "bright"), [("I", 200, 200), ("I", 30_000, 117), ("I;16", 200, 1)])
def test_grey_of_32_bits_may_hold_8_of_them(mode: str, value: int, bright: int) -> None:
    """It is as bright as its values say; of 16 bits, all count."""
    image = Image.new("I", (4, 4), value).convert(mode)
    assert in_eight_bits(image).getpixel((1, 1)) == pytest.approx(bright, abs=1)


@pytest.mark.parametrize("profile", [SRGB, b"no profile at all" * 20])
def test_what_is_written_beside_pixels_stays_whatever_their_profile_is(profile: bytes) -> None:
    """A profile that is none keeps no image from being made."""
    exif = Image.Exif()
    exif[DESCRIPTION] = "A lamp"
    file = BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, "PNG", exif=exif, icc_profile=profile)
    made = Original(BytesIO(file.getvalue())).derive(Recipe(name="web", format="jpeg", metadata=Metadata.KEEP))
    with Image.open(BytesIO(made.data)) as seen:
        assert seen.getexif()[DESCRIPTION] == "A lamp"
        assert min(seen.getchannel("R").tobytes()) > 245


def test_what_cannot_be_decoded_says_why() -> None:
    """Cut, empty, no image."""
    for data in (b"", b"no image", encoded(drawn())[:100]):
        with pytest.raises(UnreadableError, match="cannot be decoded"):
            Original(BytesIO(data))


def test_a_jpeg_is_decoded_smaller_only_when_nobody_needs_it_whole() -> None:
    """Boxes that are filled and shares of the object need every pixel."""
    assert largest_edge((Recipe("x", max_edge=300), Recipe("y", width=100))) == 600
    assert largest_edge((Recipe("x", max_edge=300), Recipe("y"))) is None
    assert largest_edge((Recipe("x", width=10, height=10, fit=Fit.COVER),)) is None
