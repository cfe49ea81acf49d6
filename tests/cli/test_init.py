"""The starter."""

from pathlib import Path

import pytest

from batchgen import catalog
from batchgen.cli.commands.init import STARTER
from tests.cli.conftest import Give


def test_init_writes_the_starter_and_says_how_to_go_on(give: Give, tmp_path: Path) -> None:
    """Three files, and the next two commands with the path quoted for a shell."""
    folder = tmp_path / "my shop"
    ended = give("init", str(folder))
    assert ended.status == 0
    assert {path.name for path in folder.iterdir()} == set(STARTER)
    assert ended.out.splitlines()[-2:] == [
        f"  batchgen plan '{folder}/catalogue.yaml'",
        f"  batchgen run '{folder}/catalogue.yaml'",
    ]


@pytest.mark.parametrize("name", list(STARTER))
def test_init_overwrites_nothing(give: Give, tmp_path: Path, name: str) -> None:
    """Where one file is there already, none is written."""
    (tmp_path / name).write_text("mine")
    ended = give("init", str(tmp_path))
    assert ended.status == 2
    assert f"{name} is there already" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_init_without_a_folder_takes_the_working_directory(
    give: Give, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`batchgen init` alone writes here."""
    monkeypatch.chdir(tmp_path)
    assert give("init").status == 0
    assert {path.name for path in tmp_path.iterdir()} == set(STARTER)


def test_init_says_when_the_folder_takes_no_files(give: Give, tmp_path: Path) -> None:
    """A file where the folder should be, or a name that none can have, is the user's to mend."""
    (tmp_path / "file").write_text("")
    for name in ("file", "file/shop", f"{'x' * 200}/" * 30):
        ended = give("init", str(tmp_path / name))
        assert ended.status == 2
        assert "can be no folder" in ended.err
        assert "name another one" in ended.err


def test_the_example_environment_names_every_key(give: Give, tmp_path: Path) -> None:
    """Every provider that needs a key has its variable in `.env.example`, and none a value."""
    give("init", str(tmp_path))
    lines = (tmp_path / ".env.example").read_text().splitlines()
    assert {f"# {p.key_variable}=" for p in catalog.providers() if p.key_variable} <= set(lines)
    assert all(line.startswith("#") or not line for line in lines)
