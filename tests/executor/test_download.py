"""Images that wait at an address: fetched from where they may be, resumed, and never drawn again."""

import asyncio
import gzip
import ipaddress
import socket
import struct
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from yarl import URL

from batchgen.executor.addresses import Origin, RefusedAddressError, Rules, is_public
from batchgen.executor.local import Wires
from batchgen.model import (
    Lost,
    Mismatch,
    Operation,
    Pending,
    Phase,
    Receipt,
    Remedy,
    RemoteImage,
    StoredImage,
    UrlImage,
)

BASE = URL("https://api.example.com/v1")


async def fetch(
    world: Any, url: str, expires: datetime | None = None, params: dict[str, str] | None = None
) -> StoredImage | Pending | Lost:
    """Try once."""
    executor = await world.opened()
    attempt = replace(world.attempt(slots=(2,), params=params or {}), id="a9")
    waiting = Pending(attempt.id, "", attempt=attempt, remote=RemoteImage(2, url, expires))
    came: Receipt | Pending | Lost
    (came,) = await executor.collect([waiting])
    if not isinstance(came, Receipt):
        return came
    (image,) = came.images
    return image


async def test_a_image_is_fetched_to_its_place(world: Any, kit: Any) -> None:
    """From the provider's own host, with the key, under the real extension."""
    data = kit.image(kind="WEBP")
    world.server.reply = kit.sends(kit.response(data))
    asked = {"output_format": "png"}
    found = await fetch(world, f"{world.server.url}/files/1.png?sig=%2B%2f+a&x=%C3%A9", params=asked)
    assert isinstance(found, StoredImage)
    assert (found.slot, found.path, found.format) == (2, "images/dot-2.webp", "webp")
    assert world.file(found.path) == data
    assert found.mismatches == (Mismatch.FORMAT,)
    (seen,) = world.server.seen
    assert seen.method == "GET"
    assert seen.target == "/v1/files/1.png?sig=%2B%2f+a&x=%C3%A9"
    assert seen.headers["authorization"] == f"Bearer {kit.key}"
    await world.executor.forget("a9")
    assert not list((world.root / "spool").iterdir())


async def test_an_address_without_a_host_is_the_providers_own(world: Any, kit: Any) -> None:
    """Whoever serves images itself may leave its name away; what was paid for is fetched, with the key."""
    data = kit.image()
    world.server.reply = kit.sends(kit.response(data))
    found = await fetch(world, "/files/1.png?sig=%2B")
    assert isinstance(found, StoredImage)
    assert world.file(found.path) == data
    (seen,) = world.server.seen
    assert (seen.target, seen.headers["authorization"]) == ("/files/1.png?sig=%2B", f"Bearer {kit.key}")


@pytest.mark.parametrize("packed", [True, False])
async def test_an_image_is_fetched_whatever_is_said_of_its_packing(world: Any, kit: Any, packed: bool) -> None:
    """Packed and not said, or said and not packed."""
    data = kit.image()
    sent = kit.response(gzip.compress(data)) if packed else kit.response(data, Content_Encoding="gzip")
    world.server.reply = kit.sends(sent)
    found = await fetch(world, f"{world.server.url}/files/1.png")
    assert isinstance(found, StoredImage)
    assert world.file(found.path) == data


@pytest.mark.parametrize(
    "query",
    ["a=%2B", "a=%2b", "a=%2F", "a=+", "a=%20", "a=b%3Dc", "a=%26", "a=b&a=c", "a=%7E~", "a=%25", "a=%C3%A9",
     "sig=a/b+c==", "a=;b", "a=%3A:@", "a=%27'", "a=(*)!", "a=,", "a=%0A", "a", "a=&b=", "a=é"],
)  # fmt: skip
async def test_a_signed_query_goes_out_byte_for_byte(world: Any, kit: Any, query: str) -> None:
    """A signature breaks when its address is spelled anew."""
    world.server.reply = kit.sends(kit.response(kit.image()))
    await fetch(world, f"{world.server.url}/p?{query}")
    assert world.server.seen[0].target.encode("latin-1") == f"/v1/p?{query}".encode()


