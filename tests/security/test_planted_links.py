"""Links that somebody planted in an output folder: a run ends there, and nothing is written on their other side."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output import adopt, maintain
from tests.rehearsal import Ended, Rehearsal, rehearsal

JOB = {"id": "a", "prompt": "A lamp", "size": "1024x1024", "quality": "low"}
OUTPUT = {"path": "sku/deep/{{ id }}-{{ index }}.{{ ext }}"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Rehearsal]:
    """Return a provider, and a folder beside which nothing may appear."""
    (tmp_path / "outside").mkdir()
    with rehearsal(tmp_path, {"output": OUTPUT, "provider": "mock"}) as stage:
        yield stage


def outside(stage: Rehearsal) -> list[str]:
    """Say what was written on the other side."""
    return [str(path) for path in (stage.root / "outside").rglob("*")]


LAYOUTS = (
    *(
        "images",
        "images/sku",
        "images/sku/deep",
        "images/sku/deep/a-0.png",
        "superseded",
        "spool",
        "quarantine",
        "runs",
    ),
    *("report", "report/summary.json", "runs/.status.json.1.tmp"),
)


@pytest.mark.parametrize("link", LAYOUTS)
@pytest.mark.parametrize("dangling", [False, True])
def test_a_run_writes_through_no_link(stage: Rehearsal, link: str, *, dangling: bool) -> None:
    """A folder, an image's name, a report, to something that is there or not: at most the job is refused."""
    manifest = stage.manifest([JOB])
    planted = stage.root / "output" / "scene" / link
    planted.parent.mkdir(parents=True)
    target = stage.root / "outside" / ("nothing" if dangling else "")
    planted.symlink_to(target)
    ended = stage.run(manifest)
    assert ended.exit in ({2, 8} if "/" not in link or "images" in link else {0}), ended
    assert "link" in f"{ended.why}{ended.summary.get('why')}" or ended.exit in {0, 2}
    assert outside(stage) == []


@pytest.mark.parametrize("link", ["images", "images/sku", "images/sku/deep", "superseded", "report", "report/thumbs"])
def test_a_link_is_found_before_anything_is_paid(stage: Rehearsal, link: str) -> None:
    """Where an image or the report could not go, no image is bought; what lies on the other side stays as it is."""
    victim = stage.root / "outside" / f"{'ab' * 32}.webp"
    victim.write_bytes(b"mine")
    planted = stage.root / "output" / "scene" / link
    planted.parent.mkdir(parents=True)
    planted.symlink_to(stage.root / "outside")
    ended = stage.run(stage.manifest([JOB]))
    assert ended.exit in {2, 8}
    assert str(planted) in f"{ended.why}{ended.summary.get('why')}"
    assert stage.bill == []
    assert victim.read_bytes() == b"mine"
    assert outside(stage) == [str(victim)]


FOREIGN = (
    *(
        "report/thumbs/holiday.webp",
        "report/thumbs/holiday",
        "report/.part-old/file",
        "report/.batchgen-mine",
        "report/shop.csv/file",
    ),
    *("report/notes.txt", "spool/.DS_Store", "spool/readme.txt", "images/.DS_Store", "quarantine/readme.txt"),
    *("superseded/readme.txt", "runs/readme.txt", "images/sku/deep/readme.txt", "images/sku/deep/a-0.png.json"),
)


@pytest.mark.parametrize("sidecars", [False, True])
def test_what_somebody_else_put_there_ends_no_run_and_stays(stage: Rehearsal, *, sidecars: bool) -> None:
    """Files and folders of all kinds, wherever batchgen writes: a run goes well, and all of them are still there."""
    output = {**OUTPUT, "sidecars": sidecars}
    folder = stage.run(stage.manifest([JOB], output=output)).folder
    for name in FOREIGN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    (folder / "report/thumbs/inbox").mkdir()
    (folder / "report/thumbs" / f"{'cd' * 32}.webp").mkdir()
    (folder / "images/link").symlink_to(stage.root / "outside")
    for jobs in ([JOB, {**JOB, "id": "b", "prompt": "A sofa"}], [JOB]):
        assert stage.run(stage.manifest(jobs, output=output)).exit == 0
    assert {name: (folder / name).read_text() for name in FOREIGN} == dict.fromkeys(FOREIGN, "mine")
    assert (folder / "report/thumbs/inbox").is_dir()
    assert (folder / "report/thumbs" / f"{'cd' * 32}.webp").is_dir()
    assert len(stage.bill) == 2


