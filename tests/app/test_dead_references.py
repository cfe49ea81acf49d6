"""A row whose own reference image cannot be had: that job alone fails, or waits; all others are drawn."""

import csv
from pathlib import Path
from typing import Any

import pytest

from batchgen.mock.fault_words import INPUT
from tests.rehearsal import Rehearsal
from tests.security.parrot import Answer, parrot
from tests.wire.scene import dot

GOOD = 8
RETRY = {"attempts": 2, "base_seconds": 0.01, "cap_seconds": 0.02, "breaker_probe_seconds": [0.05]}


def jobs(scene: Rehearsal, address: str, bad: int, n: int) -> list[dict[str, Any]]:
    """Make rows with dead references, and good ones behind them."""
    (scene.root / "lamp.jpg").write_bytes(dot())
    first = [{"id": f"bad-{at}", "prompt": f"Hat {at}", "images": address, "n": n} for at in range(bad)]
    return first + [{"id": f"good-{at}", "prompt": f"Lamp {at}", "images": "lamp.jpg", "n": n} for at in range(GOOD)]


@pytest.mark.sample(3)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("bad", [1, 6])
@pytest.mark.parametrize("where", ["{origin}/files/gone.png", "https://images.invalid/gone.png"])
def test_a_reference_that_is_not_there_fails_its_job_alone(scene: Rehearsal, where: str, bad: int, n: int) -> None:
    """404, or a host that does not exist: failed with address and reason, nothing charged, exit 3; later it is 0."""
    origin = scene.handle.base_url.removesuffix("/v1")
    address = where.replace("{origin}", origin)
    manifest = scene.manifest(jobs(scene, address, bad, n), retry=RETRY, limits={"max_cost": 100, "concurrency": 1})
    ended = scene.run(manifest)
    assert (ended.exit, len(scene.bill)) == (3, GOOD), ended.summary
    assert (ended.summary["jobs"]["done"], ended.summary["jobs"]["failed"]) == (GOOD, bad)
    rows = [row for row in told(ended.folder) if row["job_id"].startswith("bad")]
    assert all(address in str(row) for row in rows)
    assert len(rows) == bad
    assert scene.run(manifest).exit == 0  # what was told before is no news
    assert len(scene.bill) == GOOD


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("bad", [1, 6])
@pytest.mark.parametrize("fault", sorted(INPUT))
def test_a_reference_that_the_provider_cannot_have_fails_its_job_alone(
    scene: Rehearsal, fault: str, bad: int, n: int
) -> None:
    """Where the provider itself looks for it, and says so in words of its own; six at the head stop nothing."""
    rows = [{"id": f"bad-{at}", "prompt": f"Hat {at} [[mock: fault={fault}]]", "n": n} for at in range(bad)]
    good = [{"id": f"good-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(GOOD)]
    manifest = scene.manifest([*rows, *good], retry=RETRY, limits={"max_cost": 100, "concurrency": 1})
    ended = scene.run(manifest)
    assert (ended.exit, len(scene.bill)) == (3, GOOD + bad), ended.summary
    assert (ended.summary["jobs"]["done"], ended.summary["jobs"]["failed"]) == (GOOD, bad)
    assert all("ownload" in str(row) for row in told(ended.folder) if row["job_id"].startswith("bad"))


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "429 Slow"])
def test_a_reference_that_does_not_come_now_waits_alone(scene: Rehearsal, status: str) -> None:
    """Its server fails: that job is not started, the others are drawn, and nothing is charged for it."""
    with parrot({"a.png": Answer(status)}) as bird:
        hosts = f"like: openai\nbase_url: {scene.handle.base_url}\ndownload_hosts: ['127.0.0.1:{bird.port}']\n"
        (scene.root / "shop.yaml").write_text(hosts, "utf-8")
        address = f"http://127.0.0.1:{bird.port}/v1/a.png"
        manifest = scene.manifest(jobs(scene, address, 1, 1), provider="./shop.yaml", retry=RETRY)
        ended = scene.run(manifest)
        assert (ended.exit, len(scene.bill)) == (3, GOOD), ended.summary
        assert (ended.summary["jobs"]["done"], ended.summary["jobs"]["not_started"]) == (GOOD, 1)
        assert len(bird.authorized) >= 2


def told(folder: Path) -> list[dict[str, str]]:
    """Return the rows of jobs.csv."""
    with (folder / "report" / "jobs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