@pytest.mark.parametrize(
    "answer",
    [
        "403 Forbidden",
        "404 Not Found",
        "410 Gone",
        "500 Oops",
        "503 Busy",
        "html",
        "short",
        "cut",
        "loop",
        "empty",
        "other",
    ],
)
async def test_a_failed_try_is_no_loss(world: Any, kit: Any, answer: str) -> None:
    """Whatever a download meets, it may be tried again, and nothing stands in the output folder."""
    data = kit.image()
    replies = {
        "html": kit.response(b"<html>wait</html>"),
        "short": kit.response(data[:-5], length=len(data)),
        "cut": b"HTTP/1.0 200 OK\r\n\r\n" + data[:-30],
        "loop": kit.response(b"", status="302 Found", Location=f"{world.server.url}/again"),
        "empty": kit.response(b""),
        "other": kit.response(data, status="206 Partial Content", Content_Range="bytes 5-9/99"),
    }
    world.server.reply = kit.sends(replies.get(answer, kit.response(b"", status=answer)))
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, Pending)
    assert not (world.root / "images").exists()
    assert all(seen.method == "GET" for seen in world.server.seen)
    assert len(world.server.seen) == (4 if answer == "loop" else 1)
    world.server.reply = kit.sends(kit.response(data))
    assert isinstance(await fetch(world, f"{world.server.url}/p"), StoredImage)


async def test_an_address_that_is_over_is_lost(world: Any, kit: Any) -> None:
    """Refused after its end: no later try can help."""
    world.server.reply = kit.sends(kit.response(b"", status="403 Forbidden"))
    found = await fetch(world, f"{world.server.url}/p", datetime(2020, 1, 1, tzinfo=UTC))
    assert isinstance(found, Lost)


async def test_a_broken_download_is_resumed(world: Any, kit: Any) -> None:
    """What came is not fetched twice when the server can tell that it is the same image."""
    data = kit.image(400, 400, colour="blue")

    async def reply(writer: Any, seen: Any) -> None:
        start = seen.headers.get("range")
        if start is None:
            writer.write(kit.response(data[:100], length=len(data), ETag='"v1"'))
            return
        assert start == "bytes=100-"
        assert seen.headers["if-range"] == '"v1"'
        rest = kit.response(
            data[100:], status="206 Partial", Content_Range=f"bytes 100-{len(data) - 1}/{len(data)}", ETag='"v1"'
        )
        writer.write(rest)

    world.server.reply = reply
    assert isinstance(await fetch(world, f"{world.server.url}/p"), Pending)
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, StoredImage)
    assert world.file(found.path) == data


@pytest.mark.parametrize("said", [{}, {"Content_Encoding": "gzip"}])
async def test_a_download_is_resumed_whatever_its_next_bytes_look_like(world: Any, kit: Any, said: Any) -> None:
    """In the middle of an image, the first two bytes of an archive are no archive."""
    base = kit.image(400, 400, colour="blue")
    text = b"tEXta\0" + b"\x1f\x8b" * 50
    data = base[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + base[33:]
    start = data.index(b"\x1f\x8b")

    async def reply(writer: Any, seen: Any) -> None:
        if "range" not in seen.headers:
            writer.write(kit.response(data[:start], length=len(data), ETag='"v1"'))
            return
        there = f"bytes {start}-{len(data) - 1}/{len(data)}"
        writer.write(kit.response(data[start:], status="206 Partial", Content_Range=there, ETag='"v1"', **said))

    world.server.reply = reply
    assert isinstance(await fetch(world, f"{world.server.url}/p"), Pending)
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, StoredImage)
    assert world.file(found.path) == data


