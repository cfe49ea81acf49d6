"""Batches at providers between runs: what the ledger knows of them, and asking for them to be cancelled."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from batchgen import catalog, manifest
from batchgen.app.config.environment import environment, proxies_in
from batchgen.app.config.lanes import LaneConfig, access_to, lanes_of
from batchgen.app.config.locate import kept_path
from batchgen.app.output.maintain import opened
from batchgen.errors import InputError
from batchgen.executor.batch_client import BatchClient, BatchRefusedError
from batchgen.ledger import BatchRow, BatchState
from batchgen.model import Settings
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
    variables = environment()
    lanes = _lanes_of_runs(output, variables) if chosen else {}
    return asyncio.run(_cancel_all([(row, _lane(row, lanes)) for row in chosen], variables))


async def _cancel_all(rows: Sequence[tuple[BatchRow, LaneConfig]], variables: Mapping[str, str]) -> list[Cancelled]:
    return [await _cancel(row, lane, variables) for row, lane in rows]


async def _cancel(row: BatchRow, lane: LaneConfig, variables: Mapping[str, str]) -> Cancelled:
    """Ask at the address to which the batch went, which the ledger recorded."""
    access, provider = access_to(lane, variables), replace(lane.provider, base_url=row.base_url)
    own = {name: secret.reveal() for name, secret in access.headers.items()}
    key, proxies = access.key.reveal() if access.key else None, proxies_in(variables)
    client = BatchClient(provider, key, SystemClock(), own_headers=own, proxies=proxies)
    assert row.provider_id is not None, "what was submitted has an id there"
    async with client.session():
        try:
            told = await client.cancel(row.provider_id)
        except BatchRefusedError as error:
            return Cancelled(row, error.verdict.message or error.verdict.code)
    return Cancelled(row, "" if told else "it cannot be cancelled any more")


def _lanes_of_runs(output: Path | None, variables: Mapping[str, str]) -> Mapping[str, Sequence[LaneConfig]]:
    """Return the providers as the runs of an output had them, by run: their manifests say where their files are."""
    found: dict[str, Sequence[LaneConfig]] = {}
    with opened(output, readonly=True) as (ledger, workspace, _):
        for run in ledger.runs.latest_first():
            command = json.loads(run.command)
            if not command.get("manifest"):
                continue
            with suppress(InputError):
                read = manifest.read(kept_path(command["manifest"], workspace.root), command.get("provider"))
                found[run.run_id] = lanes_of(read, variables, None)
    return found


def _lane(row: BatchRow, lanes: Mapping[str, Sequence[LaneConfig]]) -> LaneConfig:
    """Return the provider that has a batch: as its own run had it, or any other run, or as the catalogue knows it."""
    for some in (lanes.get(row.run_id, ()), *lanes.values()):
        if lane := next((one for one in some if one.name == row.provider), None):
            return lane
    settings = Settings("")
    try:
        return LaneConfig(catalog.provider(row.provider), settings)
    except InputError as error:
        why = f"{row.id} was submitted to {row.provider}, which no manifest of this folder names any more"
        raise InputError(f"{why}: bring its provider file back") from error
