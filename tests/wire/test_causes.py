"""What is wrong between here and a provider is named from the first failure on, with what to do about it."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.preview import doctor
from batchgen.app.run import start
from batchgen.app.watch import Unwatched
from batchgen.mock import Rule
from batchgen.model import Cause
from tests.patience import PATIENCE
from tests.wire.scene import QUICK, scene

pytestmark = pytest.mark.sample(4)

CERTIFICATES = Path(__file__).parent.parent / "executor" / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"
CLOSE = b"Connection: close\r\n"


def answer(status: str, body: bytes = b"", kind: bytes = b"text/html", more: bytes = b"") -> bytes:
    """Return a whole answer."""
    head = b"HTTP/1.1 " + status.encode() + b"\r\nContent-Type: " + kind + b"\r\n" + more + CLOSE
    return head + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body


PAGE = b"<!doctype html><html><title>Welcome</title><body>Welcome</body></html>"
JSON = b"application/json"


@contextmanager
def server(reply: bytes, certificate: str = "") -> Iterator[int]:
    """Answer every request alike, behind a certificate if one is named; gives the port."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain, suppress(OSError):
                line = context.wrap_socket(plain, server_side=True) if context else plain
                with line:
                    if reply:
                        line.recv(65536)
                        line.sendall(reply)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def nobody() -> Iterator[int]:
    """Give a port at which nobody listens, and which nobody takes meanwhile."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield int(free.getsockname()[1])


def manifest(root: Path, jobs: int = 4) -> Path:
    """Write a manifest that waits for nothing."""
    path = root / "m.yaml"
    lines = [f"  - {{id: lamp-{at}, prompt: Lamp {at}}}" for at in range(jobs)]
    head = ["name: m", "provider: openai", "limits: {max_cost: 5, concurrency: 2}", f"retry: {QUICK}", "jobs:"]
    path.write_text("\n".join([*head, *lines]) + "\n")
    return path


class Notes(Unwatched):
    """Keep what a run tells, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Keep the note."""
        if urgent:
            self.told.append(text)


NO_ROUTE = b'{"message": "no Route matched with those values"}'
WRONG_URL = b'{"error": {"message": "Invalid URL (POST /images/generations)", "type": "invalid_request_error"}}'
ANSWERS: dict[str, tuple[Callable[[], Any], str, Cause, int]] = {
    "refused": (nobody, "http://127.0.0.1:{}/v1", Cause.REFUSED, 6),
    "unknown host": (nobody, "http://no-such-host.invalid:{}/v1", Cause.DNS, 6),
    "page": (lambda: server(answer("200 OK", PAGE)), "http://127.0.0.1:{}", Cause.WEB_PAGE, 2),
    "page as text": (lambda: server(answer("200 OK", PAGE, b"text/plain")), "http://127.0.0.1:{}", Cause.WEB_PAGE, 2),
    "login": (lambda: server(answer("511 Login", PAGE)), "http://127.0.0.1:{}/v1", Cause.PORTAL, 2),
    "moved": (
        lambda: server(answer("302 Found", more=b"Location: https://login.example/\r\n")),
        *("http://127.0.0.1:{}/v1", Cause.REDIRECT, 2),
    ),
    "no path": (lambda: server(answer("404 Not Found", PAGE)), "http://127.0.0.1:{}", Cause.NO_ENDPOINT, 2),
    "FastAPI": (
        lambda: server(answer("404 Not Found", b'{"detail":"Not Found"}', JSON)),
        *("http://127.0.0.1:{}", Cause.NO_ENDPOINT, 2),
    ),
    "Kong": (lambda: server(answer("404 Not Found", NO_ROUTE, JSON)), "http://127.0.0.1:{}", Cause.NO_ENDPOINT, 2),
    "vendor": (lambda: server(answer("404 Not Found", WRONG_URL, JSON)), "http://127.0.0.1:{}", Cause.NO_ENDPOINT, 2),
    "proxy": (lambda: server(answer("407 Proxy", PAGE)), "http://127.0.0.1:{}/v1", Cause.PROXY_REFUSED, 2),
    "blocked": (lambda: server(answer("403 Forbidden", PAGE)), "http://127.0.0.1:{}/v1", Cause.BLOCKED, 5),
    "plain": (lambda: server(answer("400 Bad")), "https://127.0.0.1:{}/v1", Cause.NO_TLS, 5),
    "cut": (lambda: server(b""), "https://127.0.0.1:{}/v1", Cause.CUT, 6),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_first_failure_says_what_is_wrong_and_what_to_do(place_of_work: Path, case: str) -> None:
    """A note at once, the summary's code, the words of the end and of the doctor; nothing is spent or failed."""
    there, address, cause, status = ANSWERS[case]
    with there() as port:
        base, notes = address.format(port), Notes()
        ended = start.run_manifest(manifest(place_of_work), Options(base_url=base), notes)
        assert (ended.summary["cause"], int(ended.exit)) == (cause.value, status), ended.summary["why"]
        assert cause.what in notes.told[0]
        assert cause.advice in notes.told[0]
        assert base in notes.told[0]
        assert cause.what in ended.summary["why"]
        assert cause.what in ended.summary["reason"]
        money = ended.summary["money"]
        assert {money[f"{name}_micro_usd"] for name in ("confirmed", "estimated", "at_risk")} == {0}
        assert (ended.summary["jobs"]["failed"], ended.summary["jobs"]["not_started"]) == (0, 4)
        bad = [found for found in doctor.examine("openai", base) if found.level == "bad"]
    if cause is Cause.NO_ENDPOINT:
        assert "check --base-url" in bad[0].text
    else:
        assert cause.what in bad[0].text
        assert cause.advice in bad[0].text
        assert bad[0].exit == status


