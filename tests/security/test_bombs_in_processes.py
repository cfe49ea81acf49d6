"""What is made to fill memory or disk, met by real processes: each stays small and ends with the right status."""

from pathlib import Path

import pytest

from batchgen.cli.main import main
from tests.manifest.test_bombs import BOMBS
from tests.manifest.test_row_files import BAD_HEADS, BAD_ROWS
from tests.process.kit import watched
from tests.process.launcher import Launcher
from tests.wire.scene import scene

MB = 1024


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["nine levels of nine aliases", "itself", "deep flow", "python object"])
def test_a_manifest_that_explodes_is_a_mistake_of_its_writer(fresh: Path, launcher: Launcher, name: str) -> None:
    """Exit 2 with its place; nothing is executed, and memory stays."""
    text, _ = BOMBS[name]
    (fresh / "m.yaml").write_text(text, "utf-8")
    child = launcher.start("check", "m.yaml", cwd=fresh)
    most = watched(child)
    assert child.wait() == 2
    assert "m.yaml:" in child.told + child.said
    assert most < 200 * MB


@pytest.mark.sample(12)
@pytest.mark.parametrize("name", [*BAD_HEADS, *BAD_ROWS])
def test_a_bad_row_file_is_exit_2_with_its_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encodings, lines without end, ten thousand columns, quotes that never close: told as file:line, nothing spent."""
    content, line, _ = (BAD_HEADS | BAD_ROWS)[name]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    Path("m.yaml").write_text(f"jobs: [{{rows: {name}, prompt: A lamp, id: a}}]\n")
    assert main(["check", "m.yaml"]) == 2
    told = capsys.readouterr()
    assert f"{name}:{line}:" in told.out + told.err
    assert "Traceback" not in told.out + told.err


@pytest.mark.slow
def test_a_packed_answer_that_unfolds_to_a_gigabyte(fresh: Path, launcher: Launcher) -> None:
    """It is cut at its bound, kept as far as it came, and counts as charged; the other job is drawn."""
    with scene(fresh) as here:
        jobs = [
            {"id": "bomb", "prompt": "A lamp [[mock: fault=gzip_bomb mb=1024]]"},
            {"id": "good", "prompt": "A chair"},
        ]
        here.manifest(jobs, retry={"attempts": 1, "max_uncertain": 0})
        words = ("run", "scene.yaml", "--base-url", here.handle.base_url, "--output", "output/scene")
        child = launcher.start(*words, cwd=fresh)
        most = watched(child)
        assert child.wait() == 3, child.said
        assert most < 300 * MB
        with here.ledger() as ledger:
            states = {row.job_id: row.state.value for row in ledger.report_rows.attempts()}
    assert states == {"bomb": "charged_no_result", "good": "settled"}
    kept = list((here.output() / "quarantine").rglob("*.part"))
    assert 1 << 20 <= sum(path.stat().st_size for path in kept) < 200 << 20
