"""Laws of the local folder of an output."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.storage import Workspace


def test_small_files_are_replaced_whole(workspace: Workspace) -> None:
    """Reports for everybody, runs for their user; no temporary file stays."""
    for data in (b"{}", b'{"a": 1}'):
        workspace.write("runs/r1/status.json", data)
        workspace.write("report/summary.json", data)
    status, summary = workspace.root / "runs/r1/status.json", workspace.root / "report/summary.json"
    assert status.read_bytes() == summary.read_bytes() == b'{"a": 1}'
    assert status.stat().st_mode & 0o777 == 0o600
    assert summary.stat().st_mode & 0o777 == 0o644
    assert list(status.parent.iterdir()) == [status]
    assert (workspace.runs(), workspace.names("runs/r1")) == (("r1",), ("status.json",))


def test_free_bytes_are_known_before_the_folder_exists(workspace: Workspace) -> None:
    """The nearest folder above answers."""
    assert workspace.free_bytes() > 0
    assert not workspace.root.exists()


def test_an_empty_workspace_has_nothing(workspace: Workspace) -> None:
    """It is looked at without being made."""
    assert (workspace.runs(), workspace.spools(), workspace.names("report/thumbs")) == ((), (), ())
    assert not workspace.exists("report/report.html")
    workspace.remove("report/report.html")
    assert not workspace.root.exists()


@pytest.mark.parametrize("folder", ["runs", "report", "report/thumbs", "spool", "quarantine"])
def test_a_link_where_a_folder_belongs_is_found_at_once(workspace: Workspace, tmp_path: Path, folder: str) -> None:
    """Before anything is paid, and nothing is read, written or removed on its other side."""
    outside, planted = tmp_path / "outside", workspace.root / folder
    outside.mkdir()
    (outside / "file").write_text("mine")
    planted.parent.mkdir(parents=True)
    planted.symlink_to(outside)
    for ask in (
        workspace.ready,
        lambda: workspace.open(f"{folder}/file"),
        lambda: workspace.append(f"{folder}/file"),
        lambda: workspace.write(f"{folder}/file", b"x"),
        lambda: workspace.remove(f"{folder}/file"),
        lambda: workspace.names(folder),
        lambda: workspace.make(folder),
        lambda: workspace.stage(folder).__enter__(),
    ):
        with pytest.raises(StorageError, match="link"):
            ask()
    assert [path.read_text() for path in outside.iterdir()] == ["mine"]


def test_a_pipe_is_no_file(workspace: Workspace) -> None:
    """Nothing waits for it; what is written anew takes its place, as it takes that of any file."""
    workspace.write("runs/r1/status.json", b"{}")
    pipe = workspace.root / "runs/r1/log.jsonl"
    os.mkfifo(pipe)
    assert not workspace.exists("runs/r1/log.jsonl")
    for ask in (workspace.open, workspace.append):
        with pytest.raises(StorageError, match="pipe"):
            ask("runs/r1/log.jsonl")
    workspace.remove("runs/r1/log.jsonl")
    assert pipe.is_fifo()
    workspace.write("runs/r1/log.jsonl", b"x")
    assert pipe.read_bytes() == b"x"


def test_a_stage_leaves_only_what_was_published(workspace: Workspace) -> None:
    """A file takes the place of an older one, or of a link; what is withdrawn is gone; the rest was never there."""
    report = workspace.root / "report"
    workspace.write("report/old.csv", b"old")
    (report / "page.html").symlink_to(workspace.root / "victim")
    (workspace.root / "victim").write_text("mine")
    with suppress(KeyError), workspace.stage("report") as stage:
        for name in ("page.html", "broken.csv"):
            (stage.path / name).write_text("new")
        stage.publish("page.html")
        stage.withdraw("old.csv")
        stage.withdraw("never.csv")
        raise KeyError
    assert {path.name: path.read_text() for path in report.iterdir()} == {"page.html": "new"}
    assert (workspace.root / "victim").read_text() == "mine"


def test_what_a_killed_process_left_of_a_stage_is_removed_after_a_day(workspace: Workspace, tmp_path: Path) -> None:
    """A link, a younger one, and a folder of somebody else stay."""
    report, outside = workspace.root / "report", tmp_path / "outside"
    for folder in (report / ".batchgen-old", report / ".batchgen-new", report / "holidays", outside):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    (report / ".batchgen-link").symlink_to(outside)
    for folder in (report / ".batchgen-old", report / "holidays", outside):
        os.utime(folder, (0, 0))
    with workspace.stage("report"):
        pass
    assert sorted(path.name for path in report.iterdir()) == [".batchgen-link", ".batchgen-new", "holidays"]
    assert (outside / "file").exists()
