"""What a server can do on the wire: each fault ends in one receipt with the right charge, and never in an exception."""

import asyncio
import base64
import itertools
import json
import socket
import zlib
from typing import Any

import pytest

from batchgen.executor.body import Body
from batchgen.model import Charge, Phase, Remedy

pytestmark = pytest.mark.sample(4)

NO, MAYBE, YES = Charge.NO, Charge.MAYBE, Charge.YES
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"


def chunk(data: Any) -> Any:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def reset() -> Any:
    """Return a reply that resets the connection."""

    async def reply(writer: Any, _: Any) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    return reply


def stalls(data: Any = b"") -> Any:
    """Return a reply that sends something and then nothing."""

    async def reply(writer: Any, _: Any) -> None:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(30)

    return reply


def check(receipt: Any, charge: Any, remedy: Any, code: Any = None, phase: Any = None) -> None:
    """One receipt, judged."""
    verdict = receipt.verdict
    assert (verdict.charge, verdict.remedy) == (charge, remedy), verdict
    assert code is None or verdict.code == code
    assert phase is None or receipt.phase is phase


async def test_nobody_listens(world: Any) -> None:
    """A refused connection was never sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        world.like(base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1")
        check(await world.execute(world.attempt()), NO, Remedy.RESEND, "connect", Phase.NOT_CONNECTED)


async def test_an_unknown_name(world: Any) -> None:
    """A name that does not resolve was never sent."""
    world.like(base_url="http://nothing.invalid/v1")
    check(await world.execute(world.attempt()), NO, Remedy.RESEND, "dns", Phase.NOT_CONNECTED)


async def test_plain_text_where_tls_belongs(world: Any) -> None:
    """A server that does not speak TLS gets no key and stops the run."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    world.like(base_url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    receipt = await world.execute(world.attempt())
    server.close()
    check(receipt, NO, Remedy.STOP_ACCOUNT, "tls", Phase.NOT_CONNECTED)


async def test_a_connection_that_never_opens(world: Any) -> None:
    """The time to connect is bounded by itself."""
    from batchgen.executor.local import Wires

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        await asyncio.sleep(0.05)
        world.like(base_url=f"http://127.0.0.1:{full.getsockname()[1]}/v1")
        await world.opened(wires=Wires(connect_seconds=0.3))
        receipt = await world.execute(world.attempt())
        for one in waiting:
            one.close()
    check(receipt, NO, Remedy.RESEND, "connect_timeout", Phase.NOT_CONNECTED)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_read_and_gone(world: Any, kit: Any, how: Any) -> None:
    """A server that read the request and hung up may have drawn it."""
    receipt = await world.execute(world.attempt(), kit.sends(b"") if how == "close" else reset())
    check(receipt, MAYBE, Remedy.UNCERTAIN, "disconnected", Phase.HANDED_OVER)
    assert len(world.server.seen) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    ],
)
async def test_no_http_at_all(world: Any, garbage: Any) -> None:
    """An answer that cannot be read says nothing about the charge, whatever status a library makes of it."""
    check(await world.execute(world.attempt(), garbage), MAYBE, Remedy.UNCERTAIN, phase=Phase.HANDED_OVER)


async def test_a_long_header_does_not_cost_the_answer(world: Any, kit: Any) -> None:
    """Headers of some kilobytes are read."""
    data = kit.response(kit.answer(kit.image()), Set_Cookie="x" * 20_000)
    receipt = await world.execute(world.attempt(), data)
    check(receipt, YES, Remedy.NONE, "ok")
    assert all(name != "set-cookie" for name, _ in receipt.headers)


async def test_silence(world: Any) -> None:
    """No answer within the deadline, counted from hand-over."""
    receipt = await world.execute(world.attempt(deadline=0.2), stalls())
    check(receipt, MAYBE, Remedy.UNCERTAIN, "timeout", Phase.HANDED_OVER)
    assert receipt.seconds >= 0.2


