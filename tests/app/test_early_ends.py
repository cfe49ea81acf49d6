"""`run --json` has its whole object however early a run ends: where the folder stands, read and never written."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.control import event_log
from batchgen.app.run import start
from batchgen.app.run.early_exit import early_end
from batchgen.app.watch import Unwatched
from batchgen.cli.main import main
from batchgen.errors import Exit
from batchgen.money import MicroUSD
from batchgen.runtime.signals import Interrupted
from tests.rehearsal import Rehearsal

JOBS = [{"id": "lamp", "prompt": "A lamp"}, {"id": "chair", "prompt": "A chair"}]
IMAGES = 4
CAP = MicroUSD(1_000_000)


@dataclass
class Told:
    """What `run --json` printed, and how it ended."""

    status: int
    out: str

    @property
    def json(self) -> dict[str, Any]:
        """The object."""
        return dict(json.loads(self.out))


@dataclass
class Script:
    """Somebody's script around `batchgen run --json`."""

    scene: Rehearsal
    capsys: pytest.CaptureFixture[str]
    folder: Path

    def run(self, *more: str, jobs: Any = JOBS, name: str = "scene") -> Told:
        """Give the command."""
        manifest = self.scene.manifest(jobs, name=name, defaults={"quality": "low", "size": "1024x1024", "n": 2})
        words = ("--base-url", self.scene.handle.base_url, "--output", str(self.folder), "--max-cost", "1", "--json")
        status = main(["run", str(manifest), *words, *more])
        return Told(status, self.capsys.readouterr().out)

    def files(self) -> dict[str, bytes]:
        """Every file of the folder, but what SQLite puts beside a ledger while somebody reads it."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in found if not path.name.startswith("ledger.db-")}

    @property
    def summary(self) -> dict[str, Any]:
        """What the latest report says."""
        return dict(json.loads((self.folder / "report" / "summary.json").read_bytes()))


@pytest.fixture
def script(
    scene: Rehearsal, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Script:
    """Return a script in an empty folder, with a key."""
    monkeypatch.chdir(tmp_path)
    return Script(scene, capsys, tmp_path / "out")


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a call that takes the key away."""
    return lambda: monkeypatch.setenv("OPENAI_API_KEY", "")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another process is at work in a folder."""
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shape(value: Any) -> Any:
    """Return the keys at every depth."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def stands_as(told: dict[str, Any], before: dict[str, Any]) -> None:
    """Check that the folder's own accounts are those of the latest report, to the last number."""
    assert shape(told) == shape(before)
    for name in ("jobs", "images", "downloads", "attempts", "money", "waste", "rows"):
        assert told[name] == before[name], name


def test_without_a_key_the_folder_is_told_as_it_stands(script: Script, no_key: Any) -> None:
    """A run that could not begin has the jobs, the money and the cap of the folder, and nothing of its own."""
    assert script.run().status == 0
    before, files = script.summary, script.files()
    no_key()
    told = script.run()
    assert (told.status, told.json["exit_code"], told.json["run_id"]) == (5, 5, None)
    assert "OPENAI_API_KEY" in told.json["why"]
    stands_as(told.json, before)
    assert (told.json["jobs"]["total"], told.json["jobs"]["done"], told.json["images"]["stored"]) == (2, 2, IMAGES)
    assert told.json["money"]["confirmed_micro_usd"] == script.scene.billed > 0
    assert told.json["money"]["cap_micro_usd"] == told.json["this_run"]["money"]["cap_micro_usd"] == CAP
    assert told.json["this_run"]["attempts"]["sent"] == told.json["this_run"]["money"]["confirmed_micro_usd"] == 0
    assert script.files() == files


def test_a_fresh_folder_has_everything_before_it(script: Script, no_key: Any) -> None:
    """All that the manifest wants is not started, what it may cost is said, and no folder is made."""
    no_key()
    told = script.run().json
    assert (told["jobs"]["total"], told["jobs"]["not_started"]) == (2, 2)
    assert (told["images"]["wanted"], told["images"]["not_started"]) == (IMAGES, IMAGES)
    assert (told["money"]["confirmed_micro_usd"], told["money"]["cap_micro_usd"]) == (0, CAP)
    assert told["this_run"]["jobs"] == told["jobs"]
    assert told["estimate"]["high_micro_usd"] > 0
    assert not script.folder.exists()


def test_only_this_manifest_is_told(script: Script, no_key: Any) -> None:
    """Jobs and money of another manifest in the same folder are its own."""
    script.run(jobs=[{"id": "vase", "prompt": "A vase"}], name="other")
    other = script.scene.billed
    script.run()
    before = script.summary
    script.run(jobs=[{"id": "vase", "prompt": "A vase"}], name="other")
    no_key()
    told = script.run().json
    assert told["jobs"] == before["jobs"]
    assert told["money"]["confirmed_micro_usd"] == script.scene.billed - other > 0


