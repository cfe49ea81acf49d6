"""What the ledger has open, each with what is written down when it comes: attempts, and images at addresses."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from batchgen.engine.context import RunContext, told
from batchgen.engine.decide import PAID, halt, mismatch, state_of
from batchgen.executor.protocol import Came
from batchgen.ledger import AttemptRow, BatchRow, Ledger, PendingDownload
from batchgen.model import (
    AT_STORE,
    NO_REASON,
    Attempt,
    AttemptState,
    Lost,
    OnMismatch,
    Pending,
    Quote,
    Reason,
    ReasonCode,
    Receipt,
    RemoteImage,
    Route,
    Settlement,
    SlotState,
    Stems,
)

T = TypeVar("T")

WAITS = (2.0, 10.0, 60.0, 240.0, 580.0)
"""Waits after each look that brought nothing, as multiples of the back-off's base: a quarter of an hour in all."""


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """What earlier runs left: attempts that nobody saw the end of, images at addresses, batches at providers.

    Images at addresses that our rules `refused` are looked at once, in case other rules let them come.
    """

    attempts: tuple[AttemptRow, ...] = ()
    downloads: tuple[PendingDownload, ...] = ()
    batches: tuple[BatchRow, ...] = ()
    refused: tuple[PendingDownload, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.attempts or self.downloads or self.batches or self.refused)

    @classmethod
    def in_ledger(cls, ledger: Ledger) -> "LeftOpen":
        """Read what is open. Blocks.

        An attempt that was given up is among it while all its images are missed: its answer may turn up after all.
        """
        attempts = ledger.attempts.orphans() + ledger.attempts.pending()
        if given_up := ledger.attempts.missed():
            held = {(job.job_key, slot) for job in ledger.risk.uncertain() for slot in job.slots}
            missed = held | ledger.reviews.doubted()
            attempts += tuple(row for row in given_up if {(row.job_key, slot) for slot in row.slots} <= missed)
        batches = ledger.batches.open() + ledger.batches.with_files()
        return cls(attempts, ledger.downloads.waiting(), batches, ledger.downloads.refused())


@dataclass(eq=False)
class OpenItem(ABC, Generic[T]):
    """Something that comes later. `ask` is what its executor is asked, `looks` counts how often it was.

    `ended` is how it ended; it is `unseen` when it has not come in this run. `booked`: the ledger has news of it.
    """

    context: RunContext
    ask: Pending | Attempt
    unseen: T
    looks: int = field(default=0, kw_only=True)
    booked: bool = field(default=False, kw_only=True)
    began: float = field(init=False)
    ended: "asyncio.Future[T]" = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.context.clock.monotonic()
        self.ended = asyncio.get_running_loop().create_future()

    def end(self, how: T) -> None:
        """Tell who waits for it, if anybody still does."""
        if not self.ended.done():
            self.ended.set_result(how)

    def give_up(self) -> None:
        """Leave it to the next run."""
        self.end(self.unseen)

    def next_wait(self) -> float | None:
        """Seconds to the next look where its executor does not say when; None when that is for the next run."""
        return WAITS[min(max(self.looks, 1), len(WAITS)) - 1] * self.context.settings.retry.base_seconds

    @property
    def _attempt(self) -> Attempt | None:
        return self.ask if isinstance(self.ask, Attempt) else self.ask.attempt

    @property
    def job_key(self) -> str:
        """Whose it is; empty where nobody said so."""
        return self._attempt.job_key if self._attempt else ""

    @property
    def is_tired(self) -> bool:
        """Whether this run has waited as long as a call may take; what goes by another route has no such end."""
        attempt = self._attempt
        waited = self.context.clock.monotonic() - self.began
        by_call = attempt is not None and attempt.route is Route.SYNC
        return by_call and waited > self.context.settings.retry.deadline_seconds

    @property
    def outlives_stop(self) -> bool:
        """Whether it is looked at although the run stops."""
        return False

    @property
    @abstractmethod
    def group(self) -> str:
        """Names those that are asked for together."""

    @abstractmethod
    async def book(self, came: Came) -> bool:
        """Write down what a look brought; whether its executor may forget it now."""


@dataclass(eq=False)
class OwnAttempt(OpenItem[Receipt | Lost | None]):
    """An attempt of this run that was accepted; its job waits for it, and settles it."""

    group = "attempts"

    async def book(self, came: Came) -> bool:
        if not isinstance(came, Pending):
            self.end(came)
        return False