async def test_a_body_that_stalls_after_one_image(world: Any, kit: Any) -> None:
    """What was whole before the deadline is kept; the rest is named."""
    body = kit.answer(kit.image(colour="red"), kit.image(colour="blue"))
    data = kit.response(body)[: -len(body) // 3]
    receipt = await world.execute(world.attempt(2, deadline=0.2), stalls(data))
    check(receipt, YES, Remedy.NONE, "timeout", Phase.STATUS_SEEN)
    assert [p.slot for p in receipt.images] == [0]
    assert receipt.missing == ((1, "truncated"),)


async def test_headers_and_then_nothing(world: Any, kit: Any) -> None:
    """A success that stalls before its body was charged."""
    receipt = await world.execute(world.attempt(deadline=0.2), stalls(kit.response(b"", length=500)))
    check(receipt, YES, Remedy.UNCERTAIN, "timeout", Phase.STATUS_SEEN)


async def test_drops_for_ever(world: Any) -> None:
    """A server that drips ends at the deadline."""

    async def drips(writer: Any, _: Any) -> None:
        writer.write(CHUNKED)
        while True:
            writer.write(chunk(b" "))
            await writer.drain()
            await asyncio.sleep(0.02)

    receipt = await world.execute(world.attempt(deadline=0.2), drips)
    check(receipt, YES, Remedy.UNCERTAIN, "timeout")


async def test_a_whole_answer_on_a_line_that_stays_open(world: Any, kit: Any) -> None:
    """Once the JSON is whole nothing is waited for."""
    data = CHUNKED + chunk(kit.answer(kit.image()))
    receipt = await world.execute(world.attempt(deadline=5), stalls(data))
    check(receipt, YES, Remedy.NONE, "ok", Phase.COMPLETE)
    assert receipt.seconds < 5, "its deadline"


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 0.9, 0.999])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_body_cut_off(world: Any, kit: Any, share: Any, framing: Any) -> None:
    """An answer that breaks off was charged; it never becomes an image, and what came of it is kept."""
    body = kit.answer(kit.image())
    end = body.index(b'"}]')
    part = body[: int(end * share)]
    data = {
        "length": kit.response(part, length=len(body)),
        "chunked": CHUNKED + (chunk(part) if part else b""),
        "close": b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + part,
    }[framing]
    receipt = await world.execute(world.attempt(), data)
    check(receipt, YES, Remedy.UNCERTAIN, "empty_body" if framing == "close" and not part else "truncated")
    assert not receipt.images
    assert bool(receipt.quarantine) == bool(part)
    assert not (world.root / "images").exists()


