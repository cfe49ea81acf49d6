"""Whole runs tell how they ended: at the end, and when budget, quota, breaker or a signal stop them."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.run import start
from batchgen.errors import InputError
from batchgen.mock import Rule
from tests.notify.listener import TOKEN, Listener, listening
from tests.process.launcher import Launcher
from tests.process.world import world
from tests.wire.scene import Scene, scene

PROMPT = "An oak stool before a very unusual wall"


def stools(count: int) -> list[dict[str, Any]]:
    """So many jobs."""
    return [{"id": f"stool-{at}", "prompt": f"{PROMPT} {at}"} for at in range(count)]


def one_at_a_time(here: Scene, jobs: list[dict[str, Any]], **settings: Any) -> Path:
    """Return a manifest without parallel calls."""
    return here.manifest(jobs, limits={"max_cost": 100, "concurrency": 1}, **settings)


def told_once(listener: Listener) -> dict[str, Any]:
    """Return the one message, in which no prompt and no address is."""
    (message,) = listener.messages
    assert PROMPT not in str(message)
    assert TOKEN not in str(message)
    return message


def test_a_run_that_went_well(place_of_work: Path, told: Listener) -> None:
    """Started, then well; the message counts images and money; a run with nothing to do tells the monitor only."""
    with scene(place_of_work) as here:
        manifest = one_at_a_time(here, stools(3))
        assert here.run(manifest).exit == 0
        message = told_once(told)
        assert message["title"] == "batchgen scene: every wanted image is stored (exit 0)"
        assert message["type"] == "success"
        assert "images: 3 of 3 stored" in message["message"]
        assert " confirmed" in message["message"]
        assert here.run(manifest).exit == 0
    assert len(told.messages) == 1
    assert told.endings == ["/start", "", "/start", ""]


@pytest.mark.parametrize(
    ("settings", "rule", "exit_", "said"),
    [
        ({"budget": {"day": 0.012}}, None, 4, "the budget of the day is $0.012"),
        ({}, Rule("429_quota", skip=2), 5, "insufficient_quota"),
        ({}, Rule("status_500"), 6, "calls or more may have been charged and brought nothing usable"),
    ],
    ids=["budget", "quota", "breaker"],
)
def test_a_stop_is_told_with_its_reason(
    place_of_work: Path, told: Listener, settings: dict[str, Any], rule: Rule | None, exit_: int, said: str
) -> None:
    """Budget, quota and breaker: why, how far it got, what to do next; the monitor hears of a failure."""
    with scene(place_of_work, rules=(rule,) if rule else ()) as here:
        assert here.run(one_at_a_time(here, stools(12), **settings)).exit == exit_
    message = told_once(told)
    assert f"(exit {exit_})" in message["title"]
    assert said in message["message"].splitlines()[0]
    assert " of 12 stored" in message["message"]
    assert "\nnext: " in message["message"]
    assert told.endings == ["/start", "/fail"]


def test_the_manifest_says_who_and_what(place_of_work: Path, listener: Listener, monkeypatch: Any) -> None:
    """Variables of its own choice instead of the usual ones, and only the events that it names."""
    monkeypatch.setenv("BATCHGEN_NOTIFY_URLS", "json://127.0.0.1:1/nobody")
    monkeypatch.setenv("SHOP_URLS", listener.urls)
    monkeypatch.setenv("SHOP_BEAT", listener.heartbeat)
    notify = {"urls": "SHOP_URLS", "heartbeat": "SHOP_BEAT", "on": ["stopped", "failed"]}
    with scene(place_of_work) as here:
        assert here.run(one_at_a_time(here, stools(1), notify=notify)).exit == 0
        assert listener.messages == []
        assert here.run(one_at_a_time(here, stools(2), notify=notify), max_images=1).exit == 0
        assert here.run(one_at_a_time(here, stools(4), notify=notify), max_images=1).exit == 4
    assert "(exit 4)" in told_once(listener)["title"]
    assert listener.endings == ["/start", "", "/start", "", "/start", "/fail"]


def test_an_address_in_a_manifest_is_refused_and_not_shown(place_of_work: Path) -> None:
    """Secrets do not belong into a manifest: the mistake is told with its place and without the address."""
    with scene(place_of_work) as here:
        manifest = one_at_a_time(here, stools(1), notify={"urls": f"json://127.0.0.1/{TOKEN}"})
        with pytest.raises(InputError, match=r"scene\.yaml:\d+:\d+: error: name the environment variable") as caught:
            here.run(manifest)
    assert TOKEN not in str(caught.value)


def test_a_manifest_that_is_wrong_is_told(place_of_work: Path, told: Listener) -> None:
    """A nightly run that cannot begin has nobody who sees it."""
    (place_of_work / "shop.yaml").write_text("jbos: []\n", encoding="utf-8")
    with pytest.raises(InputError):
        start.run_manifest(Path("shop.yaml"), Options(), app_watch())
    assert told.endings == ["/fail"]
    assert told_once(told)["title"] == "batchgen shop: stopped by the input (exit 2)"


def app_watch() -> Any:
    """Nobody."""
    from batchgen.app.watch import Unwatched

    return Unwatched()


@pytest.mark.sample(1)
@pytest.mark.parametrize("command", ["check", "run"])
def test_without_the_extra_nothing_begins(place_of_work: Path, listener: Listener, command: str) -> None:
    """Somebody shall be told and Apprise is not there: exit 2 says what to install, and nothing was asked for."""
    with scene(place_of_work) as here:
        manifest = one_at_a_time(here, stools(1))
        words = [command, str(manifest), "--base-url", here.handle.base_url]
        without = "import sys; sys.modules['apprise'] = None; from batchgen.cli.main import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", without, *words],
            env={"OPENAI_API_KEY": "sk-test-0123456789", **listener.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert here.bill() == []
    assert done.returncode == 2
    assert "pip install 'batchgen-images[notify]'" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert listener.endings == (["/fail"] if command == "run" else [])


def test_sigterm_is_told(tmp_path: Path, launcher: Launcher, listener: Listener) -> None:
    """A stopped run drains, then tells; the exit status is that of the signal."""
    with world(tmp_path, launcher, 1, jobs=12, latency=(0.2, 0.3)) as trial:
        child = trial.begun("--quiet", env=listener.variables)
        child.signal(signal.SIGTERM)
        assert child.wait() == 143
    message = listener.messages[0]
    assert "terminated" in message["title"]
    assert "stored" in message["message"]
    assert listener.endings == ["/start", "/fail"]


def test_quiet_runs_tell_and_say_when_they_cannot(tmp_path: Path, launcher: Launcher, listener: Listener) -> None:
    """Under --quiet all is told; a refused message is one line on stderr, without the token, and still exit 0."""
    with world(tmp_path, launcher, 2, jobs=2) as trial, listening(status=403) as refusing:
        child = trial.start(None, "--quiet", env=listener.variables)
        assert (child.wait(), child.said, child.told) == (0, "", "")
        assert len(listener.messages) == 1
        trial.change()
        child = trial.start(None, "--quiet", env=refusing.variables)
        assert (child.wait(), child.told) == (0, "")
        assert [line.partition(" failed: ")[0] for line in child.said.splitlines()] == [
            "batchgen: warning: notification 1 (json)",
            "batchgen: warning: the heartbeat",
        ]
        assert TOKEN not in child.said


def test_a_locked_folder_is_no_failure(tmp_path: Path, launcher: Launcher, listener: Listener) -> None:
    """Another run is at work and will tell: a late one says nothing to the monitor, whatever it does about the lock."""
    with world(tmp_path, launcher, 3, jobs=6, latency=(0.5, 0.6)) as trial:
        first = trial.begun()
        for how, status in (("skip", 0), ("fail", 75)):
            late = trial.start(None, "--if-locked", how, env=listener.variables)
            assert late.wait() == status
        assert (listener.beats, listener.messages) == ([], [])
        first.signal(signal.SIGTERM)
        first.wait()
