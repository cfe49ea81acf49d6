"""A limit that a server keeps and does not say, over real sockets, in minutes of two seconds."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from batchgen.app.run.run_end import RunResult
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.runtime.clock import SystemClock
from tests.rehearsal import KEYS, Rehearsal, rehearsal

SPEED = 30
HIDDEN = 10
FIRST, NEXT = 36, 20


class FastClock(SystemClock):
    """A clock by which a second of the machine is half a minute, or as many seconds as are said."""

    def __init__(self, speed: float = SPEED) -> None:
        self.speed = speed
        self.began = monotonic()

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self.speed * (monotonic() - self.began)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self.speed)


class Notes(Unwatched):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        self.lines.append(text)


def drawn(scene: Rehearsal, name: str, jobs: int, output: Path, notes: Notes) -> RunResult:
    """Run so many jobs without a rate of one's own."""
    lamps = [{"id": f"{name}-{number}", "prompt": f"{name} {number}"} for number in range(jobs)]
    manifest = scene.manifest(lamps, name, limits={"max_cost": 100, "concurrency": 16}, retry={})
    return run_manifest(manifest, scene.options(manifest, output=output), notes, clock=FastClock())


def refused(scene: Rehearsal) -> int:
    """Count the calls that the server has refused so far."""
    return int(scene.handle.bill()["limits"]["hidden"]["refused"])


@pytest.mark.slow
def test_a_hidden_limit_is_learned_said_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most a quarter is refused in the first run and a tenth in the next; it is said once, and logged."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings = {"provider": "openai", "defaults": {"quality": "low", "size": "1024x1024"}}
    with rehearsal(tmp_path, settings, hidden_per_minute=HIDDEN, window_seconds=60 / SPEED) as scene:
        notes = Notes()
        assert drawn(scene, "first", FIRST, tmp_path / "out", notes).exit == 0
        first = refused(scene)
        assert 0 < first <= (FIRST + first) / 4
        assert len([line for line in notes.lines if "a minute for" in line]) == 1
        events = [
            json.loads(line) for log in (tmp_path / "out").rglob("*.jsonl") for line in log.read_text().splitlines()
        ]
        assert len([event for event in events if event["event"] == "limit_learned"]) == 1
        sleep(60 / SPEED)
        assert drawn(scene, "second", NEXT, tmp_path / "out", Notes()).exit == 0
        second = refused(scene) - first
        assert second <= (NEXT + second) / 10
