"""Find the output folder and the ledger that a command means."""

import json
import os
from pathlib import Path

from batchgen.errors import InputError

LEDGER = "ledger.db"


def find_output(output: Path | None) -> Path:
    """The output folder that is meant: the one named, or the one of the latest run below `output/`."""
    if output is not None:
        if not output.is_dir():
            raise InputError(f"{output} is no folder; name an output folder such as output/my-catalogue")
        return output
    here = Path("output")
    found = [path for path in here.iterdir() if (path / "runs").is_dir()] if here.is_dir() else []
    if not found:
        raise InputError("no output folder below output/; name one, or begin with batchgen run MANIFEST")
    return max(found, key=lambda path: max((p.name for p in (path / "runs").iterdir()), default=""))


def find_ledger(output: Path) -> Path:
    """The ledger of an output folder: its own, or the shared one that its latest run names."""
    if os.path.lexists(output / LEDGER):
        return output / LEDGER
    for run in sorted((output / "runs").glob("*/status.json"), reverse=True):
        try:
            named = json.loads(run.read_text(encoding="utf-8")).get("ledger")
        except (OSError, ValueError):
            continue
        if isinstance(named, str) and (output / named).exists():
            return output / named
    raise InputError(f"{output} has no ledger; if images are there, batchgen adopt {output} rebuilds it")


def catalogue_of(output: Path, ledger: Path) -> str:
    """An output folder as its ledger calls it: relative to the ledger, so that both can move together."""
    return os.path.relpath(output.resolve(), ledger.parent.resolve())