def test_a_changed_manifest_is_told_as_it_is_now(script: Script, no_key: Any) -> None:
    """A job more is not started; what is stored stays done."""
    script.run()
    no_key()
    told = script.run(jobs=[*JOBS, {"id": "vase", "prompt": "A vase"}]).json
    assert (told["jobs"]["total"], told["jobs"]["done"], told["jobs"]["not_started"]) == (3, 2, 1)
    assert told["this_run"]["jobs"]["total"] == 1


@pytest.mark.parametrize("finished", [True, False])
def test_a_skipped_run_tells_where_the_folder_stands(script: Script, finished: bool) -> None:
    """While another run is at work the object is whole, as of this moment, with exit 0, and nothing is written."""
    if finished:
        script.run()
    with held(script.folder):
        files = script.files()
        told = script.run("--if-locked", "skip")
        assert script.files() == files
    assert (told.status, told.json["exit_code"], told.json["run_id"]) == (0, 0, None)
    assert (told.json["jobs"]["total"], told.json["jobs"]["done"]) == (2, 2 if finished else 0)
    assert told.json["money"]["confirmed_micro_usd"] == script.scene.billed
    assert "skipped" in told.json["why"]
    if finished:
        stands_as(told.json, script.summary)


def test_an_unreadable_ledger_says_what_is_unknown(script: Script) -> None:
    """What is wanted and the cap are known all the same; the rest is as if nothing were there, and `why` says so."""
    script.run()
    shape_before = shape(script.summary)
    (script.folder / "ledger.db").write_text("my diary " * 99)
    told = script.run()
    assert (told.status, told.json["exit_code"], shape(told.json)) == (8, 8, shape_before)
    assert (told.json["jobs"]["total"], told.json["jobs"]["not_started"]) == (2, 2)
    assert (told.json["images"]["wanted"], told.json["images"]["not_started"]) == (IMAGES, IMAGES)
    assert told.json["money"]["cap_micro_usd"] == CAP
    assert told.json["rows"]["planned"] == 2
    assert "unknown" in told.json["why"]
    with held(script.folder):
        skipped = script.run("--if-locked", "skip")
    assert (skipped.status, skipped.json["jobs"]) == (0, told.json["jobs"])
    assert "unknown" in skipped.json["why"]


def test_a_folder_that_refuses_is_told_from_its_ledger(script: Script) -> None:
    """Exit 8 for another reason than the ledger has the ledger's numbers."""
    script.run()
    before = script.summary
    told = script.run("--log-json", "/proc/nowhere/log.jsonl")
    assert told.status == 8
    stands_as(told.json, before)


def test_a_signal_before_the_start_is_told_at_once(script: Script) -> None:
    """Nothing is walked after a signal: the object is as the latest run of this manifest left the folder."""
    script.run()
    before = script.summary
    manifest = script.scene.root / "scene.yaml"
    options = Options(output=script.folder, base_url=script.scene.handle.base_url, max_cost=CAP)
    event_log.no_run_yet()
    for status in (Exit.SIGINT, Exit.SIGTERM):
        told = early_end(manifest, options, status, str(Interrupted(status)))
        assert (told["run_id"], told["exit_code"]) == (None, status)
        stands_as(told | {"rows": before["rows"]}, before)
        assert told["this_run"]["attempts"]["sent"] == 0


def test_a_bug_is_told_with_what_its_run_did(script: Script) -> None:
    """The run that broke is named, and its own money is its own."""

    def breaks(where: str) -> None:
        if where == "ledger.settle.after_commit":
            raise ZeroDivisionError(where)

    script.run(jobs=JOBS[:1])
    manifest = script.scene.manifest(JOBS, defaults={"quality": "low", "size": "1024x1024", "n": 2})
    options = Options(output=script.folder, base_url=script.scene.handle.base_url, max_cost=CAP)
    with pytest.raises(BaseException, match=r"settle|unhandled"):
        start.run_manifest(manifest, options, Unwatched(), breaks)
    told = early_end(manifest, options, Exit.BUG, "ZeroDivisionError")
    assert (told["run_id"], told["exit_code"]) == (script.summary["run_id"], 1)
    stands_as(told, script.summary)
    assert told["money"]["confirmed_micro_usd"] > told["this_run"]["money"]["confirmed_micro_usd"] > 0


def test_wrong_input_prints_nothing(script: Script) -> None:
    """Exit 2 has no object."""
    told = script.run(jobs=[{"id": "lamp"}])
    assert (told.status, told.out) == (2, "")
