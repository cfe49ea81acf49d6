"""Find the output folder and the ledger that a command means."""

import json
import os
from pathlib import Path

from batchgen.errors import InputError, StorageError
from batchgen.storage import Workspace
from batchgen.storage.workspace import LEDGER, RUNS

OUTPUT = "output"
"""The folder in which each manifest has its own, unless it is told otherwise."""


def find_output(output: Path | None) -> Path:
    """Return the output folder that is meant: the one named, or the one of the latest run below `output/`."""
    if output is not None:
        if not output.is_dir():
            raise InputError(f"{output} is not a folder; name an output folder such as output/my-catalogue")
        return output
    here = Path(OUTPUT)
    found = {path: runs[-1] for path in here.iterdir() if (runs := _runs(path))} if here.is_dir() else {}
    if not found:
        raise InputError("no output folder below output/; name one, or begin with batchgen run MANIFEST")
    return max(found, key=found.__getitem__)


def output_of(manifest: Path, name: str) -> Path:
    """Return the output folder of a manifest that names none: where it was drawn before, else `output/NAME` here.

    It is looked for in the working directory and in the nearest folder at or above the manifest, so that another
    working directory buys nothing again. InputError when both hold one, and they are not the same.
    """
    here = Path(OUTPUT) / name
    above = (folder / OUTPUT / name for folder in manifest.resolve().parents)
    near = next((path for path in above if _holds_state(path)), None)
    if near is None or (here.is_dir() and near.samefile(here)):
        return here
    if _holds_state(here):
        raise InputError(
            f"{name} was drawn into two folders, {here.resolve()} and {near}: say which one is meant with --output"
        )
    return near


def _holds_state(output: Path) -> bool:
    """Whether runs were made into a folder: it has a ledger, or runs of a shared one."""
    return os.path.lexists(output / LEDGER) or bool(_runs(output))


def find_ledger(output: Path) -> Path:
    """Return the ledger of an output folder: its own, or the shared one that its latest run names."""
    if os.path.lexists(output / LEDGER):
        return output / LEDGER
    for run in reversed(_runs(output)):
        named = (run_status(Workspace(output), run) or {}).get("ledger")
        if isinstance(named, str) and (output / named).exists():
            return output / named
    raise InputError(f"{output} has no ledger; if images are there, batchgen adopt {output} rebuilds it")


def run_status(workspace: Workspace, run_id: str) -> dict[str, object] | None:
    """Read what a run last said of itself; None when it said nothing that can be read."""
    try:
        with workspace.open(f"{RUNS}/{run_id}/status.json") as file:
            facts = json.load(file)
    except (StorageError, OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def _runs(output: Path) -> tuple[str, ...]:
    try:
        return Workspace(output).runs()
    except StorageError:  # a file, or a link where the runs should be
        return ()


def as_kept(manifest: Path, output: Path) -> str:
    """Return a manifest's path as the ledger keeps it: relative to the output folder, so that both can move."""
    return os.path.relpath(manifest.absolute(), output.absolute())


def kept_path(kept: str, output: Path) -> Path:
    """Return the path of a manifest that the ledger keeps."""
    return Path(os.path.normpath(output.absolute() / kept))


def catalogue_of(output: Path, ledger: Path) -> str:
    """Return an output folder as its ledger calls it: relative to the ledger, so that both can move together."""
    return os.path.relpath(output.resolve(), ledger.parent.resolve())
