"""What goes into one image: words and reference images as tokens, expected and at most."""

from typing import NamedTuple

from batchgen.model import MARKUP, FileImage, ImageRequest, InputImage, JobImage, Model
from batchgen.pricing.tokens import dearest_input_tokens, input_tokens, text_tokens, text_tokens_bound
from batchgen.providers.image_rules import MOST_IMAGES

# What a reference image of unknown pixels is expected to be.
_USUAL = (1024, 1024)


class Input(NamedTuple):
    """Input tokens of one image."""

    text: int
    image: int


def expected_input(request: ImageRequest, model: Model) -> Input:
    """Words and reference images as they are counted; an image of unknown pixels as 1024x1024."""
    fidelity = request.param("input_fidelity")
    images = (input_tokens(model, *(_pixels(image) or _USUAL), fidelity) for image in given_images(request))
    return Input(text_tokens(_words(request)), sum(images))


def most_input(request: ImageRequest, model: Model) -> Input:
    """Return an upper bound: bytes for words, high fidelity where the model has it, a mask or markup as one more image.

    An image of unknown pixels counts as the dearest; the images of another job may be as many as an edit takes.
    """
    high = "high" in model.input_fidelity and request.param("input_fidelity") != "low"
    images = (*given_images(request), *request.overlays)
    known = sum(dearest_input_tokens(model, _pixels(image), high_fidelity=high) for image in images)
    more = most_given(request) - len(images)
    return Input(
        text_tokens_bound(_words(request)), known + more * dearest_input_tokens(model, None, high_fidelity=high)
    )


def most_given(request: ImageRequest) -> int:
    """How many images go in at most, a mask counted; the images of another job may be as many as an edit takes."""
    images = len(given_images(request)) + len(request.overlays)
    whole_jobs = any(isinstance(image, JobImage) and image.slot is None for image in request.images)
    return images + (max(0, MOST_IMAGES - len(request.images)) if whole_jobs else 0)


def input_is_known(request: ImageRequest) -> bool:
    """Whether the pixels of every reference image are known."""
    return all(_pixels(image) for image in request.images)


def given_images(request: ImageRequest) -> tuple[InputImage, ...]:
    """Every reference image that goes in, also those behind parameters (`reference_image`)."""
    return (*request.images, *(image for name, image in request.files if name != MARKUP))


def _words(request: ImageRequest) -> str:
    return request.prompt + (request.param("negative_prompt") or "")


def _pixels(image: InputImage) -> tuple[int, int] | None:
    return (image.width, image.height) if isinstance(image, FileImage) else None