def test_a_pipe_stops_nobody(stage: Rehearsal) -> None:
    """Wherever a command reads the output folder: what is no plain file is passed over, and nothing waits for it."""
    manifest = stage.manifest([JOB])
    folder = stage.run(manifest).folder
    (latest,) = (folder / "runs").iterdir()
    pipes = ("report/images.csv", f"runs/{latest.name}/log.jsonl", f"runs/{latest.name}/status.json", "images/pipe.png")
    for name in (*pipes, "images/sku/deep/a-0.png"):
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    maintain.read_status(folder)
    assert len(maintain.verify(folder).missing) == 1
    assert stage.run(manifest).exit == 0
    (folder / "report/images.csv").unlink()
    os.mkfifo(folder / "report/images.csv")
    (folder / "ledger.db").unlink()
    assert adopt.adopt(folder).images == 0
    assert len(stage.bill) == 1


def test_a_folder_that_was_replaced_pays_for_nothing_more(stage: Rehearsal) -> None:
    """Somebody moves the output away while a run is at work, and another run begins there: no job is paid twice."""
    jobs: list[dict[str, Any]] = [{**JOB, "id": f"{at}", "prompt": f"A lamp {at}"} for at in range(8)]
    manifest = stage.manifest(jobs, limits={"max_cost": 100, "concurrency": 1})
    folder = stage.root / "output" / "scene"

    def at(name: str) -> None:
        if name == "ledger.reserve.after_commit" and not folder.with_name("moved").exists():
            folder.rename(folder.with_name("moved"))
            folder.mkdir()

    ended = stage.run(manifest, at=at)
    assert ended.exit == 8, ended
    assert "moved or replaced" in str(ended.summary.get("why"))
    assert len(stage.bill) == 1


def test_a_lock_that_was_removed_keeps_a_second_run_out(stage: Rehearsal) -> None:
    """The folder itself is locked: whoever comes while the first run is at work draws nothing."""
    jobs: list[dict[str, Any]] = [{**JOB, "id": f"{at}", "prompt": f"A lamp {at}"} for at in range(4)]
    manifest = stage.manifest(jobs)
    seconds: list[Ended] = []

    def at(name: str) -> None:
        if name == "ledger.reserve.after_commit" and not seconds:
            (stage.root / "output" / "scene" / ".lock").unlink()
            seconds.append(stage.run(manifest))

    assert stage.run(manifest, at=at).exit == 0
    assert [second.exit for second in seconds] == [75]
    assert len(stage.bill) == 4


def test_a_link_to_a_file_is_not_written_through(stage: Rehearsal) -> None:
    """Reports replace a link, they do not follow it; logs and images refuse it."""
    victim = stage.root / "outside" / "victim"
    for name in ("report/images.csv", "report/summary.json", "report/report.html", "report/jobs.parquet"):
        victim.write_bytes(b"mine")
        planted = stage.root / "output" / "scene" / name
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.unlink(missing_ok=True)
        planted.symlink_to(victim)
        assert stage.run(stage.manifest([{**JOB, "prompt": name}])).exit == 0
        assert victim.read_bytes() == b"mine"


def test_a_swap_during_the_run_catches_nothing(stage: Rehearsal) -> None:
    """Fifty jobs race with somebody who puts a link in the place of their folder."""
    place = stage.root / "output" / "scene" / "images" / "sku"
    over = threading.Event()

    def swap() -> None:
        for turn in count():
            if over.is_set():
                return
            with suppress(OSError):
                place.rename(place.with_name(f"aside-{turn}"))
            with suppress(OSError):
                place.symlink_to(stage.root / "outside")
            over.wait(0.002)
            with suppress(OSError):
                place.unlink()
            over.wait(0.004)

    jobs: list[dict[str, Any]] = [{**JOB, "id": f"{at}", "prompt": f"A lamp {at}"} for at in range(50)]
    manifest = stage.manifest(jobs, output={"path": "sku/deep/{{ id }}-{{ index }}.{{ ext }}"})
    swapper = threading.Thread(target=swap)

    def at(name: str) -> None:
        if name == "ledger.reserve.after_commit" and swapper.ident is None:
            swapper.start()

    try:
        ended = stage.run(manifest, at=at)
    finally:
        over.set()
        swapper.join()
    assert ended.exit in {0, 8}, ended
    assert outside(stage) == []
