"""What lies around a run: proxies, passwords of other programs, other people's settings, and who may read its files."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from yarl import URL

from batchgen.app.config.environment import is_near
from batchgen.catalog import provider
from batchgen.executor.addresses import Origin, RefusedAddressError, Rules
from tests.process.launcher import KEY, Launcher
from tests.rehearsal import QUICK, rehearsal
from tests.security.parrot import Answer, parrot
from tests.wire.scene import scene

JOBS = [{"id": f"job-{at}", "prompt": f"A lamp {at}"} for at in range(3)]


class Ear:
    """A port that counts who connects."""

    def __init__(self) -> None:
        """Listen."""
        self.connections = 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._door.accept()
                self.connections += 1
                one.close()

    def close(self) -> None:
        """Stop listening."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Somebody who would like to know."""
    ear = Ear()
    yield ear
    ear.close()


VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "WSS_PROXY")


def test_no_proxy_and_no_password_file_is_used_unasked(fresh: Path, launcher: Launcher, ear: Ear) -> None:
    """This machine is reached directly whatever the variables say, and `.netrc` is not read."""
    netrc = fresh / ".netrc"
    netrc.write_text("default login canary password canary\nmachine 127.0.0.1 login canary password canary\n")
    netrc.chmod(0o600)
    around = dict.fromkeys(VARIABLES, f"http://canary:canary@127.0.0.1:{ear.port}")
    around |= {"HOME": str(fresh), "NETRC": str(netrc), "NO_PROXY": "", "no_proxy": ""}
    with scene(fresh, {"provider": "openai"}) as here:
        here.manifest([*JOBS, {"id": "url", "prompt": "A lamp [[mock: fault=url_instead]]"}])
        words = ("scene.yaml", "--base-url", here.handle.base_url, "--output", "out")
        child = launcher.start("run", *words, cwd=fresh, env=around)
        assert child.wait() == 0, child.said
        doctor = launcher.start("doctor", "--base-url", here.handle.base_url, cwd=fresh, env=around)
        doctor.wait()
        heard = here.handle.requests()
    assert ear.connections == 0
    assert len(heard) >= 6
    assert {request["authorization"] for request in heard} == {"Bearer"}
    assert "canary" not in json.dumps(heard)
    assert "no answer" not in doctor.told


def test_only_the_env_file_of_this_folder_is_read(fresh: Path, launcher: Launcher) -> None:
    """Neither the one above nor one in a home; and it changes nothing that the environment says."""
    (fresh / "below").mkdir()
    for folder in (fresh, fresh / "home"):
        folder.mkdir(exist_ok=True)
        (folder / ".env").write_text("APIYI_API_KEY=sk-from-elsewhere\n")
    (fresh / "below" / "m.yaml").write_text("limits: {max_cost: 1}\njobs: [{id: a, prompt: 'A lamp [good]'}]\n")
    with parrot({"good": Answer("400 Bad", {})}) as bird:
        words = ("run", "m.yaml", "--provider", "apiyi", "--base-url", bird.base_url)
        env = {"HOME": str(fresh / "home")}
        child = launcher.start(*words, "--output", "0", cwd=fresh / "below", env=env)
        assert child.wait() == 5
        assert "APIYI_API_KEY" in child.said
        assert bird.authorized == []
        (fresh / "below" / ".env").write_text("APIYI_API_KEY=sk-from-the-file\nPATH=/nowhere\n")
        for at, said in enumerate(({}, {"APIYI_API_KEY": KEY}), start=1):
            assert launcher.start(*words, "--output", f"{at}", cwd=fresh / "below", env={**env, **said}).wait() == 3
    assert bird.authorized == ["Bearer sk-from-the-file", f"Bearer {KEY}"]


def test_what_others_may_see(tmp_path: Path) -> None:
    """Also without a umask: images are for everybody to read and nobody else to write, all but reports is private."""
    before = os.umask(0)
    try:
        with rehearsal(tmp_path, {"provider": "mock", "retry": QUICK}) as stage:
            jobs = [*JOBS, {"id": "bad", "prompt": "A lamp [[mock: fault=text_200]]"}]
            ended = stage.run(stage.manifest(jobs))
            assert ended.exit == 7
    finally:
        os.umask(before)
    kinds = {path.relative_to(ended.folder).parts[0]: path for path in ended.folder.rglob("*")}
    assert {"images", "report", "runs", "quarantine", "ledger.db"} <= kinds.keys()
    for path in ended.folder.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        first = path.relative_to(ended.folder).parts[0]
        others = {"images": 0o022, "report": 0}.get(first, 0o077)
        assert not mode & others, f"{path} {mode:o}"


FAR = [
    "http://api.example.com/v1",
    "http://8.8.8.8/v1",
    "http://[2606:4700::1111]/v1",
    "http://127.0.0.1.example.com/v1",
    "http://localhost.example.com/v1",
]


@pytest.mark.parametrize("url", FAR)
def test_a_key_is_not_sent_readable_over_the_internet(fresh: Path, launcher: Launcher, url: str) -> None:
    """Plain http is for this machine and private networks: anything else is exit 2 before anything is sent."""
    (fresh / "m.yaml").write_text("limits: {max_cost: 1}\njobs: [{id: a, prompt: A lamp}]\n")
    child = launcher.start("run", "m.yaml", "--base-url", url, cwd=fresh)
    assert child.wait() == 2
    assert "not encrypted" in child.said


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "::1", "10.1.2.3", "192.168.1.9", "172.16.0.1", "gateway", "nas.local", "llm.internal"],
)
def test_hosts_of_ones_own_network(host: str) -> None:
    """A gateway in the next room needs no certificate."""
    assert is_near(host)


BASE = "https://api.example.com/v1"
NOT_ITS_OWN = (
    *("https://api.example.com:8443/p", "http://api.example.com/p", "https://example.com/p", "https://a.api.example.com/p"),
    *("https://api.example.com.evil.net/p", "https://api-example.com/p", "https://evil.net/api.example.com/p"),
    *("https://api.example.com@evil.net/p", "https://evil.net?https://api.example.com/", "https://evil.net#api.example.com"),
    *("https://api.example.com%2eevil.net/p", "https://api\u3002example.com.evil.net/p", "https://xn--pi-xka.example.com/p"),
    *("//evil.net/p", "https:api.example.com/p", "https://api.example.com:80/p", "https://api.example.comm/p"),
)  # fmt: skip


@pytest.mark.parametrize("url", NOT_ITS_OWN)
def test_the_key_goes_to_the_exact_origin_only(url: str) -> None:
    """Scheme, host and port: whatever looks like the provider's own host is a stranger, or refused."""
    rules = Rules(URL(provider("openai", BASE).base_url or ""))
    try:
        origin = rules.origin(URL(url, encoded=True))
    except (RefusedAddressError, ValueError):
        return
    assert origin is Origin.PUBLIC
