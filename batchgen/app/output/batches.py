"""Batches at providers between runs: what the ledger knows of them, and asking for them to be cancelled."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batchgen import catalog
from batchgen.app.config.environment import environment, headers_for, key_for, proxies_in
from batchgen.app.output.maintain import opened
from batchgen.errors import InputError
from batchgen.executor import BatchRefusedError
from batchgen.executor.batch_client import BatchClient
from batchgen.ledger import BatchRow, BatchState
from batchgen.runtime.clock import SystemClock

ALL = "all"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What came of asking for one batch to be cancelled; `refused` says why the provider did not take it."""

    batch: BatchRow
    refused: str = ""


def list_batches(output: Path | None = None) -> Sequence[BatchRow]:
    """List every batch of an output, the oldest first."""
    with opened(output, readonly=True) as (ledger, _, _):
        return ledger.batches.every()


def cancel_batches(output: Path | None, which: str) -> Sequence[Cancelled]:
    """Ask the providers to cancel a batch, by its id here or there, or all that are open."""
    rows = list_batches(output)
    there = [row for row in rows if row.state is BatchState.SUBMITTED]
    chosen = there if which == ALL else [row for row in there if which in {row.id, row.provider_id}]
    if not chosen and which != ALL:
        known = any(which in {row.id, row.provider_id} for row in rows)
        raise InputError(
            f"{which} is not at its provider: it has ended, or the next run settles it"
            if known
            else f"no batch {which} is known here: batchgen batches lists them"
        )
    return asyncio.run(_cancel_all(chosen))


async def _cancel_all(rows: Sequence[BatchRow]) -> list[Cancelled]:
    return [await _cancel(row) for row in rows]


async def _cancel(row: BatchRow) -> Cancelled:
    """Ask at the address to which the batch went, which the ledger recorded."""
    provider, variables = catalog.provider(row.provider, row.base_url), environment()
    key, headers = key_for(provider, variables), headers_for(provider, variables)
    own = {name: secret.reveal() for name, secret in headers.items()}
    client = BatchClient(
        provider, key.reveal() if key else None, SystemClock(), own_headers=own, proxies=proxies_in(variables)
    )
    assert row.provider_id is not None, "what was submitted has an id there"
    async with client.session():
        try:
            told = await client.cancel(row.provider_id)
        except BatchRefusedError as error:
            return Cancelled(row, error.verdict.message or error.verdict.code)
    return Cancelled(row, "" if told else "it cannot be cancelled any more")
