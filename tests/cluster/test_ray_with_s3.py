"""Two nodes of a real Ray cluster whose images go into an object store: no disk is shared."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from batchgen.mock import MockConfig
from batchgen.mock.embedded import start_embedded
from batchgen.storage.images.bucket import Bucket
from tests.cluster.conftest import LATENCY, NODES_KEY, RayNodes, Scene, has_ray
from tests.patience import wait_until
from tests.storage.servers import Server, moto

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), has_ray]
JOBS = 24


@dataclass(kw_only=True)
class BucketScene(Scene):
    """One output with its store in a bucket."""

    server: Server
    address: str

    @property
    def store(self) -> str:
        """Where images go."""
        return self.address

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a driver."""
        return super().environment | dict(self.server.variables)

    def below(self, prefix: str) -> list[str]:
        """List what stands in the bucket."""
        bucket = Bucket(self.address, self.server.variables, plain_http=True)
        return sorted(one.path for one in bucket.listing(prefix))

    @property
    def images(self) -> list[str]:
        """What stands in the store."""
        return self.below("images")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[BucketScene]:
    """Begin a cluster whose nodes know the bucket's credentials, each by its own environment."""
    server = moto()
    nodes = RayNodes(2, tmp_path, server.variables)
    handle = start_embedded(MockConfig(key=NODES_KEY, latency=(LATENCY, LATENCY)))
    found = BucketScene(nodes, tmp_path, handle, server=server, address=f"{server.address}/{uuid4().hex}")
    yield found
    found.close()
    nodes.close()
    handle.stop()


def test_a_driver_that_dies_is_followed_by_another_that_finds_all_in_the_bucket(scene: BucketScene) -> None:
    """Images and receipts stand there when the nodes have left; nothing is paid twice, and no receipt stays."""
    scene.manifest(JOBS, linger=1)
    first = scene.start()
    wait_until(lambda: scene.asked > 8)
    first.send_signal(signal.SIGKILL)
    wait_until(lambda: not scene.nodes.workers())
    assert scene.below("batchgen/receipts")
    scene.is_complete(JOBS, scene.run())
    assert scene.asked == JOBS
    assert not scene.below("batchgen/receipts")
