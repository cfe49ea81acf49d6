"""Images on their way out: read, shrunk and re-encoded as asked, masks turned into what the API wants. Blocks."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batchgen.model import FileImage, InputImage, Prepare, UrlImage

if TYPE_CHECKING:
    from PIL.Image import Image

_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
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

    def ready(image: InputImage) -> Upload:
        if isinstance(image, UrlImage) and fetched is None:
            return Upload("", "", b"", image.url)
        return shrunk(local(image), prepare)

    uploads = tuple(ready(image) for image in images)
    if mask is None:
        return Uploads(uploads)
    if isinstance(mask, UrlImage) and fetched is None:
        return Uploads(uploads, Upload("", "", b"", mask.url))
    size = None if not uploads or uploads[0].url else size_of_upload(uploads[0])
    return Uploads(uploads, as_mask(local(mask), size))


def shrunk(path: Path, prepare: Prepare) -> Upload:
    """Return an image as it is, or with its longer edge and format as `prepare` says."""
    from PIL import Image, ImageOps

    with _opened(path) as image:
        kind = image.format or ""
        wanted = (prepare.format or kind).upper().replace("JPG", "JPEG")
        too_large = prepare.max_edge is not None and max(image.size) > prepare.max_edge
        if not too_large and wanted == kind:
            return Upload(path.name, _type_of(kind, path), path)
        upright = ImageOps.exif_transpose(image)
        if prepare.max_edge is not None:
            upright.thumbnail((prepare.max_edge, prepare.max_edge), Image.Resampling.LANCZOS)
        if wanted == "JPEG":
            upright = _without_alpha(upright)
        return Upload(f"{path.stem}.{wanted.lower()}", _type_of(wanted, path), _bytes_of(upright, wanted))


def as_mask(path: Path, size: tuple[int, int] | None = None) -> Upload:
    """Give an alpha mask as it is; a black and white one turned into one: white stays, black is edited.

    A mask that was drawn for a larger image follows that image's shrinking; another shape is an UploadError.
    """
    from PIL import Image

    with _opened(path) as image:
        fits = size is None or image.size == size
        if not fits and size and abs(image.width * size[1] - image.height * size[0]) > max(size) * 2:
            raise UploadError(f"the mask {path.name} is {_wxh(image.size)}, the first image is {_wxh(size)}")
        if has_alpha(image.mode, image.info) and image.format == "PNG" and fits:
            return Upload(path.name, "image/png", path)
        if has_alpha(image.mode, image.info):
            mask = image.convert("RGBA")
        else:
            grey = image.convert("L")
            mask = Image.merge("RGBA", (grey, grey, grey, grey))
        if size and not fits:
            mask = mask.resize(size, Image.Resampling.NEAREST)
        return Upload(f"{path.stem}.png", "image/png", _bytes_of(mask, "PNG"))


def has_alpha(mode: str, info: object) -> bool:
    """Whether a Pillow mode (and a palette's transparency) can be transparent."""
    return mode in {"RGBA", "LA", "PA", "La", "RGBa"} or (isinstance(info, dict) and "transparency" in info)


def size_of_upload(upload: Upload) -> tuple[int, int]:
    """Pixels of an image that is ready to be sent."""
    with _opened(upload.data if isinstance(upload.data, Path) else io.BytesIO(upload.data)) as image:
        width, height = image.size
        return width, height


def _opened(source: Path | io.BytesIO):  # type: ignore[no-untyped-def] # noqa: ANN202 - Pillow loads here, not at import
    from PIL import Image

    try:
        image = Image.open(source, formats=tuple(_TYPES))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        name = source.name if isinstance(source, Path) else "an image"
        raise UploadError(f"{name} is not an image that can be sent: {error}") from error
    if image.width * image.height > _MOST_PIXELS:
        raise UploadError(f"{source} has more than {_MOST_PIXELS:,} pixels")
    return image


def _without_alpha(image: "Image") -> "Image":
    """Lay what is transparent on white; dropping the alpha would show whatever colour hides there, mostly black."""
    from PIL import Image

    if not has_alpha(image.mode, image.info):
        return image.convert("RGB")
    clear = image.convert("RGBA")
    ground = Image.new("RGBA", clear.size, "white")
    ground.alpha_composite(clear)
    return ground.convert("RGB")


def _bytes_of(image, kind: str) -> bytes:  # type: ignore[no-untyped-def] # noqa: ANN001
    out = io.BytesIO()
    options = {"quality": 90} if kind in {"JPEG", "WEBP"} else {}
    image.save(out, kind, **options)
    return out.getvalue()


def _type_of(kind: str, path: Path) -> str:
    if kind not in _TYPES:
        raise UploadError(f"{path.name}: {kind or 'its format'} can not be sent; png, jpeg and webp can")
    return _TYPES[kind]


def _wxh(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
