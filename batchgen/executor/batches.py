"""The batches of one provider: what a run needs to submit them and to collect what they bring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from batchgen.executor.batch_client import BatchClient
from batchgen.executor.batch_input import BatchInput
from batchgen.executor.batch_output import OutputFiles
from batchgen.executor.protocol import Setup
from batchgen.executor.response_handler import ResponseHandler
from batchgen.model import BatchRules


class ProviderBatches:
    """Where batches go. `key` is the one that was given, for what is learned of its limits."""

    def __init__(self, setup: Setup) -> None:
        self.provider, self.key = setup.provider, setup.key
        self.rules = setup.provider.batch or BatchRules()
        self.client = BatchClient(setup.provider, setup.key, setup.clock, setup.own_headers, setup.proxies)
        self.input = BatchInput(setup)
        self.output = OutputFiles(self.client, ResponseHandler(setup))

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
