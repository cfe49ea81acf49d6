"""One attempt over a real socket, from request to images on disk."""

import base64
import hashlib
import json
from typing import Any

import pytest

from batchgen.model import Charge, Mismatch, Phase, Remedy


async def test_a_image_arrives_byte_for_byte(world: Any, kit: Any) -> None:
    """The stored bytes are the bytes received, under the extension of their real format."""
    data = kit.image(kind="JPEG")
    receipt = await world.execute(world.attempt(), kit.response(kit.answer(data)))
    assert receipt.phase is Phase.COMPLETE
    assert (receipt.verdict.charge, receipt.verdict.remedy, receipt.verdict.code) == (Charge.YES, Remedy.NONE, "ok")
    (stored,) = receipt.images
    assert stored.path == "images/dot-0.jpg"
    assert world.file(stored.path) == data
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert (stored.width, stored.height, stored.format, stored.bytes) == (64, 48, "jpeg", len(data))


async def test_the_request_is_what_the_user_set(world: Any, kit: Any) -> None:
    """Model, prompt, n and the user's parameters go out, and nothing else."""
    attempt = world.attempt(2, params={"size": "1024x1024", "output_compression": "80", "output_format": "webp"})
    await world.execute(attempt, kit.response(kit.answer(kit.image())))
    (seen,) = world.server.seen
    assert (seen.method, seen.target) == ("POST", "/v1/images/generations")
    assert seen.json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "a red dot",
        "n": 2,
        "size": "1024x1024",
        "output_compression": 80,
        "output_format": "webp",
    }
    assert seen.headers["authorization"] == f"Bearer {kit.key}"
    assert seen.headers["x-client-request-id"] == attempt.id
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("batchgen/")


async def test_slots_are_filled_in_order_and_shortage_is_named(world: Any, kit: Any) -> None:
    """Four were asked, a null and an empty entry came between two images: two slots are filled, two say why not."""
    one, two = kit.image(colour="red"), kit.image(colour="blue")
    body = json.loads(kit.answer(one, None, two))
    body["data"].insert(1, {"b64_json": ""})
    receipt = await world.execute(world.attempt(4, slots=(3, 5, 6, 7)), kit.response(json.dumps(body).encode()))
    assert [p.slot for p in receipt.images] == [3, 5]
    assert [world.file(p.path) for p in receipt.images] == [one, two]
    assert receipt.missing == ((6, "empty"), (7, "null"))
    assert receipt.verdict.charge is Charge.YES


async def test_extra_images_are_kept_aside(world: Any, kit: Any) -> None:
    """More images than asked: the asked one is stored, the other waits in quarantine with a note."""
    one, two = kit.image(colour="red"), kit.image(colour="blue")
    receipt = await world.execute(world.attempt(), kit.response(kit.answer(one, two)))
    assert len(receipt.images) == 1
    assert not receipt.missing
    assert receipt.quarantine
    assert world.file(f"{receipt.quarantine}/0.part") == two
    assert "more images" in world.file(f"{receipt.quarantine}/why.json").decode()


async def test_usage_and_echo_are_read(world: Any, kit: Any) -> None:
    """What the answer counts and echoes is in the receipt, with the request's id."""
    body = kit.answer(kit.image(), model="gpt-image-2.5-flare", quality="low")
    receipt = await world.execute(world.attempt(), kit.response(body))
    assert receipt.usage
    assert (receipt.usage.text_in, receipt.usage.image_in, receipt.usage.output) == (9, 0, 196)
    assert (receipt.echo.model, receipt.echo.quality, receipt.echo.size) == ("gpt-image-2.5-flare", "low", "64x48")
    assert receipt.request_id == "req_1"


async def test_what_is_not_as_asked_is_flagged(world: Any, kit: Any) -> None:
    """Size, format and missing transparency are flagged, and the image is kept."""
    asked = {"size": "1024x1024", "output_format": "webp", "background": "transparent"}
    receipt = await world.execute(world.attempt(params=asked), kit.response(kit.answer(kit.image())))
    (stored,) = receipt.images
    assert stored.mismatches == (Mismatch.SIZE, Mismatch.FORMAT, Mismatch.ALPHA)
    assert stored.path == "images/dot-0.png"


async def test_an_address_is_handed_on(world: Any, kit: Any) -> None:
    """A result by address is in the receipt with its end, and is not fetched."""
    url = "https://pics.example/a.png?se=2026-12-01T00%3A00%3A00Z&sig=a%2Bb%2Fc%3D"
    body = json.dumps({"created": 1, "data": [{"url": url, "b64_json": None}]}).encode()
    receipt = await world.execute(world.attempt(), kit.response(body))
    (remote,) = receipt.remote
    assert (remote.slot, remote.url) == (0, url)
    assert remote.expires
    assert remote.expires.isoformat() == "2026-12-01T00:00:00+00:00"
    assert receipt.verdict.charge is Charge.YES
    assert world.server.connections == 1


async def test_the_spool_stays_until_the_call_is_settled(world: Any, kit: Any) -> None:
    """Paid bytes can be finished from the spool until the ledger has them."""
    attempt = world.attempt()
    await world.execute(attempt, kit.response(kit.answer(kit.image())))
    assert (world.root / "spool" / attempt.id / "answer.json").exists()
    executor = await world.opened()
    await executor.forget(attempt.id)
    await executor.forget(attempt.id)
    assert not (world.root / "spool" / attempt.id).exists()


async def test_a_image_in_the_way_steps_aside(world: Any, kit: Any) -> None:
    """A redrawn job's old image moves to `superseded/`, with the key in its name."""
    old, new = kit.image(colour="red"), kit.image(colour="blue")
    await world.execute(world.attempt(), kit.response(kit.answer(old)))
    receipt = await world.execute(world.attempt(replaces="cd" * 32), kit.response(kit.answer(new)))
    (stored,) = receipt.images
    assert stored.replaces == "superseded/dot-0.cdcdcdcdcdcd.png"
    assert world.file(stored.replaces) == old
    assert world.file(stored.path) == new


async def test_quarantine_holds_no_key(world: Any, kit: Any) -> None:
    """A page that repeats the request, key and all, is kept without the key in any spelling."""
    echoed = f"Bearer {kit.key} {base64.b64encode(kit.key.encode()).decode()}".encode()
    receipt = await world.execute(world.attempt(), kit.response(b"<html>" + echoed + b"</html>"))
    kept = b"".join(path.read_bytes() for path in (world.root / receipt.quarantine).iterdir())
    assert b"<html>Bearer ***" in kept
    assert kit.key.encode() not in kept
    assert base64.b64encode(kit.key.encode()) not in kept


@pytest.mark.parametrize("name", ["X-A\r\nX-B", "X A", "X-Ä", ""])
async def test_a_header_that_cannot_be_sent_is_no_risk(world: Any, kit: Any, name: str) -> None:
    """A fault of ours before the request means that nothing left: not sent, and the job alone fails."""
    world.like(idempotency_header=name or "\n")
    receipt = await world.execute(world.attempt(), kit.response(kit.answer(kit.image())))
    assert (receipt.verdict.charge, receipt.phase) == (Charge.NO, Phase.NOT_CONNECTED)
    assert receipt.verdict.remedy is Remedy.FAIL_JOB
    assert "cannot be sent" in receipt.verdict.message
    assert not world.server.seen
