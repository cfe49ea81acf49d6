"""SIGKILL with a store behind a proxy that drops, cuts and slows: nothing lost, nothing bought twice but in flight."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any

import pytest

from batchgen.storage.images import Bucket
from tests.process.launcher import Break, Child, Launcher
from tests.process.world import Books, World, world
from tests.storage import servers
from tests.storage.proxy import Weather, proxy

POINTS = (
    "ledger.reserve.after_commit",
    "storage.finish.after_answer",
    "storage.object.before_put",
    "storage.object.after_put",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "storage.spool.before_remove",
)
AWAY = 8


@dataclass
class StoreWorld(World):
    """A trial whose images lie in a store; the observer reads it without the proxy."""

    store: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    direct: Bucket | None = None

    def start(self, broken: Break | None = None, *more: str, **how: Any) -> Child:
        """Start a run that reaches the store through the proxy."""
        return super().start(broken, "--store", self.store, *more, env=self.variables, **how)

    def _dead(self, status: int, when: str) -> bool:
        # A run may give the store up before it comes to where it is to die: what is paid waits in the spool.
        return super()._dead(0 if status == AWAY else status, when) if status != AWAY else False

    def finish(self, most: int = 12) -> int:
        """Run until there is nothing left to do, however often the store is given up on the way."""
        for _ in range(most):
            calls, child = self.calls, self.start()
            status = child.wait(120)
            assert status in {0, 3, 7, AWAY}, f"{self}: exit {status}\n{child.said}\n{child.told}"
            self.look()
            if status != AWAY and self.calls == calls:
                return status
        raise AssertionError(f"{self}: not finished after {most} runs")

    def _files(self, books: Books) -> None:
        """Every stored row has its whole object; every object has a row, or its call is under way, or waits."""
        assert self.direct
        found = {one.path for where in ("images", "superseded") for one in self.direct.listing(where)}
        for path, (sha256, size, _) in books.stored.items():
            assert path in found, f"{self}: {path} is stored and not there"
            data = self.direct.read(path, 10_000_000) or b""
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size), f"{self}: {path} is torn"
        if found - set(books.stored):
            assert books.ids("dispatched", "pending"), f"{self}: objects that no row knows: {found}"


@contextmanager
def beside_a_store(folder: Path, launcher: Launcher, seed: int, weather: Weather) -> Iterator[StoreWorld]:
    """Give a trial with an empty store behind a proxy."""
    server = servers.moto()
    store = f"{server.address}/{token_hex(8)}"
    direct = Bucket(store, server.variables, plain_http=True)
    with (
        world(folder, launcher, seed, jobs=8, hold=seed % 2 == 1) as trial,
        proxy(server.url, weather, seed) as between,
    ):
        facts = (trial.folder, trial.launcher, trial.server, trial.seed, trial.jobs, trial.hold, trial.drawn)
        variables = {**server.variables, "AWS_ENDPOINT_URL": between.url}
        yield StoreWorld(*facts, store=store, variables=variables, direct=direct)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(12))
def test_kills_and_a_bad_line_to_the_store(fresh: Path, launcher: Launcher, seed: int) -> None:
    """Each run dies at a step or a moment, each request may be dropped, cut or slowed; the last run explains it all."""
    weather, chance = Weather(), Random(seed)
    with beside_a_store(fresh, launcher, seed, weather) as trial:
        for point in chance.sample(POINTS, 3):
            trial.kill_at(point, chance.randint(1, 3))
        trial.kill_after(chance.uniform(0.3, 2))
        trial.finish()
        trial.reconcile()
        trial.say(f"{trial.kills} kills, the line: {weather.met}")
        assert weather.met["drop"] + weather.met["cut"] > 0