async def test_a_cut_answer_keeps_its_whole_images(world: Any, kit: Any) -> None:
    """Two of three came whole before the relay broke off."""
    images = [kit.image(colour=c) for c in ("red", "green", "blue")]
    body = kit.answer(*images)
    data = kit.response(body[: body.rindex(b"b64_json") + 100], length=len(body))
    receipt = await world.execute(world.attempt(3), data)
    check(receipt, YES, Remedy.NONE, "truncated")
    assert [world.file(p.path) for p in receipt.images] == images[:2]
    assert receipt.missing == ((2, "truncated"),)
    assert receipt.usage is None
    assert receipt.quarantine


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_text_without_padding_is_not_a_text_that_was_cut(world: Any, kit: Any, kind: Any) -> None:
    """Whether both end between two quanta or not: an image that has its own end is whole, one that lacks it missing."""
    image = kit.image(kind=kind)
    lengths = [len(image) * 8 // 10 + more for more in range(3)]
    everything = [*(image + bytes(more) for more in range(3)), *(image[:length] for length in lengths)]
    for slot, data in enumerate(everything):
        padded = base64.b64encode(data)
        text = padded.rstrip(b"=")
        receipt = await world.execute(
            world.attempt(slots=(slot,)), kit.response(kit.answer(data).replace(padded, text))
        )
        if data.startswith(image):
            assert world.file(receipt.images[0].path) == data
        else:
            assert receipt.missing == ((slot, "truncated"),)
            assert receipt.quarantine


async def test_a_wrong_length_after_a_whole_answer(world: Any, kit: Any) -> None:
    """More was promised than came, but the answer is whole."""
    body = kit.answer(kit.image())
    check(await world.execute(world.attempt(), kit.response(body, length=len(body) + 99)), YES, Remedy.NONE, "ok")


async def test_one_byte_at_a_time(world: Any, kit: Any) -> None:
    """However the network cuts it, it is the same answer."""
    data = kit.image()
    receipt = await world.execute(world.attempt(), kit.sends(kit.response(kit.answer(data)), piece=7))
    assert world.file(receipt.images[0].path) == data


async def test_hundred_continues(world: Any, kit: Any) -> None:
    """Interim answers are passed over."""
    data = b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + kit.response(kit.answer(kit.image()))
    check(await world.execute(world.attempt(), data), YES, Remedy.NONE, "ok")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(world: Any, kit: Any, status: Any) -> None:
    """The request and the key go nowhere else; the place is named."""
    elsewhere = kit.response(b"", status=f"{status} Moved", Location=f"{world.server.url}/elsewhere")
    receipt = await world.execute(world.attempt(), elsewhere)
    check(receipt, NO, Remedy.STOP_CONFIG, f"http_{status}")
    assert "/elsewhere" in receipt.verdict.message
    assert world.server.connections == 1


@pytest.mark.parametrize("window", [31, 15, -15])
async def test_packed_answers_are_read(world: Any, kit: Any, window: int) -> None:
    """A gateway that compresses unasked is understood."""
    data = kit.image()
    name = "gzip" if window == 31 else "deflate"
    receipt = await world.execute(
        world.attempt(), kit.response(zlib.compress(kit.answer(data), wbits=window), Content_Encoding=name)
    )
    assert world.file(receipt.images[0].path) == data


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "utf-8", "none", "aws-chunked"])
@pytest.mark.parametrize("piece", [0, 1])
async def test_an_answer_that_is_not_packed_is_read_whatever_is_said_of_it(
    world: Any, kit: Any, name: str, piece: int
) -> None:
    """A gateway that unpacks and leaves the header, or writes something else into it."""
    data = kit.image()
    sent = kit.response(kit.answer(data), Content_Encoding=name)
    receipt = await world.execute(world.attempt(), kit.sends(sent, piece))
    assert world.file(receipt.images[0].path) == data


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("piece", [0, 1])
async def test_an_answer_that_is_packed_is_read_though_nothing_says_so(
    world: Any, kit: Any, members: int, piece: int
) -> None:
    """A gateway that takes the header away and leaves the body, in one member or in several."""
    data = kit.image()
    text = kit.answer(data)
    cuts = [len(text) * at // members for at in range(members + 1)]
    packed = b"".join(zlib.compress(text[a:b], wbits=31) for a, b in itertools.pairwise(cuts))
    receipt = await world.execute(world.attempt(), kit.sends(kit.response(packed), piece))
    assert world.file(receipt.images[0].path) == data


async def test_a_refusal_is_read_however_it_is_packed(world: Any, kit: Any) -> None:
    """Packed and not said, or said and not packed: its words decide."""
    words = json.dumps({"error": {"message": "no", "code": "insufficient_quota"}}).encode()
    for body, name in ((zlib.compress(words, wbits=31), ""), (words, "gzip"), (words, "br")):
        refusal = kit.response(body, status="400 Bad Request", Content_Encoding=name)
        check(await world.execute(world.attempt(), refusal), NO, Remedy.STOP_ACCOUNT, "insufficient_quota")


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_long_refusal_that_is_packed_is_not_called_damaged(size: int) -> None:
    """Its beginning is kept, and nothing is unpacked twice."""
    body = Body(503, "gzip", pytest.fail)
    body.take(zlib.compress(b"x" * size, wbits=31))
    assert (body.close().text, body.trouble) == (b"x" * (1 << 20), None)


@pytest.mark.parametrize(("body", "name"), [(b"not gzip at all", "gzip"), (b"xyz", "br"), (b"xyz", "gzip, gzip")])
async def test_answers_that_cannot_be_unpacked(world: Any, kit: Any, body: Any, name: Any) -> None:
    """They were charged, and what came is kept."""
    receipt = await world.execute(world.attempt(), kit.response(body, Content_Encoding=name))
    check(receipt, YES, Remedy.UNCERTAIN, "content_encoding")
    assert world.file(f"{receipt.quarantine}/0.part") == body


@pytest.mark.sample(1)
@pytest.mark.parametrize("inside", ['{"p":"', '{"data":[{"b64_json":"', "[", " ", '{"data":[{"b64_json":"!'])
async def test_bombs(world: Any, kit: Any, inside: Any) -> None:
    """A small packed body that unfolds without end is cut at the cap and was charged."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(inside.encode()) + b"".join(packer.compress(b"A" * (1 << 20)) for _ in range(160))
    bomb += packer.flush()
    receipt = await world.execute(world.attempt(), kit.response(bomb, Content_Encoding="gzip"))
    check(receipt, YES, Remedy.UNCERTAIN)
    assert receipt.verdict.code in {"answer_too_large", "truncated", "undecodable"}
    assert receipt.quarantine


@pytest.mark.parametrize(
    ("body", "charge", "remedy", "code"),
    [
        (b"", YES, Remedy.UNCERTAIN, "empty_body"),
        (b"<html>busy</html>", MAYBE, Remedy.UNCERTAIN, "html"),
        (b"upstream error", MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
        (b"{]", YES, Remedy.UNCERTAIN, "truncated"),
        (b'{"data": nonsense}', YES, Remedy.UNCERTAIN, "undecodable"),
        (b"[" * 100_000, YES, Remedy.UNCERTAIN, "answer_too_deep"),
        (b"null", MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
        (b"{}", MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
        (b"[]", MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
        (b'{"data": []}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": null}', MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
        (b'{"data": "x"}', MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
        (b'{"data": [null]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": [{}]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": [{"b64_json": ""}]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": [{"b64_json": null, "url": ""}]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": [{"b64_json": "not base64!"}]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": [{"b64_json": "QUJDREVG"}]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": [{"b64_json": 0}]}', YES, Remedy.EMPTY, "empty"),
        (b'{"data": ["ftp://x/y"]}', YES, Remedy.EMPTY, "empty"),
        (b'{"error": {"code": "server_error"}}', MAYBE, Remedy.UNCERTAIN, "server_error"),
        (b'{"error": "it broke"}', MAYBE, Remedy.UNCERTAIN, "error_in_answer"),
        (b'{"error": {"type": "x_api_error", "code": "convert_request_failed"}}', MAYBE, Remedy.UNCERTAIN, None),
        (b'{"code": 500, "message": "upstream"}', MAYBE, Remedy.UNCERTAIN, "unknown_answer"),
    ],
)
@pytest.mark.parametrize("n", [1, 4])
async def test_a_200_without_a_picture(
    world: Any, kit: Any, body: Any, charge: Any, remedy: Any, code: Any, n: Any
) -> None:
    """Nothing usable came: it counts as charged, or perhaps charged, and no file appears."""
    receipt = await world.execute(world.attempt(n), kit.response(body))
    check(receipt, charge, remedy, code, Phase.COMPLETE)
    assert not receipt.images
    assert len(receipt.missing) == n
    assert not (world.root / "images").exists()
    assert bool(receipt.quarantine) == bool(body)
    if body:
        assert receipt.quarantine.startswith("quarantine/")
        why = json.loads(world.file(f"{receipt.quarantine}/why.json"))
        assert why["status"] == 200


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        ({"b64_json": None, "url": "IMAGE"}, 1),
        ({"b64_json": "", "url": "IMAGE"}, 1),
        ({"b64_json": "PREFIXED"}, 1),
        ({"url": {"url": "IMAGE"}}, 1),
        ({"image_url": {"url": "IMAGE"}}, 1),
    ],
)
async def test_images_in_odd_places(world: Any, kit: Any, entry: Any, count: Any) -> None:
    """An image is found wherever gateways put it."""
    import base64

    data = kit.image()
    text = "data:image/png;base64," + base64.b64encode(data).decode()
    filled = json.loads(json.dumps(entry).replace("IMAGE", text).replace("PREFIXED", text))
    receipt = await world.execute(world.attempt(), kit.response(json.dumps({"data": [filled]}).encode()))
    assert len(receipt.images) == count
    assert world.file(receipt.images[0].path) == data


async def test_an_error_answer_is_read_to_a_bound(world: Any, kit: Any) -> None:
    """An endless error body neither fills memory nor hides the status."""

    async def endless(writer: Any, _: Any) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(chunk(b"x" * 65536))
            await writer.drain()

    check(await world.execute(world.attempt(), endless), MAYBE, Remedy.UNCERTAIN, "http_500")


async def test_a_loop_that_was_busy_loses_nothing(world: Any, kit: Any) -> None:
    """Answers that had arrived while the event loop was blocked past the deadline are taken."""
    import time

    async def late(writer: Any, _: Any) -> None:
        await asyncio.sleep(0.1)
        writer.write(kit.response(kit.answer(kit.image())))

    world.server.reply = late
    executor = await world.opened()

    async def stall() -> None:
        await asyncio.sleep(0.2)
        time.sleep(0.6)  # noqa: ASYNC251 - the stall is the point

    attempts = [world.attempt(deadline=0.4) for _ in range(8)]
    receipts, _ = await asyncio.gather(executor.execute(attempts), stall())
    assert [r.verdict.code for r in receipts] == ["ok"] * 8


async def test_cancelled_from_above(world: Any) -> None:
    """A cancelled attempt ends at once and leaves no task behind."""
    executor = await world.opened()
    world.server.reply = stalls()
    task = asyncio.ensure_future(executor.execute([world.attempt()]))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert all("execute" not in repr(t) and "post" not in repr(t) for t in others)


async def test_the_key_is_nowhere(world: Any, kit: Any) -> None:
    """A server that echoes the key in headers and words does not get it into the receipt or the folder."""
    echo = json.dumps({"error": {"code": "invalid_api_key", "message": f"bad key {kit.key}"}}).encode()
    data = kit.response(echo, status="401 No", Server=kit.key)
    receipt = await world.execute(world.attempt(), data)
    check(receipt, NO, Remedy.PROBE_ACCOUNT)
    assert "CANARY" not in repr(receipt)
    broken = f"oops {kit.key}".encode()
    receipt = await world.execute(world.attempt(), kit.response(broken, Server=kit.key))
    assert "CANARY" not in repr(receipt)
    assert "CANARY" not in world.file(f"{receipt.quarantine}/why.json").decode()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("stays", [True, False])
async def test_a_status_without_a_body_is_an_answer_whatever_length_it_tells(
    world: Any, status: str, *, stays: bool
) -> None:
    """Nothing more is waited for: the length is that of a body which another answer would have had."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n".encode()

    async def reply(writer: Any, _: Any) -> None:
        writer.write(head)
        await writer.drain()
        if stays:
            await asyncio.sleep(30)

    world.server.reply = reply
    receipt = await world.execute(world.attempt())
    assert receipt.status == int(status[:3])
    assert receipt.verdict.code != "ok"
