"""The batches of one provider: what a run needs to submit them and to collect what they bring."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from batchgen.executor.batch_client import BatchClient
from batchgen.executor.batch_input import BatchInput
from batchgen.executor.batch_output import OutputFiles
from batchgen.executor.proxies import DIRECT, Proxies, secrets_of
from batchgen.executor.response_handler import ResponseHandler
from batchgen.model import BatchRules, Prepare, Provider
from batchgen.runtime.clock import Clock, Offload
from batchgen.storage import ImageStore, Workspace


class ProviderBatches:
    """Where batches go. `key` is the one that was given, for what is learned of its limits."""

    def __init__(  # noqa: PLR0913 - collaborators, all but four by name
        self,
        provider: Provider,
        key: str | None,
        workspace: Workspace,
        store: ImageStore,
        *,
        clock: Clock,
        offload: Offload,
        prepare: Prepare | None = None,
        own_headers: Mapping[str, str] | None = None,
        proxies: Proxies = DIRECT,
    ) -> None:
        self.provider = provider
        self.rules = provider.batch or BatchRules()
        self.key = key
        self.client = BatchClient(provider, key, clock, own_headers, proxies)
        self.input = BatchInput(provider, workspace, prepare or Prepare(), offload)
        handler = ResponseHandler(provider, workspace, store, clock, offload, secrets_of(key, own_headers))
        self.output = OutputFiles(self.client, workspace, handler, clock, offload)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Be ready to connect."""
        async with self.client.session():
            yield

    def client_at(self, base_url: str) -> BatchClient:
        """Return the client for the address to which a batch went."""
        return self.client.at(base_url)

    def output_at(self, base_url: str) -> OutputFiles:
        """Return the reader of what a batch brought, at the address to which it went."""
        return replace(self.output, client=self.client.at(base_url))
