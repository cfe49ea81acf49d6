"""A dialect is one value: a new one is a module and an entry, and every part of the program speaks it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview import check, plan
from batchgen.app.preview.doctor import examine
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.providers.dialects import DIALECTS
from tests.counting import Answered, Counting, Heard
from tests.providers.tiny import TINY, drawn

KEY = "tiny-0123456789"


def image() -> bytes:
    """Return a small image."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


def serve(heard: Heard) -> Answered:
    """Be a server that knows the tiny protocol and nothing else."""
    if heard.headers.get("x-tiny-key") != KEY or "authorization" in heard.headers:
        return 401, {"why": "key"}
    match heard.method, heard.path:
        case "GET", "/v1/names":
            return 200, ["dot-1"]
        case "POST", "/v1/draw" if not heard.body:
            return 400, {"why": "empty"}
        case "POST", "/v1/draw" if "rude" in heard.body["words"]:
            return 400, {"why": "rude"}
        case "POST", "/v1/draw":
            return 200, drawn(image(), heard.body)
        case _:
            return 404, {"why": "path"}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Counting, Path]]:
    """Return a server, and the provider file that stands for it; the entry in the table goes again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINY_KEY", KEY)
    DIALECTS[TINY.name] = TINY
    with Counting(serve) as server:
        told = {
            "base_url": server.base_url,
            "key_variable": "TINY_KEY",
            "default_model": "dot-1",
            "dialect": "tiny",
            "params": {"generate": ["size"]},
            "prices": {"dot-1": {"per_call": 0.01}},
        }
        file = tmp_path / "tiny.yaml"
        file.write_text(yaml.safe_dump(told), "utf-8")
        yield server, file
    del DIALECTS[TINY.name]


def manifest(folder: Path, **job: Any) -> Path:
    """Return a manifest of one job."""
    path = folder / "scene.yaml"
    told = {"provider": "./tiny.yaml", "limits": {"max_cost": 1}, "jobs": [{"id": "a", "prompt": "A dot", **job}]}
    path.write_text(yaml.safe_dump(told), "utf-8")
    return path


def test_a_run_speaks_it(tiny: tuple[Counting, Path], tmp_path: Path) -> None:
    """Request, key, answer and images a call are the dialect's, and the plan knows how many calls that makes."""
    server, _ = tiny
    asked, options = manifest(tmp_path, n=5, size="small"), Options(output=tmp_path / "out")
    estimate = plan.estimate_manifest(asked, options)
    result = run_manifest(asked, options, Unwatched())
    assert int(result.exit) == 0
    asked_for = sorted((one.body for one in server.posts), key=lambda body: -body["many"])
    assert asked_for == [{"words": "A dot", "many": many, "size": "small"} for many in (2, 2, 1)]
    assert (estimate.calls, estimate.high) == (3, 30_000)
    assert result.summary["money"]["estimated_micro_usd"] == 30_000
    assert len(list((tmp_path / "out" / "images").iterdir())) == 5


def test_an_error_in_its_words_is_understood(tiny: tuple[Counting, Path], tmp_path: Path) -> None:
    """What it calls rude is moderation everywhere."""
    result = run_manifest(manifest(tmp_path, prompt="rude"), Options(output=tmp_path / "out"), Unwatched())
    assert (int(result.exit), result.summary["images"]["moderated"]) == (3, 1)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"quality": "low"}, "takes only mood, size"),
        ({"size": "large"}, "size is small; not large"),
        ({"operation": "variation", "images": ["@a[0]"]}, "which has no variation"),
    ],
)
def test_check_knows_what_it_does_not_take(
    tiny: tuple[Counting, Path], tmp_path: Path, job: dict[str, Any], said: str
) -> None:
    """Rules come from the same value as requests."""
    found = check.check(open_project(manifest(tmp_path, **job), Options()))
    assert said in " ".join(problem.message for problem in found.errors)


def test_the_doctor_asks_it_in_its_own_way(tiny: tuple[Counting, Path]) -> None:
    """List of models, key and refusal are read by the dialect."""
    server, file = tiny
    said = {finding.name: finding.text for finding in examine(str(file), None)}
    assert said["model"] == "dot-1 is visible"
    assert said["key accepted"] == "yes"
    assert said["dialect"] == "answers like the tiny protocol"
    assert [one.path for one in server.heard] == ["/v1/names", "/v1/draw"]
