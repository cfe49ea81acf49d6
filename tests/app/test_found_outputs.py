"""An output is found again from wherever a command is given, so that another working directory buys nothing again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from batchgen.app.config.options import Options
from batchgen.app.preview.plan import plan_manifest
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.cli.main import main
from batchgen.errors import InputError

pytestmark = pytest.mark.sample(4)

MANIFEST = "name: shop\nprovider: mock\njobs:\n  - {id: a, prompt: Lamp}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a manifest two folders below the project's."""
    folder = tmp_path / "project" / "catalogues" / "lamps"
    folder.mkdir(parents=True)
    (folder / "m.yaml").write_text(MANIFEST)
    (tmp_path / "elsewhere").mkdir()
    return folder / "m.yaml"


def run_from(monkeypatch: pytest.MonkeyPatch, here: Path, path: Path) -> tuple[int, Path | None]:
    """Run the manifest in a working directory; how many calls were made, and where the images are."""
    monkeypatch.chdir(here)
    ended = run_manifest(path, Options(), Unwatched())
    return ended.summary["this_run"]["attempts"]["sent"], ended.output and ended.output.resolve()


@pytest.mark.sample(2)
@pytest.mark.parametrize("first", [".", "catalogues", "catalogues/lamps"])
@pytest.mark.parametrize("then", [".", "catalogues", "catalogues/lamps", "../elsewhere"])
def test_what_was_drawn_is_found_from_every_working_directory(
    monkeypatch: pytest.MonkeyPatch, path: Path, first: str, then: str
) -> None:
    """Above the manifest or beside it."""
    project = path.parents[2]
    sent, output = run_from(monkeypatch, project / first, path)
    assert (sent, output) == (1, project / first / "output" / "shop")
    assert run_from(monkeypatch, project / then, path) == (0, output)


def test_what_was_drawn_elsewhere_is_found_there_alone(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """A folder that is neither here nor above the manifest is named by --output."""
    elsewhere = path.parents[3] / "elsewhere"
    assert run_from(monkeypatch, elsewhere, path) == (1, elsewhere / "output" / "shop")
    assert run_from(monkeypatch, elsewhere, path)[0] == 0


def test_the_nearest_folder_above_the_manifest_counts(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Two projects in each other keep to themselves."""
    project = path.parents[2]
    run_from(monkeypatch, project, path)
    inner = path.parents[1]
    monkeypatch.chdir(inner)
    run_manifest(path, Options(output=inner / "output" / "shop"), Unwatched())
    assert run_from(monkeypatch, path.parent, path) == (0, inner / "output" / "shop")


def said(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    """Give a command; its exit status and all it said."""
    status = main(list(command))
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.mark.sample(1)
@pytest.mark.parametrize("command", ["run", "plan", "estimate"])
def test_two_folders_with_one_name_are_an_error_that_names_both(
    monkeypatch: pytest.MonkeyPatch, path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Nobody can tell which one is meant."""
    project, elsewhere = path.parents[2], path.parents[3] / "elsewhere"
    run_from(monkeypatch, elsewhere, path)
    run_from(monkeypatch, project, path)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(InputError) as error:
        plan_manifest(path, Options())
    both: Sequence[str] = (str(project / "output" / "shop"), str(elsewhere / "output" / "shop"))
    assert all(one in str(error.value) for one in both)
    status, words = said(capsys, command, str(path))
    assert status == 2
    assert all(one in words for one in both)
    assert said(capsys, command, str(path), "--output", "output/shop")[0] == 0


@pytest.mark.parametrize("command", ["run", "plan", "estimate"])
def test_a_command_says_the_folder_it_used(
    monkeypatch: pytest.MonkeyPatch, path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Found above the manifest, it is named whole."""
    _, output = run_from(monkeypatch, path.parents[2], path)
    monkeypatch.chdir(path.parents[3] / "elsewhere")
    assert str(output) in said(capsys, command, str(path))[1]


def test_the_settings_file_is_read_in_the_working_directory_alone(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """A key beside a manifest that somebody else wrote is not taken."""
    path.write_text(MANIFEST.replace("provider: mock", "provider: openai"))
    (path.parent / ".env").write_text("OPENAI_API_KEY=sk-beside-the-manifest-000000\n")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(path.parents[3] / "elsewhere")
    with pytest.raises(Exception, match="no API key"):
        run_manifest(
            path,
            Options(max_cost=None, base_url="http://127.0.0.1:9/v1"),
            type("At", (Unwatched,), {"attended": True})(),
        )
