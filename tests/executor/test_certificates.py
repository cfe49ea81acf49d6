"""Who a server is, is always checked: without a right certificate no byte of a request, and so no key, leaves.

The certificates were made for these tests alone, by an authority that nobody else trusts.
"""

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any
from zlib import crc32

import pytest

from batchgen.executor.local import Wires
from batchgen.model import Charge, Pending, Phase, Remedy, RemoteImage

HERE = Path(__file__).parent / "certificates"
AUTHORITY = HERE / "authority.pem"


@dataclass
class Secured:
    """A server behind a certificate, in a thread; `heard` is what it could read."""

    answer: bytes
    heard: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"https://127.0.0.1:{self.port}/v1"

    def start(self, certificate: str, version: ssl.TLSVersion | None = None) -> None:
        """Listen with this certificate, and with this protocol only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(HERE / f"{certificate}.pem")
        if version:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():  # old protocols are what is tried here
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = Thread(target=self._serve, args=(context,))
        self._thread.start()

    def _serve(self, context: ssl.SSLContext) -> None:
        while True:
            plain, _ = self._door.accept()
            with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
                self.heard.append(secured.recv(65536))
                secured.sendall(self.answer)
            if self.port == 0:
                return

    def stop(self) -> None:
        """Wake the thread for the last time."""
        place, self.port = ("127.0.0.1", self.port), 0
        socket.create_connection(place).close()
        self._thread.join()
        self._door.close()


@pytest.fixture
def secured(kit: Any) -> Iterator[Callable[..., Secured]]:
    """Start servers behind certificates."""
    started: list[Secured] = []

    def start(*how: Any) -> Secured:
        started.append(Secured(kit.response(kit.answer(kit.image()))))
        started[-1].start(*how)
        return started[-1]

    yield start
    for one in started:
        one.stop()


async def test_a_right_certificate_is_trusted(world: Any, secured: Any) -> None:
    """Where an authority of one's own is named, its servers are spoken to."""
    server = secured("good")
    world.like(base_url=server.url)
    await world.opened(wires=Wires(ca_file=AUTHORITY))
    receipt = await world.execute(world.attempt())
    assert receipt.verdict.code == "ok"
    assert b"Authorization: Bearer" in server.heard[0]


async def test_large_images_come_whole_through_encryption(world: Any, kit: Any, secured: Any) -> None:
    """What is received straight into the buffer is what was sent, also when it was decrypted on the way."""
    small, bulk = kit.image(), bytes(range(256)) * 8000
    text = len(bulk).to_bytes(4) + b"teXt" + bulk + crc32(b"teXt" + bulk).to_bytes(4)
    image = small[:-12] + text + small[-12:]
    server = secured("good")
    server.answer = kit.response(kit.answer(image, image))
    world.like(base_url=server.url)
    await world.opened(wires=Wires(ca_file=AUTHORITY))
    receipt = await world.execute(world.attempt(n=2))
    assert receipt.verdict.code == "ok"
    assert [one.sha256 for one in receipt.images] == [sha256(image).hexdigest()] * 2


WRONG = [
    ("self-signed", None, True),
    ("expired", None, True),
    ("early", None, True),
    ("other-host", None, True),
    ("good", None, False),
    ("good", ssl.TLSVersion.TLSv1, True),
    ("good", ssl.TLSVersion.TLSv1_1, True),
]


@pytest.mark.parametrize(("certificate", "version", "known"), WRONG)
async def test_a_wrong_certificate_gets_no_key(
    world: Any, kit: Any, secured: Any, certificate: str, version: ssl.TLSVersion | None, *, known: bool
) -> None:
    """Self-signed, too old, too young, another host's, an unknown authority's; a protocol that is broken: not sent."""
    server = secured(certificate, version)
    world.like(base_url=server.url)
    await world.opened(wires=Wires(ca_file=AUTHORITY if known else None))
    receipt = await world.execute(world.attempt())
    assert receipt.phase is Phase.NOT_CONNECTED
    assert receipt.verdict.charge is Charge.NO
    assert receipt.verdict.remedy is Remedy.STOP_ACCOUNT, receipt.verdict
    assert receipt.verdict.code == "tls"
    assert not any(kit.key.encode() in heard for heard in server.heard)
    assert not any(server.heard)


@pytest.mark.parametrize("certificate", ["self-signed", "expired", "other-host"])
async def test_a_wrong_certificate_gives_no_image(world: Any, secured: Any, certificate: str) -> None:
    """Downloads check as well."""
    server = secured(certificate)
    world.like(base_url=server.url)
    executor = await world.opened(wires=Wires(ca_file=AUTHORITY))
    attempt = world.attempt()
    (found,) = await executor.collect(
        [Pending(attempt.id, "", attempt=attempt, remote=RemoteImage(0, f"{server.url}/p.png"))]
    )
    assert isinstance(found, Pending)
    assert not any(server.heard)
