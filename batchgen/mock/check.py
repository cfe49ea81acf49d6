"""Form -> resolved request, or the refusal that the Images API would write; the strictest provider is the vendor."""

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import EDIT, EDIT_JSON, GENERATE, VARIATION, Dialect
from batchgen.mock.form import MOST_BYTES, Form, Upload
from batchgen.mock.models import THREE, MockModel, size_complaint
from batchgen.mock.reply import (
    Refused,
    bad_image,
    bad_value,
    error,
    missing_parameter,
    no_model,
    retired_model,
    unknown_parameter,
    wrong_value,
)
from batchgen.mock.resolved_request import InputImage, Kind, ResolvedRequest

FORMATS = ("png", "jpeg", "webp", "gif", "svg")
MASK_BYTES = 4 * 1024 * 1024
SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
EXTENTS = {"1k": 1, "2k": 2}
AUTO_SIZE = (1024, 1024)  # what every model picks where the request says auto


def check(kind: Kind, form: Form, dialect: Dialect, config: MockConfig) -> ResolvedRequest:
    """Resolve a form; Refused as soon as something is wrong with it."""
    if kind is Kind.VARIATION and not _serves_variations(dialect, config):
        raise Refused(_retired_variations(form.text("model")))
    _known(kind, form, dialect)
    prompt = "" if kind is Kind.VARIATION else _prompt(form, dialect)
    if not (name := form.text("model")):
        raise Refused(missing_parameter("model"))
    model = dialect.model(name, config)
    if model.chat:
        raise Refused(no_model(name))
    _known_to(model, form, dialect)
    width, height = _shape(form.fields, dialect) if dialect.shapes else _size(form, model, dialect)
    output_format = _choice(form, "output_format", FORMATS, "png")
    frames, frame_ms = _animation(form, output_format)
    _written(form, output_format)
    # A gateway that draws one image a call does so whatever n says.
    n = min(_whole(form, "n", 1, model.max_n, 1), dialect.max_n)
    return ResolvedRequest(
        kind,
        model,
        prompt,
        n,
        n,
        width,
        height,
        _quality(form, model, dialect),
        output_format,
        output_format,
        compression=_compression(form, output_format),
        background=_background(form, model, output_format),
        fidelity=_fidelity(form, model),
        images=_images(kind, form),
        mask=_mask(form),
        markup=_markup(form, model),
        frames=frames,
        frame_ms=frame_ms,
        answers=_choice(form, "response_format", ("url", "b64_json"), dialect.answers),
        partial_images=_partials(form),
    )


def _known(kind: Kind, form: Form, dialect: Dialect) -> None:
    allowed = {
        Kind.GENERATE: GENERATE | dialect.extra,
        Kind.EDIT: (EDIT if form.multipart else EDIT_JSON) | dialect.extra,
        Kind.VARIATION: VARIATION,
    }[kind]
    if kind is Kind.EDIT and form.multipart and not dialect.no_moderation_on_edits:
        allowed |= {"moderation"}
    if kind is Kind.EDIT and dialect.charges_failures:
        allowed -= {"moderation"}
    for name in form.fields:
        if name in dialect.lacks or not (name in allowed or name.startswith("svg[")):
            raise Refused(unknown_parameter(name))
    _choice(form, "moderation", ("low", "auto"), "auto")
    _choice(form, "complexity", ("low", "medium", "high"), "high")


def _known_to(model: MockModel, form: Form, dialect: Dialect) -> None:
    planless = () if model.complexity or "complexity" in dialect.ignored else ("complexity",)
    for name in (*planless, *sorted(dialect.refused.get(model.name, ()))):
        if name in form.fields:
            raise Refused(unknown_parameter(name))


def _prompt(form: Form, dialect: Dialect) -> str:
    value = form.fields.get("prompt")
    if value is None:
        raise Refused(missing_parameter("prompt"))
    if not isinstance(value, str):
        raise Refused(wrong_value("prompt", "Invalid type for 'prompt': expected a string.", "invalid_type"))
    if not value:
        short = "Invalid 'prompt': empty string. Expected a string with minimum length 1."
        raise Refused(wrong_value("prompt", short, "empty_string"))
    if len(value) > dialect.prompt_limit:
        long = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length {dialect.prompt_limit}, "
            f"but got a string with length {len(value)} instead."
        )
        raise Refused(wrong_value("prompt", long, "string_above_max_length"))
    return value


