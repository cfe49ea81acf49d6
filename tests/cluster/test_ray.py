"""Two nodes of a real Ray cluster on this machine: what dies costs nothing twice, and nothing is lost."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cluster.conftest import DRIVERS_KEY, NODES_KEY, Scene, has_ray
from tests.patience import wait_until

pytestmark = [pytest.mark.slow, has_ray]
JOBS = 40


def test_both_nodes_draw_and_no_key_leaves_its_process(scene: Scene) -> None:
    """Nodes use their own key; neither it nor the driver's stands in a command line or a file of Ray."""
    scene.manifest(JOBS)
    driver = scene.start()
    wait_until(lambda: scene.asked > 5)
    workers = scene.nodes.workers()
    assert len(workers) == 2
    wait_until(lambda: all(_connections(pid, scene.port) for pid in workers))
    lines = b"".join(path.read_bytes() for path in _readable("/proc/[0-9]*/cmdline"))
    assert NODES_KEY.encode() not in lines
    scene.is_complete(JOBS, scene.end(driver))
    assert scene.asked == JOBS
    for key in (NODES_KEY, DRIVERS_KEY):
        found = subprocess.run(["grep", "-rlFs", key, "/tmp/ray/session_latest/"], capture_output=True, check=False)
        assert found.stdout == b""


def test_no_more_calls_are_under_way_on_all_nodes_than_the_run_may_have(scene: Scene) -> None:
    """Two nodes together get as many as one process would."""
    scene.manifest(JOBS, concurrency=3)
    driver, most = scene.start(), 0
    while driver.poll() is None:
        most = max(most, sum(_connections(pid, scene.port) for pid in scene.nodes.workers()))
        time.sleep(0.02)
    scene.is_complete(JOBS, scene.end(driver))
    assert 1 < most <= 3


def test_the_limit_of_images_a_minute_holds_over_all_nodes(scene: Scene) -> None:
    """As the provider counts them."""
    scene.manifest(JOBS, limits=", images_per_minute: 30")
    scene.is_complete(JOBS, scene.run())
    times = [one["at"] for one in scene.handle.bill()["requests"]]
    assert len(times) == JOBS
    assert all(later - first > 59.5 for first, later in zip(times, times[30:], strict=False))


def test_a_worker_that_dies_costs_at_most_what_was_under_way_there(scene: Scene) -> None:
    """Its attempts are lost, the others go on, and every image comes."""
    scene.manifest(JOBS)
    driver = scene.start()
    wait_until(lambda: scene.asked > 10)
    os.kill(scene.nodes.workers()[0], signal.SIGKILL)
    scene.is_complete(JOBS, scene.end(driver))
    assert JOBS <= scene.asked <= JOBS + 8


def test_a_driver_that_dies_is_followed_at_once_by_another_that_pays_nothing_twice(scene: Scene) -> None:
    """What is under way on the nodes is joined."""
    scene.manifest(JOBS)
    first = scene.start()
    wait_until(lambda: scene.asked > 10)
    first.send_signal(signal.SIGKILL)
    scene.is_complete(JOBS, scene.run())
    assert scene.asked == JOBS


def test_a_driver_that_dies_is_followed_by_another_when_the_nodes_have_left(scene: Scene) -> None:
    """They leave what nobody took beside the images; of what is taken, nothing stays there."""
    scene.manifest(JOBS, linger=1)
    first = scene.start()
    wait_until(lambda: scene.asked > 10)
    first.send_signal(signal.SIGKILL)
    wait_until(lambda: not scene.nodes.workers())
    receipts = scene.root / "shared/batchgen/receipts"
    assert list(receipts.glob("*.json"))
    scene.is_complete(JOBS, scene.run())
    assert scene.asked == JOBS
    assert not list(receipts.glob("*.json"))


def test_a_node_that_joins_is_used_and_one_that_dies_is_given_up(scene: Scene) -> None:
    """During one run; at most what was under way there is asked again."""
    scene.manifest(3 * JOBS)
    driver = scene.start()
    wait_until(lambda: scene.asked > 5)
    scene.nodes.ask("add")
    wait_until(lambda: len(scene.nodes.workers()) == 3)
    newest = max(scene.nodes.workers())
    wait_until(lambda: bool(_connections(newest, scene.port)))
    scene.nodes.ask("kill")
    scene.is_complete(3 * JOBS, scene.end(driver))
    assert 3 * JOBS <= scene.asked <= 3 * JOBS + 8


def _connections(pid: int, port: int) -> int:
    """Count the connections that a process has to the provider now."""
    mine = {str(path.readlink()) for path in _readable(f"/proc/{pid}/fd/*") if path.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and f"socket:[{row[9]}]" in mine for row in rows)


def _readable(pattern: str) -> list[Path]:
    return [path for path in Path("/").glob(pattern.removeprefix("/")) if os.access(path.parent, os.R_OK)]
