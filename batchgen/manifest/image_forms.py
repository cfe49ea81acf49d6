"""What a manifest may say of images that are there: references on their way out, derivatives, and checks."""

from typing import Annotated

from pydantic import Field, model_validator

from batchgen.manifest.form import Bytes, Colour, Count, Edge, FileFormat, Form, PresetName, Share, Text
from batchgen.model import Fit, Metadata


class PrepareForm(Form):
    """How reference images are made smaller on their way out."""

    max_edge: Count | None = None
    format: FileFormat | None = None


class DerivativeForm(Form):
    """What is made of each stored image, below derivatives/NAME/; it costs nothing."""

    preset: PresetName | None = None
    """What a shop asks for; what is set beside it stands."""
    width: Edge | None = None
    height: Edge | None = None
    max_edge: Edge | None = None
    """Pixels of the longer side, at most."""
    fit: Fit | None = None
    """How it comes into width x height: contain, the default, cover, or pad with background."""
    background: Colour | None = None
    """The colour behind transparent pixels and around padded images, such as "#ffffff"."""
    format: FileFormat | None = None
    """png, jpeg or webp; without it, that of the image."""
    quality: Annotated[int, Field(ge=1, le=100)] | None = None
    max_bytes: Bytes | None = None
    """How large the file may be, such as 1 MB; the quality is lowered for it."""
    metadata: Metadata | None = None
    """drop, the default, or keep what the file says beside its pixels."""
    enlarge: bool | None = None
    """Whether a small image is made larger; never by default."""

    @model_validator(mode="after")
    def _one_size(self) -> "DerivativeForm":
        if self.max_edge is not None and (self.width is not None or self.height is not None):
            raise ValueError("give `max_edge`, or `width` and `height`, not both")
        if self.fit in {Fit.COVER, Fit.PAD} and (self.width is None or self.height is None) and not self.preset:
            raise ValueError(f"`fit: {self.fit}` needs `width` and `height`")
        return self


class BackgroundForm(Form):
    """The border has one colour."""

    color: Colour | None = None
    """`#ffffff`, the default, or another."""
    tolerance: Annotated[int, Field(ge=0, le=255)] | None = None
    """Steps of 256 by which a channel may differ; 8 by default."""


class MarginForm(Form):
    """The narrowest free edge around the object, as a share of the image's side, such as 0.04."""

    min: Share | None = None
    max: Share | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "MarginForm":
        if (self.min if self.min is not None else 0.0) > (self.max if self.max is not None else 1.0):
            raise ValueError("`min` is above `max`: no image can have such a margin")
        return self


class BlurForm(Form):
    """The sharpest edges of an image are sharp."""

    min: Annotated[float, Field(gt=0, le=256)] | None = None
    """Steps of 256; 10 by default."""


class DuplicateForm(Form):
    """Images that belong together do not look alike."""

    within: Text
    """The tag whose value they share, such as sku."""
    bits: Annotated[int, Field(ge=0, le=32)] | None = None
    """Of 64 bits of looks, at most so many differ between images that look alike; 6 by default."""


class ChecksForm(Form):
    """What is measured on every stored image; what fails is flagged."""

    background: BackgroundForm | None = None
    margin: MarginForm | None = None
    blur: BlurForm | None = None
    duplicate: DuplicateForm | None = None
