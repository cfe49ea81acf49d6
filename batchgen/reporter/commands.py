"""The commands with which people go on from the page, typed above `output/`, or where the manifest lies."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from batchgen.ledger import RunRow


@dataclass(frozen=True, slots=True)
class Commands:
    """What takes decisions to the ledger, and what draws rejected images again."""

    review: str = "batchgen review review.json"
    again: str = "batchgen run MANIFEST --rejected"


NO_COMMANDS = Commands()


def commands(root: Path, run: RunRow) -> Commands:
    """Write the commands for an output folder whose latest run is known."""
    root = root.absolute()
    kept = json.loads(run.command or "{}").get("manifest") or ""
    if not kept:
        return Commands(f"{NO_COMMANDS.review} {shlex.quote(root.name)}")
    manifest = Path(os.path.normpath(root / kept))
    here = root.parent.parent if root.parent.name == "output" else manifest.parent
    output, again = (
        os.path.relpath(root, here),
        f"batchgen run {shlex.quote(os.path.relpath(manifest, here))} --rejected",
    )
    if output != f"output/{run.manifest}":
        again += f" --output {shlex.quote(output)}"
    return Commands(f"{NO_COMMANDS.review} {shlex.quote(output)}", again)
