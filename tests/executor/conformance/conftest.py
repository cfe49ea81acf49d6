"""An executor of any kind, a provider that answers over real sockets, and the workspace between two lives of it."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from batchgen.executor.local import LocalExecutor
from batchgen.executor.protocol import Executor, MakeExecutor, Setup
from batchgen.ledger import nowhere
from batchgen.mock import MockConfig, Rule
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.model import (
    Attempt,
    ImageRequest,
    Lost,
    Operation,
    Pending,
    Provider,
    Quote,
    Receipt,
    RemoteImage,
    Stems,
)
from batchgen.money import ZERO
from batchgen.runtime.clock import SystemClock
from batchgen.runtime.offload import Threads
from batchgen.storage import LocalStore, Workspace
from tests.cluster.conftest import RayNodes, has_ray, quiet
from tests.executor.conformance.nodes import NodesExecutor
from tests.executor.conformance.wire import ADDRESS, RayExecutor
from tests.executor.late import LateExecutor

EXECUTORS: dict[str, MakeExecutor] = {"local": LocalExecutor, "late": LateExecutor, "nodes": NodesExecutor}
OVER_RAY = pytest.param("ray", marks=[pytest.mark.slow, pytest.mark.timeout(600), has_ray])
MOST_LOOKS = 50


@dataclass
class Bench:
    """One workspace and one provider, for one executor after the other.

    The steps of an executor that works in other processes are not seen here, and nobody can die at one of them.
    """

    make: MakeExecutor
    root: Path
    handle: Handle
    steps: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def provider(self) -> Provider:
        """The provider at its address."""
        return Provider("mock", self.handle.base_url, "MOCK_KEY", "gpt-image-2")

    @property
    def is_seen(self) -> bool:
        """Whether the executor works in this process."""
        return self.make is not RayExecutor

    @asynccontextmanager
    async def executor(self, at: Callable[[str], None] = nowhere) -> AsyncIterator[Executor]:
        """Return a new executor that knows nothing of those before it, in a session."""
        if at is not nowhere and not self.is_seen:
            pytest.skip("this executor works in other processes, which die in tests/cluster")

        def step(name: str) -> None:
            self.steps.append(name)
            at(name)

        with Threads(2, "disk") as offload:
            workspace, store = Workspace(self.root, at=step), LocalStore(self.root, at=step)
            setup = Setup(self.provider, "sk-conformance", workspace, store, clock=SystemClock(), offload=offload)
            executor = self.make(setup)
            async with executor.session():
                yield executor

    def attempt(self, prompt: str = "a lamp", n: int = 1, deadline: float = 20.0) -> Attempt:
        """Return a new attempt."""
        self.count += 1
        name = f"a{self.count}"
        request = ImageRequest(Operation.GENERATE, prompt, "gpt-image-2", (("quality", "low"), ("size", "1024x1024")))
        return Attempt(
            id=name,
            run_id="run",
            job_key=f"{self.count:064x}",
            job_id=name,
            request=request,
            stems=Stems((f"{name}-*",)),
            model="gpt-image-2",
            provider="mock",
            slots=tuple(range(n)),
            quote=Quote(ZERO, ZERO, ZERO),
            deadline=deadline,
        )

    @property
    def sent(self) -> int:
        """Generations that the provider was asked for."""
        return len(self.handle.bill()["requests"])

    @property
    def asked(self) -> int:
        """Requests of any kind that the provider got."""
        return len([one for one in self.handle.requests() if "bill" not in one["path"]])

    @property
    def spooled(self) -> list[str]:
        """What waits in the spool."""
        return sorted(path.name for path in (self.root / "spool").glob("*"))


async def brought(executor: Executor, attempts: Sequence[Attempt]) -> list[Receipt | Lost]:
    """Say what attempts bring, however late."""
    return await settled(executor, attempts, await executor.execute(attempts))


async def settled(
    executor: Executor, attempts: Sequence[Attempt], came: Sequence[Receipt | Pending | Lost]
) -> list[Receipt | Lost]:
    """Say what comes of results that may be pending."""
    ended: list[Receipt | Lost] = []
    for attempt, one in zip(attempts, came, strict=True):
        ended.append(await last(executor, attempt, one))
    return ended


async def last(executor: Executor, attempt: Attempt, one: Receipt | Pending | Lost) -> Receipt | Lost:
    """Look at one attempt until it has ended."""
    for _ in range(MOST_LOOKS):
        if not isinstance(one, Pending):
            return one
        await asyncio.sleep(0.002)
        (one,) = await executor.collect([waiting(one, attempt)])
    raise AssertionError(f"still pending: {one}")


def waiting(one: Pending, attempt: Attempt) -> Pending:
    """Say what is pending, as the ledger gives it back."""
    return Pending(one.attempt_id, one.handle, one.next_look, one.expires, attempt)


def at_address(attempt: Attempt, remote: RemoteImage) -> Pending:
    """Return an image that waits at an address, as the ledger gives it back."""
    return Pending(attempt.id, "", expires=remote.expires, attempt=attempt, remote=remote)


@pytest.fixture(scope="module")
def png() -> bytes:
    """Say what the provider draws."""
    out = io.BytesIO()
    Image.new("RGB", (1024, 1024), (90, 120, 30)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def over_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeExecutor]:
    """Begin a Ray cluster of two nodes."""
    with pytest.MonkeyPatch.context() as changed:
        for name, value in quiet("sk-conformance").items():
            changed.setenv(name, value)
        cluster = RayNodes(2, tmp_path_factory.mktemp("ray"))
        changed.setenv(ADDRESS, cluster.address)
        yield RayExecutor
        cluster.close()


@pytest.fixture(params=[*EXECUTORS, OVER_RAY])
def make(request: pytest.FixtureRequest) -> MakeExecutor:
    """Every kind of executor in turn."""
    if request.param in EXECUTORS:
        return EXECUTORS[request.param]
    over_ray: MakeExecutor = request.getfixturevalue("over_ray")
    return over_ray


@pytest.fixture
def workspace(make: MakeExecutor, tmp_path: Path, png: bytes) -> Iterator[Bench]:
    """Return a provider that answers with images."""
    handle = start_embedded(MockConfig(fixed_bytes=png))
    yield Bench(make, tmp_path, handle)
    handle.stop()


@pytest.fixture
def addresses(make: MakeExecutor, tmp_path: Path) -> Iterator[Bench]:
    """Return a provider that answers with addresses."""
    handle = start_embedded(MockConfig(rules=(Rule("url_instead"),)))
    yield Bench(make, tmp_path, handle)
    handle.stop()
