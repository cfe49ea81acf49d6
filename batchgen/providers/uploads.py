"""Images on their way out: read, shrunk and re-encoded as asked, masks turned into what the API wants. Blocks."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from batchgen.model import FileImage, InputImage, Prepare, UrlImage

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
    """Everything a request carries beside text; `params` are parameters that travel as a file's bytes."""

    images: tuple[Upload, ...] = ()
    mask: Upload | None = None
    params: tuple[tuple[str, Upload], ...] = ()


def gather(
    images: tuple[InputImage, ...],
    mask: InputImage | None,
    prepare: Prepare,
    fetched: Mapping[str, Path] | None = None,
) -> Uploads:
    """Make the images of one request ready; UploadError says which can not be sent.

    `fetched` holds our copies of images at addresses; without it the provider fetches them itself.
    """

    def local(image: InputImage) -> Path:
        if isinstance(image, FileImage):
            return Path(image.path)
        if isinstance(image, UrlImage) and fetched and image.url in fetched:
            return fetched[image.url]
        raise UploadError(f"{image} is not on this machine yet")

    def ready(image: InputImage, *, masked: bool) -> Upload:
        if isinstance(image, UrlImage) and fetched is None:
            return Upload("", "", b"", image.url)
        return shrunk(local(image), prepare, masked=masked)

    uploads = tuple(ready(image, masked=bool(mask) and at == 0) for at, image in enumerate(images))
    if mask is None:
        return Uploads(uploads)
    if isinstance(mask, UrlImage) and fetched is None:
        return Uploads(uploads, Upload("", "", b"", mask.url))
    size = None if not uploads or uploads[0].url else size_of_upload(uploads[0])
    return Uploads(uploads, as_mask(local(mask), size))


def shrunk(path: Path, prepare: Prepare, *, masked: bool = False) -> Upload:
    """Return an image as it is, or with its longer edge and format as `prepare` says.

    One that a mask lies on goes out upright, as nobody says whether a provider turns it.
    """
    from PIL import Image, ImageOps

    with _opened(path) as image:
        kind = image.format or ""
        wanted = _wanted(kind, prepare, clear=has_alpha(image.mode, image.info))
        too_large = prepare.max_edge is not None and max(image.size) > prepare.max_edge
        if not too_large and wanted == kind and not (masked and orientation(image) != 1):
            return Upload(path.name, _type_of(kind, path), path)
        content = _type_of(wanted, path)
        try:
            upright = ImageOps.exif_transpose(image)
            if prepare.max_edge is not None:
                upright.thumbnail((prepare.max_edge, prepare.max_edge), Image.Resampling.LANCZOS)
            return Upload(f"{path.stem}.{wanted.lower()}", content, encoded(upright, wanted))
        except (OSError, ValueError, SyntaxError) as error:
            raise UploadError(f"{path.name} is a damaged image: {error}") from error


def as_mask(path: Path, size: tuple[int, int] | None = None) -> Upload:
    """Give an alpha mask as it is; a black and white one turned into one: white stays, black is edited.

    A mask that was drawn for a larger image follows that image's shrinking; another shape is an UploadError.
    """
    from PIL import Image, ImageOps

    with _opened(path) as image:
        drawn = upright_size(image)
        as_it_is = size is None or image.size == size
        if size and not fits(drawn, size, scaled=True):
            raise UploadError(f"the mask {path.name} is {_wxh(drawn)}, the first image is {_wxh(size)}")
        clear = has_alpha(image.mode, image.info)
        if clear and image.format == "PNG" and as_it_is:
            return Upload(path.name, "image/png", path)
        upright = ImageOps.exif_transpose(image)
        if clear:
            mask = upright.convert("RGBA")
        else:
            grey = upright.convert("L")
            mask = Image.merge("RGBA", (grey, grey, grey, grey))
        if size and mask.size != size:
            mask = mask.resize(size, Image.Resampling.NEAREST)
        return Upload(f"{path.stem}.png", "image/png", encoded(mask, "PNG"))


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
