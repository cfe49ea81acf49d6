"""A job's identity: a hash over what would be sent and asked for, and over nothing else.

The form below is frozen: a key that changes makes people pay again for images that they have. Any change needs a new
`VERSION`, and the old form must stay computable.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from unicodedata import normalize

from batchgen.model import FileImage, ImageRequest, InputImage, Job, JobImage, UrlImage

VERSION = 1


def key(request: ImageRequest, explicit_id: str | None) -> str:
    """Hash a request: sha256 over canonical JSON (sorted names, no blanks, UTF-8, every string in NFC).

    A parameter that names a file stands with the file's sha256; `id`, `model` and `mask` are left out when there is
    none. Raises `UnicodeEncodeError` for lone surrogates.
    """
    parts: dict[str, Any] = {
        "v": VERSION,
        "operation": str(request.operation),
        "prompt": _nfc(request.prompt),
        "params": {name: _nfc(value) for name, value in request.params} | {name: f.sha256 for name, f in request.files},
        "images": [_input(image) for image in request.images],
    }
    if explicit_id is not None:
        parts["id"] = _nfc(explicit_id)
    if request.model is not None:
        parts["model"] = _nfc(request.model)
    if request.mask is not None:
        parts["mask"] = _input(request.mask)
    return hashlib.sha256(_canonical(parts)).hexdigest()


_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _canonical(parts: dict[str, Any]) -> bytes:
    return _encoder.encode(parts).encode()


def _nfc(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)


def _input(image: InputImage) -> str:
    match image:
        case FileImage():
            return image.sha256
        case UrlImage():
            return f"url:{_nfc(image.url)}"
        case JobImage():
            return _nfc(str(image))


def resolve(job: Job, stored: Mapping[str, Sequence[FileImage]]) -> Job:
    """Put the stored images of other jobs, by id and in slot order, into a chained job, which gives it its real key.

    Its id and paths stay. Raises `LookupError` when an image that it takes is not there.
    """
    request = job.request
    images = tuple(found for image in request.images for found in _taken(image, stored))
    mask = _taken(request.mask, stored)[0] if request.mask else None
    drawn = replace(request, images=images, mask=mask)
    return replace(job, request=drawn, key=key(drawn, job.id if job.explicit_id else None))


def _taken(image: InputImage, images: Mapping[str, Sequence[FileImage]]) -> tuple[InputImage, ...]:
    if not isinstance(image, JobImage):
        return (image,)
    stored = images[image.job_id]
    if image.slot is not None:
        return (stored[image.slot],)
    if not stored:
        raise LookupError(f"job {image.job_id} has no stored image")
    return tuple(stored)
