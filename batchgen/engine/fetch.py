"""Brings images home that were paid for and wait at an address; none is drawn again because of a download."""

import asyncio
from collections.abc import Sequence

from batchgen.engine.context import RunContext, told
from batchgen.engine.decide import mismatch
from batchgen.errors import StorageError
from batchgen.executor import NotFetched
from batchgen.ledger import PendingDownload
from batchgen.model import OnMismatch, RemoteImage, SlotState, Stop, StopKind, StoredImage

AT_ONCE = 8
WAITS = (2.0, 10.0, 60.0, 240.0, 580.0)
"""Waits between the six tries of one image, as multiples of the back-off's base: a quarter of an hour in all."""


class Fetcher:
    """Fetches waiting images; what does not come in this run is tried again in the next while its address lives.

    `odd` holds attempt and slot of those that are not as asked and may be asked for once more.
    """

    def __init__(self, bench: RunContext) -> None:
        self._bench = bench
        self._places = asyncio.Semaphore(AT_ONCE)
        self.odd: set[tuple[str, int]] = set()

    async def fetch(self, pending: PendingDownload) -> SlotState:
        """Try until the image is stored or lost; NOT_STARTED when it stays where it is for now."""
        for wait in (*WAITS, None):
            state = await self.once(pending)
            if state is not SlotState.NOT_STARTED or wait is None or self._bench.stops:
                return state
            await self._bench.pause(wait * self._bench.settings.retry.base_seconds)
        return SlotState.NOT_STARTED

    async def once(self, pending: PendingDownload) -> SlotState:
        """One try, written down whatever came of it; storage that refuses stops the run."""
        bench = self._bench
        remote = RemoteImage(pending.slot, pending.url, pending.expires)
        try:
            async with self._places:
                if bench.stops and pending.run_id != bench.run_id:
                    return SlotState.NOT_STARTED  # it has waited since an earlier run, and can wait for the next
                found = await bench.download(
                    remote, pending.attempt_id, pending.path, pending.request, pending.replaces
                )
            return await self._book(pending, found)
        except StorageError as error:
            bench.stops.add(Stop(StopKind.STORAGE, str(error)))
            return SlotState.NOT_STARTED

    async def _book(self, pending: PendingDownload, found: StoredImage | NotFetched) -> SlotState:
        bench = self._bench
        facts = {"attempt": pending.attempt_id, "job": pending.job_id, "slot": pending.slot}
        match found:
            case StoredImage():
                await bench.offload(bench.ledger.downloads.store, pending, found)
                await bench.tidy(pending.attempt_id)
                stored = told(pending.job_key, ("", pending.provider), [found])
                bench.note("downloaded", **facts, pictures=1, cost_micro_usd=0, **stored)
                return await self._accept(pending, found)
            case NotFetched(final=True) if self._is_ours(pending):
                await bench.offload(bench.ledger.downloads.lose, pending, found.why)
                bench.note("lost", **facts, why=found.why, call_micro_usd=pending.call_cost)
                return SlotState.LOST_PAID
            case NotFetched():
                await bench.offload(bench.ledger.downloads.postpone, pending, found.why)
                bench.note("postponed", **facts, why=found.why)
                return SlotState.NOT_STARTED

    def _is_ours(self, pending: PendingDownload) -> bool:
        """Whether this run's provider drew it, at the same address: only then what is refused is refused for good."""
        provider = self._bench.provider
        return pending.provider == provider.name and pending.base_url in {None, provider.base_url}

    async def _accept(self, pending: PendingDownload, image: StoredImage) -> SlotState:
        """What is not as asked fails, or is asked for once more, where the user wants that; its file stays."""
        why, wanted = mismatch(image), self._bench.settings.on_mismatch
        if why and wanted is OnMismatch.RETRY_ONCE:
            self.odd.add((pending.attempt_id, pending.slot))
        if not why or wanted is not OnMismatch.FAIL:
            return SlotState.STORED
        marks = {pending.slot: (SlotState.FAILED, why)}
        await self._bench.offload(self._bench.ledger.images.mark, pending.job_key, marks)
        return SlotState.FAILED

    async def backlog(self, pending: Sequence[PendingDownload]) -> list[PendingDownload]:
        """One try for each image that an earlier run left, the soonest to expire first; those worth another one."""
        states = await asyncio.gather(*(self.once(one) for one in pending))
        left = [one for one, state in zip(pending, states, strict=True) if state is SlotState.NOT_STARTED]
        return [one for one in left if self._is_ours(one)]
