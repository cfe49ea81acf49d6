"""What will be drawn, resolved: no `auto` left, every size in pixels."""

from dataclasses import dataclass
from enum import StrEnum

from batchgen.mock.form import Upload
from batchgen.mock.models import MockModel


class Kind(StrEnum):
    """Which endpoint was asked."""

    GENERATE = "generate"
    EDIT = "edit"
    VARIATION = "variation"
    CHAT = "chat"
    CONTENT = "content"


class Look(StrEnum):
    """Whether images are drawn as asked or spoilt on purpose."""

    FINE = "fine"
    BLANK = "blank"
    TRUNCATED = "truncated"
    SVG = "svg"
    HTML = "html"
    BOMB = "bomb"
    CHECKERBOARD = "checkerboard"
    ZERO = "zero"
    NO_WIDTH = "no_width"
    NO_DATA = "no_data"
    NO_END = "no_end"
    CUT = "cut"
    HEAD_ONLY = "head_only"
    AVIF = "avif"
    HEIC = "heic"


@dataclass(frozen=True, slots=True)
class InputImage:
    """A reference image as it counts: its bytes and pixels."""

    upload: Upload
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """One call.

    `n` images were asked, `deliver` come, `withheld` slots do not. `call` counts the calls of this prompt from 0.
    `created` is the second in which it came. `file_format` and `pixels` are what is really drawn where that is not
    what the answer says.
    """

    kind: Kind
    model: MockModel
    prompt: str
    n: int
    deliver: int
    width: int
    height: int
    quality: str
    output_format: str
    file_format: str
    compression: int = 100
    background: str = "auto"
    fidelity: str | None = None
    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    markup: InputImage | None = None
    frames: int = 1
    frame_ms: int = 200
    answers: str = "b64_json"  # url, b64_json; of a chat also images (beside its words) and none
    call: int = 0
    look: Look = Look.FINE
    pixels: tuple[int, int] | None = None
    echo_model: str | None = None
    withheld: tuple[int, ...] = ()
    partial_images: int | None = None
    created: int = 0

    @property
    def size(self) -> str:
        """The size as the answer says it."""
        return f"{self.width}x{self.height}"
