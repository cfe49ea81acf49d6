"""What an executor is: the place where attempts are made, on this machine or elsewhere, at once or later."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import KW_ONLY, dataclass, field
from typing import Protocol

from batchgen.executor.proxies import DIRECT, Proxies, secrets_of
from batchgen.model import Attempt, Lost, Pending, Prepare, Provider, Receipt
from batchgen.runtime.clock import Clock, Offload
from batchgen.storage import ImageStore, Workspace

Came = Receipt | Pending | Lost
"""What is known of an attempt: what it brought, that it comes later, or that nothing will come of it."""


class Executor(Protocol):
    """Makes attempts, somewhere, and brings in what they bring. Nothing is asked again after it has been sent.

    All methods but `session` are for use within a session. They raise StorageError when the local disk refuses;
    everything that arrived is kept then. What a provider or a network does is never an exception.
    """

    def session(self) -> AbstractAsyncContextManager[None]:
        """Get ready, and let go of everything at the end; attempts under way break off there, and can be collected."""

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Make these attempts, each once: one result for each, in their order. Give it each attempt only once.

        The images of a receipt are durably in place. Nothing of an attempt is thrown away before `forget`.
        """

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - the noun of the ledger
        """Look for what these bring: one result for each, in their order. Sends no attempt.

        An attempt stands for itself when its run died; what is pending for what was accepted, or for one image that
        waits at an address. An attempt that is not known here is lost; what was accepted elsewhere stays pending,
        without a next look. Asking twice gives the same receipt, also to another executor on the same workspace, until
        it is told to forget.
        """

    async def forget(self, attempt_id: str) -> None:
        """Throw away what was kept of an attempt, as the ledger has it. Harmless when there is nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class Setup:
    """What an executor works with: one provider, one output folder, and what all of a run has in common.

    `spare` is a folder on another disk for paid answers that the output folder has no room for; `collect` brings them
    back. `own_headers` are those of the provider file, with their values, which are secrets like the key; `proxies` say
    what is reached through one.
    """

    provider: Provider
    key: str | None
    workspace: Workspace
    store: ImageStore
    _: KW_ONLY
    clock: Clock
    offload: Offload
    prepare: Prepare = field(default_factory=Prepare)
    spare: Workspace | None = None
    own_headers: Mapping[str, str] = field(default_factory=dict)
    proxies: Proxies = DIRECT

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no answer, and nobody who reads one, may see again."""
        return secrets_of(self.key, self.own_headers)


MakeExecutor = Callable[[Setup], Executor]
"""Makes an executor for one provider and one output folder."""
