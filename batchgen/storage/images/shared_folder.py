"""Images in a folder of this machine that is not the output's own, such as one that a shop serves."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from batchgen.storage.images.local import LocalStore
from batchgen.storage.images.store import BOOKS, MOST_OWNER, OWNER, book, check_owner, check_owners, owned_by, owner_in
from batchgen.storage.workspace import Workspace


class SharedFolder(LocalStore):
    """A `LocalStore` that knows its owner, and keeps copies of the report."""

    def claim(self, ledger: str, *, anew: bool = False, shard: str = "") -> tuple[str, ...]:
        """Write down the owner, unless one is there."""
        place, mine = Workspace(self.root), book(OWNER, shard)
        check_owners(str(self.root), _owners(place), shard)
        if place.exists(mine) and not anew:
            check_owner(str(self.root), f"file://{self.root.resolve()}", _read(place, mine), ledger)
        place.write(mine, owned_by(ledger))
        return ()

    def owner(self, shard: str = "") -> str:
        """Read whose this folder is, or a shard of it; empty where nothing says so."""
        place, mine = Workspace(self.root), book(OWNER, shard)
        return owner_in(_read(place, mine)) if place.exists(mine) else ""

    def mirror(self, files: Mapping[str, Path]) -> None:
        """Copy files beside the images."""
        place = Workspace(self.root)
        for path, file in files.items():
            place.write(path, file.read_bytes())

    def fetch(self, path: str, file: BinaryIO) -> bool:
        """Write a file that was mirrored into a file of the output's own; False when there is none."""
        place = Workspace(self.root)
        if not place.exists(path):
            return False
        with place.open(path) as kept:
            shutil.copyfileobj(kept, file)
        return True


def _owners(place: Workspace) -> Iterator[str]:
    """Give the paths where owners are, or may be, written down."""
    for name in place.names(BOOKS):
        yield f"{BOOKS}/{name}"
        if (place.root / BOOKS / name).is_dir() and place.exists(one := f"{BOOKS}/{name}/{OWNER}"):
            yield one


def _read(place: Workspace, path: str) -> bytes:
    with place.open(path) as file:
        return file.read(MOST_OWNER)
