"""What every worker of a run shares: the permits, the books, the way to the provider."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from batchgen.engine.lane import Lane, Part
from batchgen.engine.stop_reasons import StopReasons
from batchgen.errors import StorageError
from batchgen.executor.protocol import Executor
from batchgen.ledger import Ledger
from batchgen.model import Attempt, ImageRequest, Job, Purpose, Route, Settings, Stop, StopKind, StoredImage
from batchgen.pricing import Offers
from batchgen.runtime.change import first_of
from batchgen.runtime.clock import Clock, Offload

if TYPE_CHECKING:  # as in `lane`
    from batchgen.executor.batches import ProviderBatches

T = TypeVar("T")


class Note(Protocol):
    """Takes one event of the run for the log: a name and its facts."""

    def __call__(self, event: str, /, **facts: Any) -> None: ...


TOLD = ("slot", "path", "sha256", "bytes", "width", "height", "format")
_facts = attrgetter(*TOLD)


def told(
    key: str, request: ImageRequest, drawn_by: tuple[str, str], images: Sequence[StoredImage]
) -> dict[str, object]:
    """Say what a log must say of stored images, so that a lost ledger can be rebuilt from it."""
    model, provider = drawn_by
    look = {"model": model, "provider": provider, "operation": request.operation}
    return {"key": key, "look": look, "stored": [dict(zip(TOLD, _facts(image), strict=True)) for image in images]}


@dataclass(frozen=True)
class RunContext:
    """The collaborators of one run.

    `lanes` are its providers, in the order of `offers`, which say who can draw a job and for how much. `forget` says
    that the ledger has what an attempt brought, so that nothing of it needs to be kept any more. `check_output` raises
    StorageError when the output is not this run's any more: nothing more is paid then.
    """

    run_id: str
    lanes: tuple[Lane, ...]
    offers: Offers
    settings: Settings
    ledger: Ledger
    offload: Offload
    executor: Executor
    forget: Callable[[str], Awaitable[None]]
    clock: Clock
    stops: StopReasons
    new_id: Callable[[], str]
    note: Note
    check_output: Callable[[], None] = lambda: None

    @property
    def lane(self) -> Lane:
        """The only provider, where there is one; otherwise the first."""
        return self.lanes[0]

    @property
    def batches(self) -> "ProviderBatches":
        """The way of its batches."""
        assert self.lane.batches is not None, "whoever asks has batches there"
        return self.lane.batches

    def attempt(
        self,
        lane: Lane,
        job: Job,
        slots: tuple[int, ...],
        *,
        purpose: Purpose,
        replaces: str | None,
        route: Route = Route.SYNC,
    ) -> Attempt:
        """Make a new attempt for slots of a job at a provider."""
        prices = lane.price_list
        return Attempt(
            id=self.new_id(),
            run_id=self.run_id,
            job_key=job.key,
            job_id=job.id,
            request=job.request,
            stems=job.stems,
            model=prices.model_of(job.request),
            provider=lane.name,
            slots=slots,
            quote=prices.quote(job.request, len(slots), batch=route is Route.BATCH),
            inherited=job.inherited,
            purpose=purpose,
            replaces=replaces,
            route=route,
            deadline=self.settings.retry.deadline_seconds,
            stream=route is Route.SYNC and prices.streams(job.request),
        )

    def lane_of(self, provider: str) -> Lane:
        """Return the provider that has or had this name; the first for one that is not of this run."""
        return next((lane for lane in self.lanes if lane.is_called(provider)), self.lanes[0])

    def only(self, lane: Lane) -> "RunContext":
        """Return the same run with a single provider, for what is done at one after the other."""
        return replace(self, lanes=(lane,), offers=Offers((lane.offer,)))

    def able(self, job: Job) -> tuple[Lane, ...]:
        """Return the providers that can draw a job, whether they are still asked or not."""
        if len(self.lanes) == 1:
            return self.lanes
        names = {offer.name for offer in self.offers.able(job)}
        return tuple(lane for lane in self.lanes if lane.name in names)

    def close_part(self, lane: Lane, part: Part, stop: Stop) -> bool:
        """Ask a provider no more for what alone a stop is about, if it is; that is told once."""
        known = lane.shut(part)
        closed = lane.close_part(part, stop)
        if closed and closed is not known:
            self.note("closed", provider=lane.name, why=closed.words, cause=closed.cause.value)
            if len(self.lanes) == 1:
                self.stops.leave_undone(closed)
        return closed is not None

    def take_out(self, lane: Lane, stop: Stop) -> None:
        """Ask a provider no more; the run stops for what stopped its last one."""
        others = any(one.stop is None for one in self.lanes if one is not lane)
        if lane.stop and len(self.lanes) > 1:
            return
        if others:
            self.note("provider_out", provider=lane.name, kind=stop.kind.value, why=stop.words)
        lane.close(stop)
        if not others:
            self.stops.add(stop)

    async def write(self, work: Callable[[], T]) -> T | None:
        """Write into the books; a disk that refuses stops the run, and gives None."""
        try:
            return await self.offload(work)
        except StorageError as error:
            self.stops.add(Stop(StopKind.STORAGE, str(error)))
            return None

    async def pause(self, seconds: float) -> None:
        """Wait; a stop of the run ends the wait."""
        await first_of(self.clock.sleep(seconds), self.stops.wait())
