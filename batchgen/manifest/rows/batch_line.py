"""Lines for the vendor's Batch API, with `custom_id`, `url` and `body`: read as the words of a manifest."""

from collections.abc import Mapping
from typing import Any

from batchgen.manifest.names import REQUEST, did_you_mean, shown

_OPERATIONS = {
    "/v1/images/generations": "generate",
    "/v1/images/edits": "edit",
    "/v1/images/variations": "variation",
}
_AS_WE_DO = frozenset({"stream", "partial_images"})
"""Words of the body that say how an answer comes, and nothing of what is drawn."""


def is_one(members: Mapping[str, Any]) -> bool:
    """Whether an object is a line for the Batch API."""
    return "custom_id" in members and isinstance(members.get("body"), dict)


def words(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of a request that a line asks for; ValueError where it asks for no image."""
    url = str(members.get("url") or "/v1/images/generations")
    operation = next((meant for path, meant in _OPERATIONS.items() if url.endswith(path.removeprefix("/v1"))), None)
    if operation is None:
        raise ValueError(f"the url {shown(url)} draws no images; here it is one of {', '.join(_OPERATIONS)}")
    found: dict[str, Any] = {"id": members["custom_id"], "operation": operation}
    for name, value in members["body"].items():
        if name in _AS_WE_DO:
            continue
        if name not in REQUEST or name in found:
            raise ValueError(f"{shown(name)} in `body` is not known{did_you_mean(name, REQUEST)}")
        found[name] = _image_words(value) if name in {"image", "images", "mask"} else value
    return found


def _image_words(value: Any) -> Any:
    """Input images as a manifest names them: the vendor's own form is an object with an address."""
    if isinstance(value, list):
        return [_image_words(item) for item in value]
    if isinstance(value, dict):
        address = value.get("image_url") or value.get("url")
        if not isinstance(address, str):
            raise ValueError("an input image in `body` is an address or a file; uploaded ids are not known here")  # noqa: TRY004
        return address
    return value
