"""Paid images whose address is refused, or never answers: nothing is thrown away or bought twice."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from batchgen.app.output import maintain
from batchgen.ledger import Ledger
from batchgen.mock.embedded import Handle
from batchgen.model import SlotState
from batchgen.planner import Action
from batchgen.runtime.clock import SystemClock
from tests.rehearsal import KEYS, Ended, Rehearsal
from tests.rehearsal import QUICK as USUAL

pytestmark = pytest.mark.sample(2)

QUICK = USUAL | {"base_seconds": 0.001}


def image() -> bytes:
    """Draw what the server has."""
    out = io.BytesIO()
    Image.new("RGB", (1024, 1024), (90, 120, 30)).save(out, "PNG")
    return out.getvalue()


@dataclass
class Gateway:
    """A provider that answers with addresses at another port, and what stands at that port."""

    root: Path
    address: str = ""
    bought: list[int] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    status: int = 200
    own: str = ""
    images: str = ""

    def url(self, number: int) -> str:
        """Give the address of an image."""
        return f"{self.address or self.images}/{number}.png"

    def write(self, **more: Any) -> None:
        """Write the provider file."""
        file = {
            "base_url": self.own,
            "key_variable": "OTHER_API_KEY",
            "default_model": "gpt-image-2",
            "prices": {"*": {"per_image": 0.01}},
            **more,
        }
        (self.root / "gateway.yaml").write_text(yaml.safe_dump(file), "utf-8")

    @property
    def scene(self) -> Rehearsal:
        """Give runs that talk to it."""
        handle: Handle = type("Own", (), {"base_url": self.own})()
        return Rehearsal(
            self.root, handle, {"provider": "./gateway.yaml", "defaults": {"quality": "low"}, "retry": QUICK}
        )

    @property
    def host(self) -> str:
        """Name where the images are, as a provider file does."""
        return self.images.removeprefix("http://")


class Quiet(BaseHTTPRequestHandler):
    """Says nothing on the terminal."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the library
        """Say nothing."""

    def reply(self, status: int, kind: str, body: bytes) -> None:
        """Answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Return a provider and a host of images beside it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    told, png = Gateway(tmp_path), image()

    class Provider(Quiet):
        def do_POST(self) -> None:
            n = json.loads(self.rfile.read(int(self.headers["Content-Length"]))).get("n", 1)
            first = sum(told.bought)
            told.bought.append(n)
            data = [{"url": told.url(first + number)} for number in range(n)]
            self.reply(200, "application/json", json.dumps({"created": 1, "data": data}).encode())

    class Images(Quiet):
        def do_GET(self) -> None:
            told.read.append(self.path)
            self.reply(told.status, "image/png", png if told.status == 200 else b"")

    with serving(Provider) as own, serving(Images) as images:
        told.own, told.images = f"{own}/v1", images
        told.write()
        yield told


def states(ended: Ended) -> set[SlotState]:
    """Say where every image stands."""
    with Ledger.open(ended.folder / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        return {SlotState(row.state) for row in ledger.report_rows.images()}


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("", "must come over https"),  # another port of this host
        ("http://203.0.113.7", "must come over https"),
        ("https://10.0.0.7", "private address"),
        ("https://203.0.113.7:8443", "port 8443"),
    ],
)
def test_a_refused_address_is_told_with_host_and_rule(gateway: Gateway, address: str, rule: str, n: int) -> None:
    """In the warning, in jobs.csv and in the plan, with the key of the provider file that allows the host."""
    gateway.address = address
    manifest = gateway.scene.manifest([{"id": "lamp", "prompt": "A lamp", "n": n}])
    ended = gateway.scene.run(manifest)
    assert (ended.exit, ended.summary["images"]["lost_paid"]) == (3, n)
    host = (address or gateway.images).partition("://")[2]
    (warning,) = (one.message for one in ended.problems if "lamp" in one.message)
    for words in (warning, ended.jobs["lamp"]["message"], gateway.scene.plan(manifest)[0]["lamp"].why):
        assert host in words
        assert rule in words
        assert f"download_hosts: [{host}]" in words
    assert ended.jobs["lamp"]["code"] == "address_refused"


@pytest.mark.parametrize("options", [{}, {"retry_failed": True}])
@pytest.mark.parametrize("n", [1, 4])
def test_a_refused_address_is_tried_again_when_the_rules_change(
    gateway: Gateway, n: int, options: dict[str, Any]
) -> None:
    """Before anything is bought, whatever the command asks for; nothing happens while the rules are the same."""
    manifest = gateway.scene.manifest([{"id": "lamp", "prompt": "A lamp", "n": n}])
    assert gateway.scene.run(manifest).exit == 3
    again = gateway.scene.run(manifest)
    assert (again.exit, again.summary["this_run"]["attempts"]["sent"], gateway.read) == (0, 0, [])  # no news
    gateway.write(download_hosts=[gateway.host])
    ended = gateway.scene.run(manifest, **options)
    assert (ended.exit, ended.summary["images"]["stored"]) == (0, n)
    assert sum(gateway.bought) == n
    assert ended.summary["this_run"]["attempts"]["sent"] == 0


def test_an_address_that_is_allowed_and_dead_waits(gateway: Gateway) -> None:
    """It is not lost any more, and not bought again."""
    manifest = gateway.scene.manifest([{"id": "lamp", "prompt": "A lamp", "n": 2}])
    gateway.scene.run(manifest)
    gateway.write(download_hosts=[gateway.host])
    gateway.status = 503
    ended = gateway.scene.run(manifest, max_duration=0.5)
    assert states(ended) == {SlotState.NOT_STARTED}
    gateway.status = 200
    ended = gateway.scene.run(manifest)
    assert (ended.exit, sum(gateway.bought)) == (0, 2)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_address_that_never_answers_is_told_and_can_be_decided(gateway: Gateway, status: int, n: int) -> None:
    """Its words stand in the warning and in jobs.csv; `resolve` draws it again, or gives it up."""
    gateway.write(download_hosts=[gateway.host])
    gateway.status = status
    manifest = gateway.scene.manifest([{"id": "lamp", "prompt": "A lamp", "n": n}])
    seen = [gateway.scene.run(manifest) for _ in range(2)]
    for ended in seen:
        assert f"HTTP {status}" in ended.jobs["lamp"]["message"]
        assert any(f"HTTP {status}" in one.message for one in ended.problems), ended.problems
        assert states(ended) == {SlotState.NOT_STARTED}
        assert sum(gateway.bought) == n
    ended = seen[-1]
    (held,) = maintain.resolve(ended.folder)
    assert (held.away, held.slots) == (tuple(range(n)), ())
    maintain.resolve(ended.folder, decision="fail")
    ended = gateway.scene.run(manifest)
    assert (ended.exit, sum(gateway.bought)) == (3, n)
    assert states(ended) == {SlotState.LOST_PAID}
    assert not maintain.resolve(ended.folder)


def test_an_address_that_never_answers_is_drawn_again_when_somebody_says_so(gateway: Gateway) -> None:
    """Once, by the next run; the first call stays paid."""
    gateway.write(download_hosts=[gateway.host])
    gateway.status = 403
    manifest = gateway.scene.manifest([{"id": "lamp", "prompt": "A lamp"}])
    ended = gateway.scene.run(manifest)
    maintain.resolve(ended.folder, decision="retry")
    gateway.status = 200
    assert gateway.scene.plan(manifest)[0]["lamp"].action is Action.RETRY
    ended = gateway.scene.run(manifest)
    assert (ended.exit, sum(gateway.bought), ended.charged) == (0, 2, 20_000)
