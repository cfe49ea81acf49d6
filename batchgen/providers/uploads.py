"""Images on their way out: read, shrunk and re-encoded as asked, masks turned into what the API wants. Blocks."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from batchgen.imaging.measures import in_eight_bits
from batchgen.imaging.references import (
    SENDABLE,
    UnreadableError,
    encoded,
    fits,
    has_alpha,
    opened,
    orientation,
    upright_size,
)
from batchgen.model import MARKUP, FileImage, InputImage, Prepare, UrlImage

if TYPE_CHECKING:
    from PIL.Image import Image

AS_IT_IS = Prepare()
_MOST_PIXELS = 200_000_000


class UploadError(Exception):
    """An image that can not be sent; the sentence says which and why. Nothing was spent."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One image as it will be sent: its bytes or the file that holds them, or an address the provider fetches.

    `file_id` is how the provider calls the same bytes, once they were uploaded there.
    """

    name: str
    content_type: str
    data: bytes | Path
    url: str = ""
    file_id: str = ""


@dataclass(frozen=True, slots=True)
class Uploads:
    """Everything a request carries beside text; `params` are parameters that travel as a file's bytes.

    `mask` and `markup` lie on the first image.
    """

    images: tuple[Upload, ...] = ()
    mask: Upload | None = None
    markup: Upload | None = None
    params: tuple[tuple[str, Upload], ...] = ()


def gather(
    images: tuple[InputImage, ...],
    mask: InputImage | None,
    prepare: Prepare,
    fetched: Mapping[str, Path] | None = None,
    *,
    markup: FileImage | None = None,
) -> Uploads:
    """Make the images of one request ready; UploadError says which can not be sent.

    `fetched` holds our copies of images at addresses; without it the provider fetches them itself.
    """
    covered = mask is not None or markup is not None

    def local(image: InputImage) -> Path:
        if isinstance(image, FileImage):
            return Path(image.path)
        if isinstance(image, UrlImage) and fetched and image.url in fetched:
            return fetched[image.url]
        raise UploadError(f"{image} is not on this machine yet")

    def ready(image: InputImage, make: Callable[[Path], Upload]) -> Upload:
        if isinstance(image, UrlImage) and fetched is None:
            return Upload("", "", b"", image.url)
        return make(local(image))

    uploads = tuple(
        ready(image, partial(shrunk, prepare=prepare, covered=covered and at == 0)) for at, image in enumerate(images)
    )
    size = size_of_upload(uploads[0]) if covered and uploads and not uploads[0].url else None
    return Uploads(
        uploads,
        ready(mask, partial(laid, what="mask", size=size)) if mask else None,
        ready(markup, partial(laid, what=MARKUP, size=size)) if markup else None,
    )


def shrunk(path: Path, prepare: Prepare, *, covered: bool = False) -> Upload:
    """Return an image as it is, or with its longer edge and format as `prepare` says.

    One that a mask or a markup lies on goes out upright, as nobody says whether a provider turns it.
    """
    from PIL import Image, ImageOps

    with _opened(path) as image:
        kind = image.format or ""
        wanted = _wanted(kind, prepare, clear=has_alpha(image.mode, image.info))
        too_large = prepare.max_edge is not None and max(image.size) > prepare.max_edge
        if not too_large and wanted == kind and not (covered and orientation(image) != 1):
            return Upload(path.name, _type_of(kind, path), path)
        content = _type_of(wanted, path)
        try:
            upright = in_eight_bits(ImageOps.exif_transpose(image))
            if prepare.max_edge is not None:
                upright.thumbnail((prepare.max_edge, prepare.max_edge), Image.Resampling.LANCZOS)
            return Upload(f"{path.stem}.{wanted.lower()}", content, encoded(upright, wanted))
        except (OSError, ValueError, SyntaxError) as error:
            raise UploadError(f"{path.name} is a damaged image: {error}") from error


def laid(path: Path, what: str, size: tuple[int, int] | None = None) -> Upload:
    """Return what lies on an image of a size, as a PNG with an alpha channel.

    A mask or a markup that has one goes out as it is; one that was drawn for a larger image follows that image's
    shrinking. Of a black and white mask white stays, and black is edited. Another shape, and a markup that hides all of
    the image, is an UploadError.
    """
    from PIL import Image, ImageOps

    with _opened(path) as image:
        drawn = upright_size(image)
        if size and not fits(drawn, size, scaled=True):
            raise UploadError(f"the {what} {path.name} is {_wxh(drawn)}, the first image is {_wxh(size)}")
        clear = has_alpha(image.mode, image.info)
        if what == MARKUP and not clear:
            raise UploadError(f"the markup {path.name} is not transparent, so it hides the image")
        if clear and image.format == "PNG" and (size is None or image.size == size):
            return Upload(path.name, "image/png", path)
        upright = ImageOps.exif_transpose(image)
        out = upright.convert("RGBA") if clear else Image.merge("RGBA", (upright.convert("L"),) * 4)
        if size and out.size != size:
            sharp = Image.Resampling.LANCZOS if what == MARKUP else Image.Resampling.NEAREST
            out = out.resize(size, sharp)
        return Upload(f"{path.stem}.png", "image/png", encoded(out, "PNG"))


def size_of_upload(upload: Upload) -> tuple[int, int]:
    """Pixels of an image that is ready to be sent, upright."""
    with _opened(upload.data if isinstance(upload.data, Path) else io.BytesIO(upload.data)) as image:
        return upright_size(image)


def _wanted(kind: str, prepare: Prepare, *, clear: bool) -> str:
    """Say in which format an image goes out: its own, the one that is asked for, or one that can be sent."""
    if prepare.format:
        return prepare.format.upper().replace("JPG", "JPEG")
    return kind if kind in SENDABLE or prepare == AS_IT_IS else "PNG" if clear else "JPEG"


def _opened(source: Path | io.BytesIO) -> "Image":
    from PIL import Image

    name = source.name if isinstance(source, Path) else "an image"
    try:
        image = opened(source)
    except UnreadableError as error:
        raise UploadError(f"{name} {error}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UploadError(f"{name} is not an image that can be sent: {error}") from error
    if image.width * image.height > _MOST_PIXELS:
        raise UploadError(f"{name} has more than {_MOST_PIXELS:,} pixels")
    return image


def _type_of(kind: str, path: Path) -> str:
    if kind not in SENDABLE:
        raise UploadError(
            f"{path.name} is {kind or 'of an unknown format'}, which goes out with prepare: {{format: jpeg}}"
        )
    return SENDABLE[kind]


def _wxh(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
