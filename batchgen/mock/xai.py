"""What sets xAI's Images API apart: a shape in place of a size, and errors that are a text."""

from types import MappingProxyType
from typing import Any

from batchgen.mock.reply import Refused, Reply, as_json, bad_value, told_error

SHAPES = MappingProxyType(
    {
        "1:1": (1024, 1024), "3:4": (896, 1200), "4:3": (1200, 896), "9:16": (768, 1376), "16:9": (1376, 768),
        "2:3": (848, 1264), "3:2": (1264, 848), "9:19.5": (704, 1520), "19.5:9": (1520, 704), "9:20": (688, 1520),
        "20:9": (1520, 688), "1:2": (720, 1440), "2:1": (1440, 720), "auto": (1024, 1024),
    }
)  # fmt: skip
SCALES = {"1k": 1, "2k": 2}
STATUS_WORDS = {429: "Some resource has been exhausted", 500: "The service is currently unavailable"}


def pixels(fields: dict[str, Any]) -> tuple[int, int]:
    """Say how large an image of a shape and an extent is."""
    shape, extent = fields.get("aspect_ratio", "auto"), fields.get("resolution", "1k")
    if shape not in SHAPES:
        raise Refused(bad_value("aspect_ratio", shape, tuple(SHAPES)))
    if extent not in SCALES:
        raise Refused(bad_value("resolution", extent, tuple(SCALES)))
    width, height = SHAPES[shape]
    return width * SCALES[extent], height * SCALES[extent]


def in_xai_words(reply: Reply) -> Reply:
    """Tell an error as xAI does; a key that it does not know is a wrong argument."""
    if (told := told_error(reply)) is None:
        return reply
    status = 400 if told.get("code") == "invalid_api_key" else reply.status
    words = STATUS_WORDS.get(status, "Client specified an invalid argument")
    return as_json(status, {"code": words, "error": str(told["message"])}, *reply.headers)
