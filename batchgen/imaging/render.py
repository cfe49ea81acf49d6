"""An image and a recipe -> the bytes of a derivative, with what of the recipe could not be reached. Pure: no folder."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from batchgen.imaging.measures import border_off, colour, in_eight_bits, laid_on, object_box
from batchgen.model import Fit, Metadata, Recipe

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 100_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
QUALITY = 85
LEAST_QUALITY = 25
"""Below this, blocks show; a file that is still too large then is flagged."""
BORDER_OFF = 0.005
"""The share of the border that may differ from the colour that a shop asks for."""
WHITE = "#ffffff"
_JUMBF = b"jumb"
_C2PA = (b"c2pa", b"caBX")
_HEAD = 1 << 16
AI_XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><Iptc4xmpExt:DigitalSourceType>'
    b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"
    b'</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
"""Source: IPTC Photo Metadata Standard, Digital Source Type NewsCodes."""


class Flag(StrEnum):
    """What of a recipe was not reached, or what was lost on the way."""

    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    BACKGROUND = "background"
    FILL = "fill"
    CREDENTIALS_LOST = "credentials_lost"


@dataclass(frozen=True, slots=True)
class Derivative:
    """A derivative as bytes, with its pixels and what is odd about it."""

    data: bytes
    width: int
    height: int
    flags: tuple[Flag, ...]


class UnreadableError(ValueError):
    """An image that cannot be decoded, and why."""


class Original:
    """An image that is decoded once, whatever is made of it."""

    def __init__(self, file: BinaryIO, *, edge: int | None = None) -> None:
        """Decode; with `edge`, a JPEG may be decoded smaller, but no smaller than that on its longer side.

        Raises UnreadableError.
        """
        from PIL import Image, ImageOps

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.credentials = _has_credentials(file)
                with Image.open(file, formats=FORMATS) as opened:
                    _decode(opened, edge)
                    self.format = (opened.format or "PNG").lower()
                    self.xmp = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp")
                    upright = ImageOps.exif_transpose(opened)
                    self.image, self.exif = _srgb(upright), upright.getexif().tobytes()
            except UnreadableError:
                raise
            except Exception as error:
                raise UnreadableError(f"it cannot be decoded: {str(error) or type(error).__name__}") from error

    def derive(self, recipe: Recipe) -> Derivative:
        kind = self.kind(recipe)
        image = _flat(self.image, recipe, kind)
        image = _filled(image, recipe)
        image = _fitted(image, recipe)
        data = _encoded(image, kind, recipe, self._written(recipe))
        flags = tuple(_flags(image, data, recipe, lost=self.credentials))
        return Derivative(data, *image.size, flags)

    def kind(self, recipe: Recipe) -> str:
        """Name the format of a derivative: the recipe's, or that of the original where it can be written."""
        return recipe.format or (self.format if self.format in EXTENSIONS else "png")

    def _written(self, recipe: Recipe) -> dict[str, bytes]:
        """Give what is written beside the pixels."""
        kept = recipe.metadata is Metadata.KEEP
        xmp = self.xmp.encode() if isinstance(self.xmp, str) else self.xmp
        if recipe.ai_tag and b"trainedAlgorithmicMedia" not in (xmp or b""):
            xmp = AI_XMP
        told = {"exif": self.exif if kept else b"", "xmp": xmp if (kept or recipe.ai_tag) and xmp else b""}
        return {name: data for name, data in told.items() if data}


def _decode(opened: "Image", edge: int | None) -> None:
    if opened.width * opened.height > MOST_PIXELS:
        raise UnreadableError(f"{opened.width} x {opened.height} pixels are too many to work on")
    if edge:
        opened.draft("RGB", (edge, edge))
    opened.load()


def extension(recipe: Recipe, source: str) -> str:
    """Name the extension of a derivative of a file with the extension `source`."""
    if recipe.format:
        return EXTENSIONS[recipe.format]
    return source if source in EXTENSIONS.values() else "png"


def largest_edge(recipes: tuple[Recipe, ...]) -> int | None:
    """Give the longer side that an original needs for all of these recipes; None when it is needed whole."""
    edges = [recipe.max_edge or max(recipe.width or 0, recipe.height or 0) for recipe in recipes]
    plain = all(recipe.fit is not Fit.COVER and recipe.fill is None and not recipe.min_edge for recipe in recipes)
    return 2 * max(edges) if plain and all(edges) else None


def _has_credentials(file: BinaryIO) -> bool:
    """Tell whether a file carries content credentials (C2PA): a JUMBF box, which no encoder here keeps."""
    head = file.read(_HEAD)
    file.seek(0)
    return any(mark in head for mark in _C2PA) and (_JUMBF in head or b"caBX" in head)


