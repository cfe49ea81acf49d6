"""What came for money is kept whole, once, whatever it is; and no answer holds more open files than it has images."""

import gzip
import json
from typing import Any

import pytest

from batchgen.model import Charge, Remedy

SIZE = 3 * 1024 * 1024


def kept(world: Any, receipt: Any) -> list[bytes]:
    """Every part in the quarantine of a receipt."""
    folder = world.root / receipt.quarantine
    return [path.read_bytes() for path in sorted(folder.glob("*.part"))]


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("encoding", ["", "br", "zstd"])
async def test_bytes_that_nobody_can_read_are_kept_whole_and_once(world: Any, kit: Any, encoding: str, n: int) -> None:
    """An archive, or a packing that is not understood, with a large image in it."""
    data = b"PK\x03\x04" + bytes(range(256)) * (SIZE // 256)
    head = {"Content_Encoding": encoding} if encoding else {}
    receipt = await world.execute(world.attempt(n), kit.response(data, **head))
    assert not receipt.images
    assert [part for part in kept(world, receipt) if len(part) > 1024] == [data]


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("beside", ["", "\\u00e9"])
async def test_an_address_under_the_name_of_base64_is_an_address(world: Any, kit: Any, piece: int, beside: str) -> None:
    """A gateway that pays no heed to how images were asked for; whatever else stands in the answer."""
    body = f'{{"data": [{{"b64_json": "{world.server.url}/a.png", "revised_prompt": "{beside}"}}]}}'.encode()
    receipt = await world.execute(world.attempt(), kit.sends(kit.response(body), piece))
    assert [one.url for one in receipt.remote] == [f"{world.server.url}/a.png"]
    assert receipt.verdict.code == "ok"


async def test_an_image_under_names_that_nobody_knows_is_an_image(world: Any, kit: Any) -> None:
    """Also a large one in lines of its own, deep below."""
    image = kit.image()
    text = json.loads(kit.answer(image))["data"][0]["b64_json"]
    body = json.dumps({"payload": {"blobs": [{"x": {"y": text}}]}}).encode()
    receipt = await world.execute(world.attempt(), kit.response(body))
    assert world.file(receipt.images[0].path) == image
    assert (receipt.verdict.code, "payload.blobs.x.y" in receipt.verdict.message) == ("other_shape", True)


@pytest.mark.parametrize("name", ["input", "mask", "preview", "thumbnail"])
async def test_an_echo_of_what_was_sent_is_no_image(world: Any, kit: Any, name: str) -> None:
    """What stands under such a name is kept and not taken for the result."""
    text = json.loads(kit.answer(kit.image()))["data"][0]["b64_json"]
    body = json.dumps({"id": "t1", "status": "queued", name: {"image": text}}).encode()
    receipt = await world.execute(world.attempt(), kit.response(body))
    assert not receipt.images
    assert receipt.verdict.code == "unknown_answer"


@pytest.mark.parametrize("beside", [{}, {"data": []}])
@pytest.mark.parametrize("name", ["prompt_filter_results", "content_filter_results", "promptFilterResults"])
async def test_an_error_of_a_filter_is_none_of_the_answer(
    world: Any, kit: Any, name: str, beside: dict[str, Any]
) -> None:
    """A filter that was down says so beside the usage: the answer is one without images, and was charged."""
    down = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
    body = json.loads(kit.answer()) | {name: [{"prompt_index": 0, name: down}]}
    del body["data"]
    receipt = await world.execute(world.attempt(), kit.response(json.dumps(body | beside).encode()))
    assert (receipt.verdict.charge, receipt.verdict.remedy, receipt.verdict.code) == (Charge.YES, Remedy.EMPTY, "empty")
    assert receipt.usage


async def test_a_page_about_the_answer_is_no_image(world: Any, kit: Any) -> None:
    """Addresses under other names, or of a task that goes on, are not fetched."""
    for answer in (
        {"id": "t", "status": "processing", "output": ["https://example.com/a.png"]},
        {"id": "t", "urls": {"get": "https://example.com/t"}},
        {"docs": "https://example.com/errors"},
    ):
        receipt = await world.execute(world.attempt(), kit.response(json.dumps(answer).encode()))
        assert not receipt.remote
        assert receipt.verdict.code == "unknown_answer"


@pytest.mark.parametrize("n", [1, 4])
async def test_more_entries_than_anybody_asked_for_are_passed_over(world: Any, kit: Any, n: int) -> None:
    """Twelve hundred images for n: n are stored, a few more are kept, the others leave no file."""
    image = kit.image()
    receipt = await world.execute(world.attempt(n), kit.response(kit.answer(*[image] * 1200)))
    assert len(receipt.images) == n
    assert len(kept(world, receipt)) == 8


async def test_one_image_of_several_that_is_done_is_no_preview(world: Any, kit: Any) -> None:
    """Volcengine Ark names its events so: an image that is here, one that will not come, and what all of it took."""
    image = kit.image()
    told: list[Any] = [
        {"type": "partial_succeeded", "image_index": 0, **json.loads(kit.answer(image))["data"][0]},
        {"type": "partial_failed", "image_index": 1, "error": {"code": "OutputImageSensitiveContentDetected"}},
        {"type": "completed", "usage": {"input_tokens": 9, "output_tokens": 196, "total_tokens": 205}},
    ]
    lines = [f"event: image_generation.{event['type']}\ndata: {json.dumps(event)}\n\n" for event in told]
    receipt = await world.execute(world.attempt(2), kit.response("".join(lines).encode()))
    assert [(one.slot, world.file(one.path)) for one in receipt.images] == [(0, image)]
    assert ([slot for slot, _ in receipt.missing], receipt.usage.output) == ([1], 196)
    nothing = await world.execute(world.attempt(), kit.response("".join(lines[1:]).encode()))
    assert (nothing.images, nothing.verdict.code) == ((), "moderation_blocked")


@pytest.mark.parametrize("unpacked", ["partial", "whole"])
async def test_events_hold_an_image_in_whatever_pieces_they_come(world: Any, kit: Any, unpacked: str) -> None:
    """One byte at a time, or packed, the completed event is the image and its usage is read."""
    image = kit.image()
    entry = json.loads(kit.answer(image))["data"][0]
    preview = json.dumps(
        {"type": "image_generation.partial_image", **json.loads(kit.answer(kit.image(colour="red")))["data"][0]}
    )
    usage = {"input_tokens": 5, "output_tokens": 272, "total_tokens": 277}
    whole = json.dumps({"type": "image_generation.completed", **entry, "usage": usage})
    body = f"data: {preview}\r\n\r\n: ping\r\n\r\ndata: {whole}\r\n\r\n".encode()
    if unpacked == "whole":
        receipt = await world.execute(world.attempt(), kit.response(gzip.compress(body), Content_Encoding="gzip"))
    else:
        receipt = await world.execute(world.attempt(), kit.sends(kit.response(body), piece=7))
    assert [world.file(one.path) for one in receipt.images] == [image]
    assert receipt.usage.output == 272
    assert receipt.quarantine is None