def _size(form: Form, model: MockModel, dialect: Dialect) -> tuple[int, int]:
    asked = form.fields.get("size")
    if asked is None or (asked == "auto" and dialect.size_auto):
        return AUTO_SIZE
    fixed = dialect.sizes or (None if model.flexible else THREE)
    if fixed and asked not in fixed:
        raise Refused(bad_value("size", asked, (*fixed, "auto") if dialect.size_auto else fixed))
    found = SIZE.fullmatch(str(asked))
    if not found:
        raise Refused(wrong_value("size", f"Invalid size '{asked}'. Expected WIDTHxHEIGHT."))
    width, height = int(found[1]), int(found[2])
    if not fixed and (complaint := size_complaint(width, height)):
        raise Refused(wrong_value("size", f"Invalid size '{asked}'. {complaint}"))
    return width, height


def _shape(fields: dict[str, Any], dialect: Dialect) -> tuple[int, int]:
    """Say how large an image of a shape and an extent is."""
    shape, extent = fields.get("aspect_ratio", "auto"), fields.get("resolution", "1k")
    if shape not in dialect.shapes:
        raise Refused(bad_value("aspect_ratio", shape, tuple(dialect.shapes)))
    if extent not in EXTENTS:
        raise Refused(bad_value("resolution", extent, tuple(EXTENTS)))
    width, height = dialect.shapes[shape]
    return width * EXTENTS[extent], height * EXTENTS[extent]


def _quality(form: Form, model: MockModel, dialect: Dialect) -> str:
    asked = form.fields.get("quality", dialect.default_quality)
    asked = dialect.quality_names.get(asked, asked) if isinstance(asked, str) else asked
    if asked == "auto" and (dialect.quality_auto or "quality" not in form.fields):
        return model.auto_quality
    if asked not in model.qualities:
        known = (*model.qualities, *(("auto",) if dialect.quality_auto else ()), *dialect.quality_names)
        raise Refused(bad_value("quality", asked, known))
    return str(asked)


def _choice(form: Form, name: str, allowed: tuple[str, ...], otherwise: str) -> str:
    value = form.fields.get(name, otherwise)
    if value not in allowed:
        raise Refused(bad_value(name, value, allowed))
    return str(value)


def _whole(form: Form, name: str, low: int, high: int, otherwise: int) -> int:
    value: Any = form.fields.get(name)
    if value is None:
        return otherwise
    if form.multipart and isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if isinstance(value, bool) or not isinstance(value, int):
        wrong = f"Invalid type for '{name}': expected an integer, but got {type(value).__name__} instead."
        raise Refused(wrong_value(name, wrong, "invalid_type"))
    if value < low:
        below = f"Invalid '{name}': integer below minimum value. Expected a value >= {low}, but got {value} instead."
        raise Refused(wrong_value(name, below, "integer_below_min_value"))
    if value > high:
        above = f"Invalid '{name}': integer above maximum value. Expected a value <= {high}, but got {value} instead."
        raise Refused(wrong_value(name, above, "integer_above_max_value"))
    return value


def _compression(form: Form, output_format: str) -> int:
    value = _whole(form, "output_compression", 0, 100, 100)
    if value < 100 and output_format in {"png", "gif", "svg"}:
        wrong = f"Compression less than 100 is not supported for {output_format.upper()} output format."
        raise Refused(wrong_value("output_compression", wrong, "invalid_png_output_compression"))
    return value


def _background(form: Form, model: MockModel, output_format: str) -> str:
    asked = _choice(form, "background", ("transparent", "opaque", "auto"), "auto")
    if asked == "transparent" and output_format not in {"png", "webp"}:
        wrong = f"Transparent background is not supported for {output_format.upper()} output format."
        raise Refused(wrong_value("background", wrong))
    if asked == "transparent" and not model.transparent:
        wrong = f"Transparent background is not supported for the model '{model.name}'."
        raise Refused(wrong_value("background", wrong))
    if asked == "auto" and output_format != "jpeg" and "transparent background" in form.text("prompt").lower():
        return "transparent" if model.transparent else "opaque"
    return "opaque" if asked == "auto" else asked


def _fidelity(form: Form, model: MockModel) -> str | None:
    if "input_fidelity" not in form.fields:
        return None
    asked = _choice(form, "input_fidelity", ("low", "high"), "low")
    if asked not in model.fidelity:
        wrong = f"The model '{model.name}' does not support input_fidelity '{asked}'; leave the parameter out."
        raise Refused(wrong_value("input_fidelity", wrong, "invalid_input_fidelity_model"))
    return asked