async def test_a_packed_download_that_breaks_off_is_fetched_anew(world: Any, kit: Any) -> None:
    """How much was unpacked does not say where the packed bytes go on."""
    data = kit.image(400, 400, colour="blue")
    packed = gzip.compress(data)

    async def reply(writer: Any, seen: Any) -> None:
        size = len(packed) if len(world.server.seen) > 1 else len(packed) - 20
        writer.write(kit.response(packed[:size], length=len(packed), ETag='"v1"', Content_Encoding="gzip"))

    world.server.reply = reply
    assert isinstance(await fetch(world, f"{world.server.url}/p"), Pending)
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, StoredImage)
    assert world.file(found.path) == data
    assert "range" not in world.server.seen[1].headers


async def test_a_changed_image_is_fetched_anew(world: Any, kit: Any) -> None:
    """A server that answers a range with the whole image is believed."""
    old, new = kit.image(400, 400, colour="blue"), kit.image(400, 400, colour="red")
    world.server.reply = kit.sends(kit.response(old[:100], length=len(old), ETag='"v1"'))
    await fetch(world, f"{world.server.url}/p")
    world.server.reply = kit.sends(kit.response(new, ETag='"v2"'))
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, StoredImage)
    assert world.file(found.path) == new


async def test_the_key_is_dropped_on_a_redirect(world: Any, kit: Any) -> None:
    """Also when the redirect leads back to the same place."""

    async def reply(writer: Any, seen: Any) -> None:
        first = len(world.server.seen) == 1
        there = kit.response(b"", status="302 Found", Location="/v1/there?a=%2F")
        writer.write(there if first else kit.response(kit.image()))

    world.server.reply = reply
    assert isinstance(await fetch(world, f"{world.server.url}/p"), StoredImage)
    first, second = world.server.seen
    assert "authorization" in first.headers
    assert "authorization" not in second.headers
    assert second.target == "/v1/there?a=%2F"


@dataclass
class Listener:
    """A port that must never be connected to."""

    connections: int = 0
    port: int = 0
    server: Any = field(default=None)

    async def start(self) -> None:
        """Listen."""

        async def count(_: Any, writer: Any) -> None:
            self.connections += 1
            writer.close()

        self.server = await asyncio.start_server(count, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]


@pytest.fixture
async def listener() -> Any:
    """Return a listener."""
    listener = Listener()
    await listener.start()
    yield listener
    listener.server.close()


HOSTS = [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::127.0.0.1]", "169.254.169.254", "2852039166", "0xa9fea9fe", "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "[fe80::1]", "[fc00::1]", "[ff02::1]", "198.18.0.1", "[2001:0::1]", "192.0.2.1", "127.0.0.1.",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_private_addresses_are_refused(world: Any, listener: Listener, host: str, scheme: str) -> None:
    """However it is spelled: no connection is made, and it is final."""
    world.like(base_url=f"https://api.example.com:{listener.port}/v1")
    found = await fetch(world, f"{scheme}://{host}:{listener.port}/latest/meta-data")
    assert isinstance(found, Lost)
    assert listener.connections == 0


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "gopher://x", "//x/y", "", "https://", "https://u:p@x/"]
)
async def test_other_schemes_are_refused(world: Any, url: str) -> None:
    """Only http and https, without a user name."""
    found = await fetch(world, url)
    assert isinstance(found, Lost)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_into_private_addresses_are_refused(
    world: Any, kit: Any, listener: Listener, status: int
) -> None:
    """The provider's own host is trusted, where it sends us is not."""
    world.server.reply = kit.sends(
        kit.response(b"", status=f"{status} Moved", Location=f"https://127.0.0.1:{listener.port}/x")
    )
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, Lost)
    assert listener.connections == 0