@dataclass(eq=False)
class LeftAttempt(OpenItem[bool | None]):
    """An attempt of an earlier run: settled when it has come, at risk when it is lost; None while it is to come."""

    row: AttemptRow

    group = "attempts"

    @classmethod
    def of(cls, context: RunContext, row: AttemptRow, looks: int = 0) -> "LeftAttempt":
        """Ask for it as it stands in the ledger."""
        attempt = attempt_of(row)
        ask = attempt if row.handle is None else Pending(row.id, row.handle, row.next_look, row.expires, attempt)
        return cls(context, ask, None, row, looks=looks)

    def next_wait(self) -> None:
        """Whoever does not know when it comes does not keep a run from ending."""

    async def book(self, came: Came) -> bool:
        match came:
            case Receipt():
                await self._settle(came)
            case Lost() if self.row.handle and not any(
                lane.is_called(self.row.provider) for lane in self.context.lanes
            ):
                self.give_up()  # asked with somebody else's key: that says nothing of it
            case Lost():
                await self._lose(came)
            case Pending() if self._is_over(came):
                await self._lose(
                    Lost(self.row.id, "its provider is asked no more, and keeps no result as long as this")
                )
            case Pending():
                await self._park(came)
        return isinstance(came, Receipt)

    def _is_over(self, pending: Pending) -> bool:
        """Whether nobody of this run can ask for it, and there is no result any more: nobody waits for ever."""
        nobody = pending.next_look is None and not any(lane.is_called(self.row.provider) for lane in self.context.lanes)
        return nobody and pending.expires is not None and self.context.clock.now() >= pending.expires

    async def _settle(self, receipt: Receipt) -> None:
        await settle_late(self.context, self.row, receipt)
        self.booked = True
        self.end(how=True)

    async def _lose(self, lost: Lost) -> None:
        row = self.row
        if row.state is not AttemptState.AT_RISK:
            await self.context.offload(self.context.ledger.attempts.to_at_risk, row.id, lost.why)
            self.context.note("orphaned", attempt=row.id, job=row.job_id, at_risk_micro_usd=row.reserved)
            self.booked = True
        self.end(how=False)

    async def _park(self, pending: Pending) -> None:
        """Remember how it is found, unless the ledger gave it up: then that stays so until it has come."""
        row = self.row
        if pending.handle == AT_STORE:
            self.context.note("occupied", attempt=row.id, job=row.job_id, why=pending.why)
        if row.state is not AttemptState.AT_RISK and row.handle != pending.handle:
            await park(self.context, pending)
            self.row = replace(row, state=AttemptState.PENDING, handle=pending.handle)


@dataclass(eq=False)
class WaitingImage(OpenItem[SlotState]):
    """A paid image that waits at an address."""

    download: PendingDownload
    why: Reason = field(default=NO_REASON, kw_only=True)
    """What the latest look ran into."""
    odd: bool = field(default=False, kw_only=True)
    """Whether it came, is not as asked, and may be asked for once more."""

    @classmethod
    def of(cls, context: RunContext, download: PendingDownload, looks: int = 0) -> "WaitingImage":
        """Ask for it at its address."""
        remote = RemoteImage(download.slot, download.url, download.expires)
        ask = Pending(download.attempt_id, "", expires=download.expires, attempt=image_attempt(download), remote=remote)
        return cls(context, ask, SlotState.NOT_STARTED, download, looks=looks)

    @property
    def group(self) -> str:
        return self.download.attempt_id

    @property
    def outlives_stop(self) -> bool:
        """What this run drew gets its one try; what has waited since an earlier run can wait for the next."""
        return self.looks == 0 and self.download.run_id == self.context.run_id

    def next_wait(self) -> float | None:
        return None if self.looks > len(WAITS) else super().next_wait()

    @property
    def is_tired(self) -> bool:
        """How long it is waited for, its looks say."""
        return False

    @property
    def is_ours(self) -> bool:
        """Whether this run's provider drew it, at the same address: only then what is refused is refused for good."""
        lane, download = self.context.lane_of(self.download.provider), self.download
        provider = lane.provider
        return lane.is_called(download.provider) and download.base_url in {None, provider.base_url}

    async def book(self, came: Came) -> bool:
        context, download = self.context, self.download
        facts = {"attempt": download.attempt_id, "job": download.job_id, "slot": download.slot}
        if not isinstance(came, Receipt):
            self.why = because(came)
        if isinstance(came, Lost) and download.refused:
            self.end(SlotState.LOST_PAID)  # as it was
            return False
        self.booked = True
        match came:
            case Receipt():
                await self._store(came, facts)
            case Lost() if self.is_ours:
                lose = partial(context.ledger.downloads.lose, refused=came.refused)
                await context.offload(lose, download, self.why)
                context.note("lost", **facts, why=came.why, call_micro_usd=download.call_cost)
                self.end(SlotState.LOST_PAID)
            case Lost() | Pending():
                await context.offload(context.ledger.downloads.postpone, download, self.why)
                context.note("postponed", **facts, why=came.why)
        return isinstance(came, Receipt)

    async def _store(self, receipt: Receipt, facts: dict[str, object]) -> None:
        """Fail what is not as asked, or ask for it once more, where the user wants that; its file stays."""
        context, download, (image,) = self.context, self.download, receipt.images
        await context.offload(context.ledger.downloads.store, download, image)
        stored = told(download.job_key, image_attempt(download).request, ("", download.provider), [image])
        context.note("downloaded", **facts, pictures=1, cost_micro_usd=0, **stored)
        self.odd = context.settings.on_mismatch is OnMismatch.RETRY_ONCE and bool(mismatch(image))
        if marks := not_taken(context, receipt):
            await context.offload(context.ledger.images.mark, download.job_key, marks)
        self.end(SlotState.FAILED if marks else SlotState.STORED)


