"""Where only a proxy leads outside: what goes through it, what it sees, and what its refusals mean for money."""

import base64
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batchgen.app.config.environment import proxies_in
from batchgen.errors import InputError
from batchgen.executor.local import Wires
from batchgen.executor.proxies import Proxies
from batchgen.model import Cause, Charge, Pending, Phase, Receipt, Remedy, RemoteImage

HOST, PICTURES, PASSWORD = "api.shop.test", "pictures.shop.test", "hush-0123456789"
PUBLIC = "93.184.215.14"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority that was made just now, and a server's certificate that it signed."""
    root = tmp_path_factory.mktemp("authority")
    names = f"subjectAltName=DNS:{HOST},DNS:{PICTURES},IP:127.0.0.1"
    (root / "names").write_text(names)
    make = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    signed = ["-CAcreateserial", "-days", "2", "-out", "server.pem", "-extfile", "names"]
    for words in (
        [*make, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Throw-away authority"],
        [*make, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"],
        ["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", *signed],
    ):
        subprocess.run(words, cwd=root, check=True, capture_output=True)
    return root


def serving(authority: Path) -> ssl.SSLContext:
    """Return what a server shows that the authority signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    return context


@dataclass
class Tunnel:
    """A CONNECT proxy in a thread: every tunnel leads to one server; `heard` is what it could read.

    With a context it is spoken to over TLS.
    """

    to: int
    secured: ssl.SSLContext | None = None
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
    heard: list[bytes] = field(default_factory=list)
    through: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"{'https' if self.secured else 'http'}://127.0.0.1:{self._door.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._pass, args=(self._door.accept()[0],), daemon=True).start()

    def _pass(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self._secure(plain) as client:
            head = b""
            while b"\r\n\r\n" not in head and (piece := client.recv(65536)):
                head += piece
            self.heard.append(head)
            client.sendall(self.answer)
            if b" 200 " not in self.answer:
                return
            with socket.create_connection(("127.0.0.1", self.to)) as server:
                Thread(target=self._copy, args=(server, client, []), daemon=True).start()
                self._copy(client, server, self.through)

    def _secure(self, client: socket.socket) -> socket.socket:
        return self.secured.wrap_socket(client, server_side=True) if self.secured else client

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, seen: list[bytes]) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                seen.append(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


@dataclass
class Secured:
    """A server over TLS in a thread; `answers` by path."""

    folder: Path
    answers: Mapping[str, bytes] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        self._context = serving(self.folder)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._answer, args=(self._door.accept()[0],), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self._context.wrap_socket(plain, server_side=True) as secured:
            head = secured.recv(65536)
            self.heard.append(head)
            secured.sendall(self.answers[head.split(b" ")[1].partition(b"?")[0].decode()])


@pytest.fixture
def outside(authority: Path, kit: Any) -> Iterator[tuple[Secured, Tunnel]]:
    """Return a server that only a proxy leads to, and that proxy."""
    picture = kit.response(kit.image(), Content_Type="image/png")
    told = {"/v1/images/generations": kit.response(kit.answer(kit.image())), "/x.png": picture}
    server = Secured(authority, told)
    tunnel = Tunnel(server.port)
    yield server, tunnel
    tunnel.close()
    server.close()


async def opened(world: Any, authority: Path, proxies: Proxies, lookup: Any = None) -> Any:
    """Return an executor for the server outside."""
    world.like(base_url=f"https://{HOST}/v1")
    return await world.opened(wires=Wires(ca_file=authority / "ca.pem", lookup=lookup), proxies=proxies)


async def test_a_call_goes_through_a_tunnel_and_the_proxy_never_sees_the_key(
    world: Any, authority: Path, outside: tuple[Secured, Tunnel]
) -> None:
    """It is told where to and its own password; all else is encrypted for the provider."""
    server, tunnel = outside
    token = base64.b64encode(f"me:{PASSWORD}".encode())
    await opened(world, authority, Proxies(tunnel.address, secret=f"me:{PASSWORD}"))
    came = await world.execute(world.attempt())
    assert isinstance(came, Receipt)
    assert came.count == 1
    (head,) = tunnel.heard
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1".encode())
    assert b"Basic " + token in head
    assert world.key.encode() not in head + b"".join(tunnel.through)
    (asked,) = server.heard
    assert world.key.encode() in asked
    assert token not in asked


async def test_a_proxy_that_is_spoken_to_over_tls_is_one_like_any_other(
    world: Any, authority: Path, outside: tuple[Secured, Tunnel]
) -> None:
    """The tunnel lies within what is encrypted for the proxy."""
    server, _ = outside
    tunnel = Tunnel(server.port, serving(authority))
    await opened(world, authority, Proxies(tunnel.address))
    came = await world.execute(world.attempt())
    tunnel.close()
    assert isinstance(came, Receipt)
    assert came.count == 1, came.verdict
    assert world.key.encode() not in b"".join((*tunnel.heard, *tunnel.through))


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway", "200OK"])
async def test_a_tunnel_that_is_not_opened_cost_nothing(
    world: Any, authority: Path, outside: tuple[Secured, Tunnel], status: str
) -> None:
    """Nothing was sent; its words are ours, whatever the proxy repeats of what it was told."""
    server, tunnel = outside
    tunnel.answer = f"HTTP/1.1 {status} {PASSWORD}\r\nContent-Length: 0\r\n\r\n".encode()
    await opened(world, authority, Proxies(tunnel.address, secret=f"me:{PASSWORD}"))
    came = await world.execute(world.attempt())
    assert (came.phase, came.verdict.charge) == (Phase.NOT_CONNECTED, Charge.NO)
    assert came.verdict.remedy is Remedy.RESEND
    assert came.verdict.cause is Cause.PROXY_REFUSED
    assert PASSWORD not in repr(came)
    assert server.heard == []


async def test_a_proxy_that_cannot_be_reached_cost_nothing(world: Any, authority: Path) -> None:
    """It is named as what is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    await opened(world, authority, Proxies(f"http://127.0.0.1:{port}", secret=f"me:{PASSWORD}"))
    came = await world.execute(world.attempt())
    assert (came.phase, came.verdict.charge, came.verdict.cause) == (Phase.NOT_CONNECTED, Charge.NO, Cause.PROXY)
    assert PASSWORD not in repr(came)


@pytest.mark.sample(1)
@pytest.mark.parametrize("never", ["", HOST])
def test_the_commands_obey_the_variables(
    tmp_path: Path, authority: Path, outside: tuple[Secured, Tunnel], never: str
) -> None:
    """A run and the doctor find the proxy, and where none is wanted; its password is written nowhere."""
    server, tunnel = outside
    listed = b'{"data": [{"id": "gpt-image-1"}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(listed)
    server.answers = {**server.answers, "/v1/models": head + listed}
    job = "{id: a, prompt: A lamp, size: 1024x1024, quality: low}"
    (tmp_path / "m.yaml").write_text(
        f"provider: apiyi\nlimits: {{max_cost: 1}}\nretry: {{attempts: 1}}\njobs: [{job}]\n"
    )
    around = {
        "PATH": os.environ["PATH"],
        "HTTPS_PROXY": tunnel.address.replace("//", f"//me:{PASSWORD}@"),
        "NO_PROXY": never,
        "SSL_CERT_FILE": str(authority / "ca.pem"),
        "APIYI_API_KEY": "sk-proxied-0123456789",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    said = []
    for words in (("doctor", "--provider", "apiyi"), () if never else ("run", "m.yaml", "--output", "out", "--yes")):
        if words:
            command = [sys.executable, "-m", "batchgen", *words, "--base-url", f"https://{HOST}/v1"]
            done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True, check=False)
            said.append(done.stdout + done.stderr)
    assert bool(tunnel.heard) is not bool(never), said
    assert ("in a tunnel" if not never else "not used for this address") in said[0]
    assert PASSWORD not in "".join(said)
    if not never:
        assert list((tmp_path / "out" / "images").iterdir()), said
        for path in (tmp_path / "out").rglob("*"):
            assert path.is_dir() or PASSWORD.encode() not in path.read_bytes()


def public(address: str) -> Callable[..., Any]:
    """Return a lookup that knows one address for every name."""

    async def lookup(_host: str, port: int) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return lookup


async def fetch(world: Any, url: str) -> Any:
    """Ask for one image at an address."""
    waiting = Pending("a1", url, remote=RemoteImage(0, url), attempt=world.attempt())
    (came,) = await (await world.opened()).collect([waiting])
    return came


async def test_an_image_is_fetched_from_the_address_that_was_checked_here(
    world: Any, authority: Path, outside: tuple[Secured, Tunnel]
) -> None:
    """The proxy is told the address, the server its own name; the key stays at home."""
    server, tunnel = outside
    await opened(world, authority, Proxies(tunnel.address), public(PUBLIC))
    came = await fetch(world, f"https://{PICTURES}/x.png?sig=a%2Fb")
    assert isinstance(came, Receipt), came
    assert tunnel.heard[-1].startswith(f"CONNECT {PUBLIC}:443 ".encode())
    assert server.heard[-1].startswith(b"GET /x.png?sig=a%2Fb HTTP/1.1\r\n")
    assert f"Host: {PICTURES}\r\n".encode() in server.heard[-1]
    assert world.key.encode() not in b"".join(server.heard)


async def test_a_name_that_stands_for_a_private_address_is_refused_before_any_proxy(
    world: Any, authority: Path, outside: tuple[Secured, Tunnel]
) -> None:
    """A proxy may stand where private addresses are near."""
    server, tunnel = outside
    await opened(world, authority, Proxies(tunnel.address), public("10.0.0.7"))
    came = await fetch(world, f"https://{PICTURES}/x.png")
    assert "private" in came.why
    assert tunnel.heard == server.heard == []


@pytest.mark.parametrize(
    ("url", "never", "goes"),
    [
        ("https://api.example.com/v1", "", True),
        ("http://api.example.com/v1", "", False),
        ("https://127.0.0.1:8443/v1", "", False),
        ("https://127.9.9.9/v1", "", False),
        ("https://[::1]/v1", "", False),
        ("https://[::ffff:127.0.0.1]/v1", "", False),
        ("https://localhost/v1", "", False),
        ("https://api.localhost/v1", "", False),
        ("https://api.example.com/v1", "*", False),
        ("https://api.example.com/v1", "example.com", False),
        ("https://api.example.com/v1", ".example.com", False),
        ("https://api.example.com/v1", "*.example.com", False),
        ("https://API.Example.com./v1", "other.org, api.example.com", False),
        ("https://notexample.com/v1", "example.com", True),
        ("https://example.com.evil.org/v1", "example.com", True),
        ("https://api.example.com:8443/v1", "api.example.com:8443", False),
        ("https://api.example.com/v1", "api.example.com:8443", True),
        ("https://10.1.2.3/v1", "10.0.0.0/8", False),
        ("https://11.1.2.3/v1", "10.0.0.0/8", True),
        ("https://[fd00::7]/v1", "fd00::/8", False),
        ("https://10.1.2.3:8443/v1", "10.1.2.3:8443", False),
        ("https://10.1.2.3/v1", "10.1.2.3:8443", True),
    ],
)
def test_what_is_reached_directly(url: str, never: str, goes: bool) -> None:
    """NO_PROXY as others read it; this machine and plain http never go through a proxy."""
    found = proxies_in({"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": never})
    assert found.leads_to(url) is goes
    assert proxies_in({"https_proxy": "http://p:1", "no_proxy": never, "NO_PROXY": "*"}).leads_to(url) is goes


@pytest.mark.parametrize(
    ("said", "address", "secret"),
    [
        ({}, "", ""),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128", ""),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, "http://b:2", ""),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, "", ""),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "", "all_proxy": "http://all:1"}, "http://all:1", ""),
        ({"ALL_PROXY": "https://all.example"}, "https://all.example", ""),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://a:1"}, "http://a:1", ""),
        ({"HTTP_PROXY": "http://plain:1"}, "", ""),
        ({"HTTPS_PROXY": "http://me:p%40ss@[fd00::1]:3128/"}, "http://[fd00::1]:3128", "me:p@ss"),
    ],
)
def test_which_variable_names_the_proxy(said: Mapping[str, str], address: str, secret: str) -> None:
    """That for https first, then that for all; lower case before upper case; a name alone is http."""
    found = proxies_in(said)
    assert (found.address, found.secret) == (address, secret)
    assert not secret or secret not in json.dumps(repr(found))


@pytest.mark.parametrize("value", ["socks5://me:hush-0123456789@a:1080", "http://", "http://a:port", "http://[::1"])
def test_what_is_no_proxy_is_refused_before_anything_is_sent(value: str) -> None:
    """With the variable and the form that it takes, and without what may be a password."""
    with pytest.raises(InputError, match="HTTPS_PROXY") as caught:
        proxies_in({"HTTPS_PROXY": value})
    assert "http://proxy.example:3128" in str(caught.value)
    assert PASSWORD not in str(caught.value)
