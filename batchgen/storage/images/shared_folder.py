"""Images in a folder of this machine that is not the output's own, such as one that a shop serves."""

import json
from collections.abc import Mapping
from pathlib import Path

from batchgen.errors import InputError
from batchgen.storage.images.local import LocalStore
from batchgen.storage.workspace import Workspace

OWNER = "batchgen/owner.json"


class SharedFolder(LocalStore):
    """A `LocalStore` that knows its owner, and keeps copies of the report."""

    def claim(self, ledger: str, *, anew: bool = False) -> tuple[str, ...]:
        """Write down the owner, unless one is there."""
        place = Workspace(self.root)
        if place.exists(OWNER) and not anew and _owner(place) != ledger:
            raise InputError(
                f"{self.root} belongs to another ledger: batchgen adopt file://{self.root.resolve()} makes one here "
                "that knows its images; or choose another --store"
            )
        place.write(OWNER, json.dumps({"batchgen": 1, "ledger": ledger}).encode())
        return ()

    def mirror(self, files: Mapping[str, Path]) -> None:
        """Copy files beside the images."""
        place = Workspace(self.root)
        for path, file in files.items():
            place.write(path, file.read_bytes())


def _owner(place: Workspace) -> str:
    try:
        with place.open(OWNER) as file:
            return str(json.load(file)["ledger"])
    except (ValueError, KeyError, TypeError):
        return ""