@pytest.mark.parametrize("case", ["page", "no path", "FastAPI", "Kong", "vendor", "moved", "login"])
def test_the_same_command_draws_every_job_that_a_wrong_address_touched(place_of_work: Path, case: str) -> None:
    """No job is failed for it, before or after others were drawn."""
    there, address, _, _ = ANSWERS[case]
    path, notes = manifest(place_of_work, 6), Notes()
    with there() as port:
        start.run_manifest(path, Options(base_url=address.format(port)), notes)
    with scene(place_of_work) as here:
        ended = start.run_manifest(path, Options(base_url=here.handle.base_url), notes)
        assert (int(ended.exit), ended.summary["jobs"]["done"], len(here.bill())) == (0, 6, 6)


@pytest.mark.parametrize("n", [1, 4])
def test_a_web_page_is_free_before_the_first_image_and_at_risk_after_it(place_of_work: Path, n: int) -> None:
    """Who has drawn once may have drawn again; who never has is most likely another server."""
    lamps = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(3)]
    limits = {"max_cost": 100, "concurrency": 1}
    with scene(place_of_work, rules=(Rule("html_200", skip=1),)) as here:
        seen = here.run(here.manifest(lamps, "after", limits=limits))
        assert seen.exit in {6, 7}
        assert seen.states("lamp-1") == ("at_risk",) * 2
        assert here.billed <= seen.charged + seen.money["at_risk_micro_usd"]
    with scene(place_of_work, rules=(Rule("html_200", options={"charged": "no"}),)) as here:
        seen = here.run(here.manifest(lamps, "before", limits=limits))
        assert (seen.exit, seen.states("lamp-0"), seen.states("lamp-1")) == (2, ("not_charged",), ())
        assert here.billed == 0
        again = here.run(here.manifest(lamps, "after", limits=limits))
        assert "at_risk" in again.states("lamp-1"), "an earlier run of this ledger was served"


@pytest.mark.slow
@pytest.mark.parametrize("case", ["refused", "unknown host", "plain", "cut"])
def test_the_words_are_all_that_is_printed(place_of_work: Path, case: str) -> None:
    """No traceback of a library stands between them."""
    there, address, cause, status = ANSWERS[case]
    manifest(place_of_work)
    with there() as port:
        got, words = said(place_of_work, "run", "m.yaml", "--base-url", address.format(port), trusted=False)
    assert (got, cause.what in words, "Traceback" in words) == (status, True, False), words


CHILD = [sys.executable, "-m", "batchgen"]
TLS = [
    ("good", False, Cause.UNTRUSTED),
    ("self-signed", True, Cause.UNTRUSTED),
    ("expired", True, Cause.EXPIRED),
    ("early", True, Cause.EARLY),
    ("other-host", True, Cause.OTHER_HOST),
]


def said(folder: Path, *command: str, trusted: bool) -> tuple[int, str]:
    """Run a command in a process of its own, as what it trusts is read at its start."""
    more = {"SSL_CERT_FILE": str(AUTHORITY)} if trusted else {}
    done = subprocess.run(
        [*CHILD, *command],
        cwd=folder,
        env={**os.environ, **more, "OPENAI_API_KEY": "sk-test-0123456789"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.sample(2)
@pytest.mark.parametrize(("certificate", "trusted", "cause"), TLS)
def test_what_is_wrong_with_a_certificate_is_named(
    place_of_work: Path, certificate: str, cause: Cause, *, trusted: bool
) -> None:
    """A firewall that opens connections, a certificate out of date or of another host: exit 5, never about the key."""
    manifest(place_of_work)
    with server(answer("200 OK", b"{}", JSON), certificate) as port:
        base = f"https://127.0.0.1:{port}/v1"
        status, words = said(place_of_work, "run", "m.yaml", "--base-url", base, trusted=trusted)
        assert status == 5, words
        assert words.count(cause.what) >= 2, words
        assert cause.advice in words
        assert "quota" not in words
        status, words = said(place_of_work, "doctor", "--provider", "openai", "--base-url", base, trusted=trusted)
        assert (status, cause.what in words, cause.advice in words) == (5, True, True), words


def test_an_authority_of_ones_own_is_trusted_by_run_and_doctor(place_of_work: Path) -> None:
    """What the advice says helps: with SSL_CERT_FILE the connection comes to be."""
    with server(answer("401 No", b'{"error": {"code": "invalid_api_key"}}', JSON), "good") as port:
        words = said(
            place_of_work, "doctor", "--provider", "openai", "--base-url", f"https://127.0.0.1:{port}/v1", trusted=True
        )[1]
    assert "authorities in" in words
    assert "refused with HTTP 401" in words


def test_an_authority_that_cannot_be_read_is_told_before_the_first_call(
    place_of_work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library passes over such a variable without a word."""
    monkeypatch.setenv("SSL_CERT_FILE", str(place_of_work / "gone.pem"))
    found = [one for one in doctor.examine("openai", "http://127.0.0.1:9/v1") if one.name == "certificates"]
    assert "nothing is there" in found[0].text
    with pytest.raises(Exception, match=r"gone\.pem"):
        start.run_manifest(manifest(place_of_work), Options(base_url="https://127.0.0.1:9/v1"), Notes())
