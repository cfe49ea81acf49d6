"""Links that somebody planted in an output folder: a run ends there, and nothing is written on their other side."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal import Rehearsal, rehearsal

JOB = {"id": "a", "prompt": "A lamp", "size": "1024x1024", "quality": "low"}
OUTPUT = {"path": "sku/deep/{{ id }}-{{ index }}.{{ ext }}"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Rehearsal]:
    """A provider, and a folder beside which nothing may appear."""
    (tmp_path / "outside").mkdir()
    with rehearsal(tmp_path, {"output": OUTPUT, "provider": "mock"}) as stage:
        yield stage


def outside(stage: Rehearsal) -> list[str]:
    """What was written on the other side."""
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
    swapper.start()
    try:
        ended = stage.run(manifest)
    finally:
        over.set()
        swapper.join()
    assert ended.exit in {0, 8}, ended
    assert outside(stage) == []