@pytest.mark.parametrize("hidden", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"])
async def test_rebinding_gains_nothing(world: Any, listener: Listener, hidden: str) -> None:
    """A public name with one private address is refused when it is resolved, once, for the connection itself."""
    asked = []

    async def lookup(host: str, port: int) -> list[tuple[Any, ...]]:
        asked.append(host)
        family = socket.AF_INET6 if ":" in hidden else socket.AF_INET
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        return [good, (family, socket.SOCK_STREAM, 6, "", (hidden, port))]

    world.like(base_url=f"https://api.example.com:{listener.port}/v1")
    await world.opened(wires=Wires(lookup=lookup))
    found = await fetch(world, f"https://pics.example.org:{listener.port}/x")
    assert isinstance(found, Lost)
    assert asked == ["pics.example.org"]
    assert listener.connections == 0


async def test_a_named_host_is_allowed(world: Any, kit: Any) -> None:
    """A host that the provider's file names may be private; the key stays at home."""
    world.server.reply = kit.sends(kit.response(kit.image()))
    world.like(base_url="https://api.example.com/v1", download_hosts=(f"127.0.0.1:{world.server.port}",))
    assert isinstance(await fetch(world, f"http://127.0.0.1:{world.server.port}/p"), StoredImage)
    assert "authorization" not in world.server.seen[0].headers


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example.com/x", Origin.OWN),
        ("https://api.example.com:443/x", Origin.OWN),
        ("https://API.example.com/x", Origin.OWN),
        ("https://pics.example.org/x", Origin.PUBLIC),
        ("https://8.8.8.8/x", Origin.PUBLIC),
        ("http://cdn.local:8080/x", Origin.TRUSTED),
        ("http://api.example.com/x", None),
        ("http://pics.example.org/x", None),
        ("https://pics.example.org:22/x", None),
        ("https://api.example.com:8443/x", None),
    ],
)
def test_origins(url: str, origin: Origin | None) -> None:
    """The provider's own origin is scheme, host and port; everything else is public https."""
    rules = Rules(BASE, ("cdn.local:8080",))
    if origin is None:
        with pytest.raises(RefusedAddressError):
            rules.origin(URL(url))
    else:
        assert rules.origin(URL(url)) is origin


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(text: str) -> None:
    """The rest of the internet is reachable."""
    assert is_public(ipaddress.ip_address(text))


async def test_a_image_too_large_is_cut(world: Any, kit: Any) -> None:
    """A download has a bound."""

    async def endless(writer: Any, _: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + kit.image())
        while True:
            writer.write(b"\0" * (1 << 20))
            await writer.drain()

    world.server.reply = endless
    found = await fetch(world, f"{world.server.url}/p")
    assert isinstance(found, Lost)


async def test_reference_images_are_fetched_for_the_form(world: Any, kit: Any) -> None:
    """An image at an address goes into a multipart edit as our copy; the copies do not stay."""
    data = kit.image(colour="green")

    async def reply(writer: Any, seen: Any) -> None:
        writer.write(kit.response(data if seen.method == "GET" else kit.answer(kit.image())))

    world.server.reply = reply
    web = UrlImage(f"{world.server.url}/ref.png")
    receipt = await world.execute(world.attempt(operation=Operation.EDIT, images=(web, web)))
    assert receipt.verdict.code == "ok"
    assert [seen.method for seen in world.server.seen] == ["GET", "POST"]
    assert world.server.seen[1].body.count(data) == 2
    assert [p.name for p in (world.root / "spool").iterdir()] == [receipt.attempt_id]


@pytest.mark.parametrize(("status", "remedy"), [("503 Busy", Remedy.RETRY), ("refused", Remedy.FAIL_JOB)])
async def test_a_reference_image_that_cannot_be_had(world: Any, kit: Any, status: str, remedy: Remedy) -> None:
    """Nothing is sent and nothing is charged."""
    world.server.reply = kit.sends(kit.response(b"", status=status))
    url = "https://10.0.0.1/x.png" if status == "refused" else f"{world.server.url}/ref.png"
    receipt = await world.execute(world.attempt(operation=Operation.EDIT, images=(UrlImage(url),)))
    assert receipt.phase is Phase.NOT_CONNECTED
    assert receipt.verdict.remedy is remedy
    assert all(seen.method == "GET" for seen in world.server.seen)
