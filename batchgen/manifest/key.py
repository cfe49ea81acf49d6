"""A job's identity: a hash over what would be sent and asked for, and over nothing else. That of templates, too.

The form below is frozen: a key that changes makes people pay again for images that they have. Any change needs a new
version, and the old ones must stay computable.

Version 2 hashes the form of version 1 over texts whose line ends are LF, however a file was saved. So the two differ
only for texts with carriage returns, and every other job is known in older ledgers under the key that it has today.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple
from unicodedata import normalize

from batchgen.model import FileImage, Form, ImageRequest, InputImage, Job, JobImage, UrlImage

FORM = 1
"""Stands in what is hashed."""
TEMPLATE_DIGITS = 16
_LINE_END = re.compile("\r\n?|\n")


def key(request: ImageRequest, explicit_id: str | None) -> str:
    """Hash a request under version 2: sha256 over canonical JSON (sorted names, no blanks, UTF-8, strings in NFC).

    A parameter that names a file stands with the file's sha256; `id`, `model` and `mask` are left out when there is
    none. Raises `UnicodeEncodeError` for lone surrogates.
    """
    return form_of_key(request.form).key(request.prompt, explicit_id)


def former_keys(request: ImageRequest, explicit_id: str | None) -> tuple[str, ...]:
    """Give the keys under which version 1 knew what is one request now: its line ends as they are, CRLF and CR."""
    form = form_of_key(request.form)
    if not form.returns and "\r" not in request.prompt and "\n" not in request.prompt:
        return ()
    before = (request, _with_line_ends(request, "\r\n"), _with_line_ends(request, "\r"))
    found = dict.fromkeys(key_1(each, explicit_id) for each in before)
    found.pop(form.key(request.prompt, explicit_id), None)
    return tuple(found)


def key_1(request: ImageRequest, explicit_id: str | None) -> str:
    """Hash a request under version 1, in which every letter counts."""
    return FormOfKey(*_around(request.form)).key_1(request.prompt, explicit_id)


class FormOfKey(NamedTuple):
    """What is hashed around the prompt, the same for many jobs: its names sort before and behind it.

    `returns`: a parameter holds line ends, so that version 1 may have known the request under another key.
    """

    before: str
    after: str
    returns: bool = False

    def key(self, prompt: str, explicit_id: str | None) -> str:
        """Hash a request of this form under version 2."""
        return self.key_1(_LINE_END.sub("\n", prompt) if "\r" in prompt else prompt, explicit_id)

    def key_1(self, prompt: str, explicit_id: str | None) -> str:
        """Hash a request of this form as it is."""
        named = "" if explicit_id is None else f'"id":{_quoted(_nfc(explicit_id))},'
        text = f'{{{named}{self.before},"prompt":{_quoted(_nfc(prompt))},{self.after}}}'
        return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=256)
def form_of_key(form: Form) -> FormOfKey:
    """Write what stands around the prompts of requests of one form, with the line ends of version 2."""
    operation, model, params, images, mask, files = form
    if not any(_LINE_END.search(text) for _, text in params):
        return FormOfKey(*_around(form))
    params = tuple((name, _LINE_END.sub("\n", text)) for name, text in params)
    return FormOfKey(*_around((operation, model, params, images, mask, files)), returns=True)


def _with_line_ends(request: ImageRequest, end: str) -> ImageRequest:
    params = tuple((name, _LINE_END.sub(end, text)) for name, text in request.params)
    return replace(request, prompt=_LINE_END.sub(end, request.prompt), params=params)


def _around(form: Form) -> tuple[str, str]:
    operation, model, params, images, mask, files = form
    before: dict[str, Any] = {
        "operation": str(operation),
        "params": {name: _nfc(value) for name, value in params} | {name: f.sha256 for name, f in files},
        "images": [_input(image) for image in images],
    }
    if model is not None:
        before["model"] = _nfc(model)
    if mask is not None:
        before["mask"] = _input(mask)
    return _encoder.encode(before)[1:-1], f'"v":{FORM}'


_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_quoted = json.encoder.encode_basestring
"""Quotes a text as the encoder does, without what the encoder does around it."""


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


@lru_cache(maxsize=4096)
def template_id(parts: tuple[tuple[str, str], ...]) -> str:
    """Name a template by its words with their texts, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(parts)).encode("utf-8", "surrogatepass")).hexdigest()[:TEMPLATE_DIGITS]


def named(template: str, texts: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Name what a template is where something else is written for some of its jobs; itself where nothing is."""
    more = tuple(dict(texts).items())
    return template_id((("", template), *more)) if more else template