def because(came: Lost | Pending) -> Reason:
    """Say what a look at an address ran into."""
    refused = isinstance(came, Lost) and came.refused
    return Reason(ReasonCode.DOWNLOAD, "address_refused" if refused else "", came.why)


def not_taken(context: RunContext, receipt: Receipt) -> dict[int, tuple[SlotState, Reason]]:
    """Slots whose images are not as asked, where the user does not take these: their files stay."""
    if context.settings.on_mismatch is not OnMismatch.FAIL:
        return {}
    return {one.slot: (SlotState.FAILED, reason) for one in receipt.images if (reason := mismatch(one))}


def attempt_of(row: AttemptRow) -> Attempt:
    """Return an attempt as the ledger remembers it."""
    paths, quote = {slot: row.path(slot, "") for slot in row.slots}, Quote(row.low, row.expected, row.high)
    return replace(_known(row, row.id, paths, quote), model=row.model, purpose=row.purpose, route=row.route)


def image_attempt(download: PendingDownload) -> Attempt:
    """Return the part of an attempt that one of its images is."""
    cost = download.call_cost
    return _known(download, download.attempt_id, {download.slot: download.path("")}, Quote(cost, cost, cost))


def _known(row: AttemptRow | PendingDownload, name: str, paths: Mapping[int, str], quote: Quote) -> Attempt:
    """Make an attempt of what the ledger knows of it; `paths` are those of its slots."""
    return Attempt(
        id=name,
        run_id=row.run_id,
        job_key=row.job_key,
        job_id=row.job_id,
        request=row.request,
        stems=_stems(paths),
        model="",
        provider=row.provider,
        slots=tuple(paths),
        quote=quote,
        replaces=row.replaces,
    )


def _stems(paths: Mapping[int, str]) -> Stems:
    """Where the images in some slots go; nothing is said of the others."""
    return Stems(tuple(paths.get(slot, "").removesuffix(".") for slot in range(max(2, *paths) + 1)))


async def settle_late(
    context: RunContext, row: AttemptRow, receipt: Receipt, marks: Mapping[int, tuple[SlotState, Reason]] | None = None
) -> Settlement | None:
    """Close an attempt that no job waits for any more; `marks` decide its slots. What it cost, if anything."""
    state, lane = state_of(receipt), context.lane_of(row.provider)
    settlement = lane.price_list.settle_late(attempt_of(row), receipt) if state in PAID else None
    if stop := halt(receipt.verdict):
        context.close_part(lane, (row.request.operation, row.model), stop)
    decided = {**not_taken(context, receipt), **(marks or {})}
    await context.offload(context.ledger.attempts.settle, receipt, state, settlement, decided)
    context.note(
        "recovered",
        attempt=row.id,
        job=row.job_id,
        state=state.value,
        code=receipt.verdict.code,
        message=receipt.verdict.message,
        cost_micro_usd=settlement.cost if settlement else 0,
        pictures=len(receipt.images),
        began=row.started.isoformat(),
        **told(row.job_key, row.request, (row.model, row.provider), receipt.images),
    )
    return settlement


async def park(context: RunContext, pending: Pending) -> None:
    """Write down that an attempt was accepted: from now on it is no orphan, whatever happens to this run."""
    next_look = pending.next_look or context.clock.now()
    await context.offload(context.ledger.attempts.park, pending.attempt_id, pending.handle, next_look, pending.expires)


def with_attempt(pending: Pending, ask: Pending | Attempt) -> Pending:
    """Say what is pending, with what was asked."""
    attempt = ask if isinstance(ask, Attempt) else ask.attempt
    return replace(pending, attempt=pending.attempt or attempt)
