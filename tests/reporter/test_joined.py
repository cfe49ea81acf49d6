"""One report over several outputs: everything once, every sum exact, and nothing of theirs is changed."""

import csv
import json
import os
import shutil
from collections.abc import Iterable
from html import unescape
from pathlib import Path
from re import findall
from typing import Any
from urllib.parse import unquote

import openpyxl
import pyarrow.parquet as pq
import pytest

from batchgen.app.output.joined import join, worst
from batchgen.app.output.maintain import write_report
from batchgen.errors import Exit, InputError, StorageError
from batchgen.model import Shard
from tests.rehearsal import KEYS, rehearsal

JOBS: list[dict[str, Any]] = [
    {"id": f"lamp-{row}", "prompt": f"A lamp {row}", "n": 1 + row % 2, "tags": {"room": ("hall", "bath")[row % 2]}}
    for row in range(6)
]
MONEY = ("confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the folders of three shards, and one with the whole manifest, drawn once for all tests."""
    root = tmp_path_factory.mktemp("drawn")
    defaults = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    with pytest.MonkeyPatch.context() as patch, rehearsal(root, {"provider": "openai", "defaults": defaults}) as scene:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        manifest = scene.manifest(JOBS, derivatives={"web": {"max_edge": 64, "format": "webp"}})
        for index in (1, 2, 3):
            assert scene.run(manifest, shard=Shard(index, 3), output=root / "all" / f"part {index}").exit == 0
        for name in ("one", "two"):
            assert scene.run(manifest, output=root / "all" / name).exit == 0
    return root / "all"


@pytest.fixture
def root(drawn: Path, tmp_path: Path) -> Path:
    """Return a copy of those folders."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def parts(root: Path) -> list[Path]:
    """Return the folders of three shards."""
    return [root / f"part {index}" for index in (1, 2, 3)]


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """Return a table of a report."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summary(folder: Path) -> dict[str, Any]:
    """Return the summary of a report."""
    return dict(json.loads((folder / "summary.json").read_text("utf-8")))


def money(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Add up the money of rows, or of summaries."""
    found = list(rows)
    return {name: sum(int(row[name]) for row in found) for name in MONEY}


def state(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder but what readers of a ledger share."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {str(path): path.read_bytes() for path in paths}


def test_the_parts_add_up_to_the_whole(root: Path, parts: list[Path], tmp_path: Path) -> None:
    """In every file: the same images, jobs and money as one run of the whole manifest, and as the parts together."""
    into = tmp_path / "all" / "report"
    whole = summary(root / "one" / "report")
    before = {folder: state(folder) for folder in parts}
    files = join(parts, into)
    assert {path.name for path in files} >= {"report.html", "images.csv", "jobs.parquet", "report.xlsx", "summary.json"}
    assert {folder: state(folder) for folder in parts} == before
    told, own = summary(into), [summary(folder / "report") for folder in parts]
    for one in (told, told["this_run"]):
        assert (one["jobs"], one["images"]) == (whole["jobs"], whole["images"])
        assert money([one["money"]]) == money(each["money"] for each in own) == money([whole["money"]])
    assert told["rows"] == whole["rows"]
    assert (told["exit_code"], told["money"]["cap_micro_usd"]) == (0, sum(e["money"]["cap_micro_usd"] for e in own))
    for name in ("jobs", "usage"):
        assert money(table(into, name)) == money([told["money"]])
        assert (
            sum(pq.read_table(into / f"{name}.parquet")["confirmed_micro_usd"].to_pylist()) == told["money"][MONEY[0]]
        )
    assert {row["job_id"] for row in table(into, "images")} == {job["id"] for job in JOBS}
    assert len(table(into, "images")) == told["images"]["stored"] == 9
    sheet = openpyxl.load_workbook(into / "report.xlsx")["Images"]
    assert sheet.max_row == 10


def test_every_link_of_the_page_leads_to_an_image(parts: list[Path], tmp_path: Path) -> None:
    """From wherever the report is, also to images in folders beside and above it; small copies are made."""
    for into in (tmp_path / "report", tmp_path / "far" / "away" / "all together"):
        join(parts, into)
        page = (into / "report.html").read_text("utf-8")
        data = json.loads(findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)[0])
        links = [unquote(unescape(link)) for link in data["columns"]["href"]]
        assert len(links) == 9
        assert all((into / link).is_file() for link in links)
        rows = table(into, "images")
        assert all((into.parent / row["path"]).is_file() for row in rows)
        assert {path.stem for path in (into / "thumbs").iterdir()} == {row["sha256"] for row in rows}
        derived = table(into, "derivatives")
        assert {row["image"] for row in derived} == {row["path"] for row in rows}
        assert all((into.parent / row["path"]).is_file() for row in derived)


def test_a_folder_counts_once_however_it_is_named(parts: list[Path], tmp_path: Path) -> None:
    """Twice, by a link, and as a copy of it: calls and images are known by themselves."""
    join(parts, tmp_path / "once")
    copy, link = tmp_path / "copy", tmp_path / "link"
    shutil.copytree(parts[0], copy)
    link.symlink_to(parts[1])
    join([*parts, parts[0], copy, link], tmp_path / "often")
    once, often = summary(tmp_path / "once"), summary(tmp_path / "often")
    for block in ("jobs", "images", "attempts"):
        assert often[block] == once[block]
    assert money([often["money"]]) == money([once["money"]])
    assert len(table(tmp_path / "often", "images")) == len(table(tmp_path / "once", "images"))


def test_what_two_folders_both_paid_for_is_one_image_and_two_costs(root: Path) -> None:
    """The same jobs drawn in two folders: each image is wanted once; what the other call cost is told as waste."""
    folders = [root / "one", root / "two"]
    join(folders, root / "report")
    told, paid = summary(root / "report"), sum(summary(one / "report")["money"][MONEY[0]] for one in folders)
    assert told["images"]["stored"] == 9
    assert told["money"][MONEY[0]] == paid
    wasted = sum(one["paid_micro_usd"] for one in told["waste"])
    assert sum(int(row["cost_micro_usd"]) for row in table(root / "report", "images")) + wasted == paid


def test_a_report_takes_the_place_of_nothing(parts: list[Path], tmp_path: Path) -> None:
    """Neither of an output folder nor of one's own report; a folder without a ledger is named."""
    with pytest.raises(InputError, match="is an output folder itself"):
        join(parts, parts[0])
    with pytest.raises(InputError, match="is the report of one of these folders"):
        join(parts, parts[0] / "report")
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty has no ledger"):
        join([*parts, empty], tmp_path / "report")
    with pytest.raises(InputError, match="nowhere is not a folder"):
        join([*parts, tmp_path / "nowhere"], tmp_path / "report")
    (parts[0] / "ledger.db").write_bytes(b"no ledger at all" * 100)
    with pytest.raises(StorageError, match=r"ledger\.db"):
        join(parts, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_folder_that_cannot_be_written_to_is_read(parts: list[Path], tmp_path: Path) -> None:
    """An archive takes part as it is."""
    for path in (parts[0] / "ledger.db", parts[0]):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        join(parts, tmp_path / "report")
    finally:
        parts[0].chmod(0o755)
    assert summary(tmp_path / "report")["images"]["stored"] == 9


def test_one_folder_told_elsewhere_says_what_its_own_report_says(parts: list[Path], tmp_path: Path) -> None:
    """Jobs, images and money; only paths differ."""
    write_report(parts[0])
    join(parts[:1], tmp_path / "report")
    for name in ("jobs", "usage", "moderated"):
        assert table(tmp_path / "report", name) == table(parts[0] / "report", name)
    mine, own = table(tmp_path / "report", "images"), table(parts[0] / "report", "images")
    assert [row | {"path": ""} for row in mine] == [row | {"path": ""} for row in own]
    assert [os.path.relpath(tmp_path / row["path"], parts[0]) for row in mine] == [row["path"] for row in own]


def test_the_gravest_end_stands_for_all() -> None:
    """In the order in which exit statuses apply."""
    assert worst([0, 0]) == 0
    assert worst([0, 3, 9, 7]) == Exit.HELD
    assert worst([3, 4, 6]) == Exit.LIMIT
    assert worst([2, 0]) == Exit.INPUT
    assert worst([8, 1]) == Exit.BUG
