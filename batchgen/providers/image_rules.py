"""What an operation takes in images: how many, how large, what lies on them. Source: image guide."""

from collections.abc import Iterator
from pathlib import PurePath

from batchgen.imaging.references import fits
from batchgen.model import MARKUP, FileImage, ImageRequest, InputImage, JobImage, Operation, Prepare
from batchgen.providers.param_decision import ParamDecision, doubted, refused

MOST_IMAGES = 16
MOST_BYTES = 50 * 1000 * 1000
SURE_MASK_BYTES = 4 * 1000 * 1000
"""A mask below this is taken everywhere; one page of the vendor's allows more, its reference does not."""


def image_decisions(request: ImageRequest, prepare: Prepare, no_mask: str) -> Iterator[ParamDecision]:
    """Everything about the images of a request that cannot be sent, or that may not be taken.

    `no_mask` says why no mask can be sent, if that is so.
    """
    yield from _number(request)
    yield from _mask(request, no_mask)
    yield from _markup(request)
    yield from _laid(request, prepare)
    if prepare == Prepare():
        for image in request.images:
            if isinstance(image, FileImage) and image.bytes >= MOST_BYTES:
                fix = "below 50 MB are taken: give prepare: {max_edge: 2048, format: jpeg}"
                yield refused(f"{_name(image)} has {image.bytes / 1e6:.0f} MB; images {fix}")


def _number(request: ImageRequest) -> Iterator[ParamDecision]:
    count, operation = len(request.images), request.operation
    # The images of another job are only known once they are drawn.
    whole_jobs = any(isinstance(image, JobImage) and image.slot is None for image in request.images)
    if count > MOST_IMAGES:
        yield refused(f"an edit takes at most {MOST_IMAGES} images; this one has {count}")
    if operation is Operation.EDIT and not count and not request.overlays:
        yield refused("an edit needs at least one image: give images")
    if operation is Operation.VARIATION and (count != 1 or whole_jobs):
        yield refused(f"a variation takes exactly one image, such as @cat[0]; this one has {request_images(request)}")
    if operation is Operation.VARIATION and request.prompt:
        yield doubted("a variation takes no prompt: it is not sent")
    if operation is Operation.GENERATE and count:
        yield refused("a generation takes no images: make it an edit, or leave images out")


def request_images(request: ImageRequest) -> str:
    """Return the images of a request as a person would count them."""
    whole = [str(image) for image in request.images if isinstance(image, JobImage) and image.slot is None]
    return f"all of {', '.join(whole)}" if whole else str(len(request.images))


def _mask(request: ImageRequest, no_mask: str) -> Iterator[ParamDecision]:
    mask = request.mask
    if mask is None:
        return
    if no_mask:
        yield refused(no_mask)
    if request.output_format == "gif":
        yield refused("a mask does not go with output_format gif: leave one out")
    if isinstance(mask, FileImage) and mask.bytes >= SURE_MASK_BYTES:
        yield doubted(f"the mask {_name(mask)} has {mask.bytes / 1e6:.1f} MB; only one below 4 MB is sure to be taken")


def _markup(request: ImageRequest) -> Iterator[ParamDecision]:
    if request.markup and request.mask:
        yield refused("a markup does not go with a mask: leave one out")


def _laid(request: ImageRequest, prepare: Prepare) -> Iterator[ParamDecision]:
    """Refuse what does not lie on the first image as both are seen: upright, and as large as they go out."""
    scaled = prepare.max_edge is not None
    for what, laid in (("mask", request.mask), (MARKUP, request.markup)):
        if laid is None:
            continue
        if not request.images:
            yield refused(f"a {what} needs an image to lie on: give images as well")
        elif why := _shape(what, laid, request.images[0], scaled=scaled):
            yield refused(why)


def _shape(what: str, laid: InputImage, image: InputImage, *, scaled: bool) -> str:
    """Why one image does not lie on another; empty when it does."""
    if not (isinstance(laid, FileImage) and isinstance(image, FileImage)):
        return ""
    if fits((laid.width, laid.height), (image.width, image.height), scaled=scaled):
        return ""
    of_image, of_laid = (f"{one.width}x{one.height}" for one in (image, laid))
    return f"the {what} is {of_laid}, the first image is {of_image}: give both the same size"


def _name(image: FileImage) -> str:
    return PurePath(image.path).name