def _images(kind: Kind, form: Form) -> tuple[InputImage, ...]:
    if kind in {Kind.EDIT, Kind.VARIATION} and not form.images:
        raise Refused(missing_parameter("image"))
    if len(form.images) > 16:
        wrong = f"Invalid 'image': array too long. Expected at most 16 images, but got {len(form.images)} instead."
        raise Refused(wrong_value("image", wrong, "array_above_max_length"))
    return tuple(input_image(upload, number, multipart=form.multipart) for number, upload in enumerate(form.images, 1))


def input_image(upload: Upload, number: int, *, multipart: bool) -> InputImage:
    """Read one reference image; Refused when it is none, or too large."""
    if multipart and upload.kind not in {"image/png", "image/jpeg", "image/webp"}:
        wrong = f"Invalid file 'image': unsupported mimetype ('{upload.kind or 'application/octet-stream'}')."
        also = " Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'."
        raise Refused(wrong_value("image", wrong + also, "unsupported_file_mimetype"))
    if len(upload.data) >= MOST_BYTES:
        raise Refused(error(413, "The image is too large: at most 50 MB.", "request_too_large", param="image"))
    if not upload.data and upload.url:
        return InputImage(upload, *AUTO_SIZE)
    try:
        with Image.open(BytesIO(upload.data), formats=("PNG", "JPEG", "WEBP")) as image:
            return InputImage(upload, *image.size)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as broken:
        raise Refused(bad_image(number)) from broken


def _animation(form: Form, output_format: str) -> tuple[int, int]:
    """Read frames and milliseconds of a gif; of another format there is one frame."""
    if output_format != "gif":
        _only(form, ("frame_count", "frame_duration_ms"), "gif")
        return 1, 200
    if form.fields.get("stream") in {True, "true"} or form.mask is not None:
        wrong = "GIF output does not support streaming or masks."
        raise Refused(wrong_value("output_format", wrong))
    return _whole(form, "frame_count", 2, 16, 9), _whole(form, "frame_duration_ms", 1, 655_350, 200)


def _written(form: Form, output_format: str) -> None:
    """Refuse what does not go with an SVG, and what goes with nothing else."""
    if output_format != "svg":
        _only(form, [name for name in form.fields if name == "svg" or name.startswith("svg[")], "svg")
    elif form.fields.get("n") not in {None, 1, "1"} or form.fields.get("stream") in {True, "true"}:
        wrong = "SVG output supports one image a request, and no streaming."
        raise Refused(wrong_value("output_format", wrong))


def _only(form: Form, names: Iterable[str], output_format: str) -> None:
    for name in names:
        if name in form.fields:
            wrong = f"'{name}' is only supported for output_format '{output_format}'."
            raise Refused(wrong_value(name, wrong))


def _mask(form: Form) -> InputImage | None:
    if form.mask is None:
        return None
    if len(form.mask.data) >= MASK_BYTES:
        raise Refused(error(413, "The mask is too large: at most 4 MB.", "request_too_large", param="mask"))
    return _laid(form, form.mask, "mask")


def _markup(form: Form, model: MockModel) -> InputImage | None:
    if form.markup is None:
        return None
    if not model.markup:
        raise Refused(unknown_parameter("markup"))
    if form.mask is not None:
        raise Refused(wrong_value("markup", "Use either 'mask' or 'markup', not both."))
    return _laid(form, form.markup, "markup")


def _laid(form: Form, upload: Upload, what: str) -> InputImage:
    """Read what lies on the first image: a PNG with an alpha channel, as large as the image."""
    laid = input_image(upload, 1, multipart=form.multipart)
    if upload.data:
        with Image.open(BytesIO(upload.data)) as image:
            sees_through = image.format == "PNG" and ("A" in image.getbands() or "transparency" in image.info)
        if not sees_through:
            raise Refused(_bad(what, f"the {what} must be a PNG with an alpha channel"))
    if form.images:
        first = input_image(form.images[0], 1, multipart=form.multipart)
        if first.upload.data and upload.data and (laid.width, laid.height) != (first.width, first.height):
            raise Refused(_bad(what, f"{what} size does not match image size"))
    return laid


def _bad(what: str, why: str) -> Any:
    wrong = f"Invalid {what} image format - {why}."
    return error(400, wrong, f"invalid_{what}_image_format", kind="image_generation_user_error", param=what)


def _partials(form: Form) -> int | None:
    return _whole(form, "partial_images", 0, 3, 0) if form.fields.get("stream") in (True, "true") else None


def _serves_variations(dialect: Dialect, config: MockConfig) -> bool:
    return dialect.gateway if config.variations is None else config.variations


def _retired_variations(model: str) -> Any:
    if model and not model.startswith("dall-e"):
        return wrong_value("model", f"Invalid value: '{model}'. Value must be 'dall-e-2'.")
    return retired_model("dall-e-2", "2026-05-12")