def _srgb(image: "Image") -> "Image":
    """Bring colours to sRGB, by the profile that the file carries; transparency stays."""
    profile = image.info.get("icc_profile")
    clear, image = image.has_transparency_data, in_eight_bits(image)
    if not profile or image.mode not in {"RGB", "RGBA", "CMYK", "L", "LA"}:
        image = image.convert("RGBA" if clear else "RGB")
    if not profile:
        return image
    from PIL import ImageCms

    alpha = image.getchannel("A") if "A" in image.getbands() else None
    plain = image if image.mode in {"RGB", "CMYK", "L"} else image.convert("L" if image.mode == "LA" else "RGB")
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        shown: Any = ImageCms.profileToProfile(plain, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a profile of another kind of pixels, or none
        shown = plain.convert("RGB")
    if alpha is not None:
        shown.putalpha(alpha)
    return shown  # type: ignore[no-any-return]


def _flat(image: "Image", recipe: Recipe, kind: str) -> "Image":
    """Lay an image on the recipe's ground where it is transparent; where the format knows none, on white."""
    if image.mode != "RGBA" or (kind != "jpeg" and recipe.background is None):
        return image
    return laid_on(image, colour(recipe.background or WHITE))


def _filled(image: "Image", recipe: Recipe) -> "Image":
    """Cut empty border away until the object takes the share that is asked for, as far as the pixels last."""
    if recipe.fill is None or image.mode != "RGB":
        return image
    ground = colour(recipe.border or recipe.background or WHITE)
    box = object_box(image, ground)
    if box is None or border_off(image, ground) > BORDER_OFF:
        return image
    width, height = image.size
    left, right = round(box.left * width), round(box.right * width)
    top, bottom = round(box.top * height), round(box.bottom * height)
    object_edge = max(right - left, bottom - top)
    edge = max(round(object_edge / recipe.fill), recipe.min_edge or 0)
    if edge >= max(width, height):
        return image
    wide, high = min(edge, width), min(edge, height)
    x = min(max(0, (left + right - wide) // 2), width - wide)
    y = min(max(0, (top + bottom - high) // 2), height - high)
    return image.crop((x, y, x + wide, y + high))


def _fitted(image: "Image", recipe: Recipe) -> "Image":
    """Bring an image to the recipe's size."""
    edge = recipe.max_edge
    if recipe.width is None and recipe.height is None:
        return _scaled(image, min(edge / max(image.size), 1.0) if edge else 1.0)
    width, height = recipe.width, recipe.height
    if width is None or height is None:
        share = width / image.width if width else (height or 1) / image.height
        return _scaled(image, share if recipe.enlarge else min(share, 1.0))
    if recipe.fit is Fit.COVER:
        return _covering(image, width, height, enlarge=recipe.enlarge)
    share = min(width / image.width, height / image.height)
    small = _scaled(image, share if recipe.enlarge else min(share, 1.0))
    return _padded(small, width, height, recipe.background) if recipe.fit is Fit.PAD else small


def _scaled(image: "Image", share: float) -> "Image":
    from PIL import Image as Images

    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image if size == image.size else image.resize(size, Images.Resampling.LANCZOS, reducing_gap=3.0)


def _covering(image: "Image", width: int, height: int, *, enlarge: bool) -> "Image":
    """Cut the middle out in the shape of the box, then make it as small as the box."""
    share = max(width / image.width, height / image.height)
    cut_width = max(1, min(image.width, round(width / share)))
    cut_height = max(1, min(image.height, round(height / share)))
    x, y = (image.width - cut_width) // 2, (image.height - cut_height) // 2
    middle = image.crop((x, y, x + cut_width, y + cut_height))
    if share > 1 and not enlarge:
        return middle
    from PIL import Image as Images

    return middle.resize((width, height), Images.Resampling.LANCZOS, reducing_gap=3.0)


def _padded(image: "Image", width: int, height: int, background: str | None) -> "Image":
    """Put an image into the middle of a ground of this size; without a colour it is transparent, or white."""
    from PIL import Image as Images

    clear = image.mode == "RGBA" and background is None
    ground = Images.new(
        "RGBA" if clear else "RGB", (width, height), (0, 0, 0, 0) if clear else colour(background or WHITE)
    )
    ground.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return ground


def _encoded(image: "Image", kind: str, recipe: Recipe, told: dict[str, bytes]) -> bytes:
    """Write the bytes, as good as the recipe says, and no better than fits into its bytes."""
    best = recipe.quality or QUALITY
    data = _saved(image, kind, best, told)
    if kind == "png" or recipe.max_bytes is None or len(data) <= recipe.max_bytes:
        return data
    low, high, fits = LEAST_QUALITY, best - 1, b""
    while low <= high:
        middle = (low + high) // 2
        tried = _saved(image, kind, middle, told)
        if len(tried) <= recipe.max_bytes:
            fits, low = tried, middle + 1
        else:
            high = middle - 1
    return fits or _saved(image, kind, min(LEAST_QUALITY, best), told)


def _saved(image: "Image", kind: str, quality: int, told: dict[str, bytes]) -> bytes:
    out = BytesIO()
    if kind == "png":
        from PIL.PngImagePlugin import PngInfo

        notes = PngInfo()
        if "xmp" in told:
            notes.add_itxt("XML:com.adobe.xmp", told["xmp"].decode("utf-8", "replace"))
        image.save(out, "PNG", pnginfo=notes, exif=told.get("exif", b""))
    elif kind == "jpeg":
        image.save(out, "JPEG", quality=quality, progressive=True, subsampling=0 if quality >= 90 else 2, **told)
    else:
        image.save(out, "WEBP", quality=quality, method=4, **told)
    return out.getvalue()


def _flags(image: "Image", data: bytes, recipe: Recipe, *, lost: bool) -> Iterator[Flag]:
    """Tell what of the recipe was not reached."""
    if recipe.min_edge and max(image.size) < recipe.min_edge:
        yield Flag.TOO_SMALL
    if recipe.max_bytes and len(data) > recipe.max_bytes:
        yield Flag.TOO_LARGE
    plain = image if image.mode == "RGB" or recipe.border is None else image.convert("RGB")
    if recipe.border and border_off(plain, colour(recipe.border)) > BORDER_OFF:
        yield Flag.BACKGROUND
    elif recipe.fill and recipe.border and _share(plain, recipe.border) < recipe.fill - 0.01:
        yield Flag.FILL
    if lost:
        yield Flag.CREDENTIALS_LOST


def _share(image: "Image", ground: str) -> float:
    """Tell which share of the longer side of its frame the object takes."""
    box = object_box(image, colour(ground))
    return max(box.right - box.left, box.bottom - box.top) if box else 0.0
