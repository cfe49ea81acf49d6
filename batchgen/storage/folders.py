"""Folders that are used again and again stay open: each is found by its path once, and looked at before each use."""

import os
from pathlib import Path

from batchgen.storage.durable import folder, step

MOST_KEPT = 32


class Folder:
    """A folder that is open as long as somebody holds it."""

    __slots__ = ("_found", "_path", "fd")

    def __init__(self, descriptor: int, path: str = "") -> None:
        """Take over a descriptor, and the path by which it was found where that will be looked at again."""
        self.fd = descriptor
        self._path = path
        self._found = os.fstat(descriptor) if path else None

    def still(self) -> bool:
        """Tell whether this folder is the one with its path still."""
        try:
            now = os.stat(self._path, follow_symlinks=False)  # noqa: PTH116 - no object for each look
        except OSError:
            return False
        found = self._found
        return found is not None and now.st_ino == found.st_ino and now.st_dev == found.st_dev

    def __del__(self) -> None:
        """Close it: nobody holds it any more."""
        os.close(self.fd)


class Folders:
    """Opens folders below a root, none through a link, and keeps the last few open. For any number of threads."""

    def __init__(self, root: Path) -> None:
        """Open nothing yet."""
        self._root = root
        self.name = str(root)
        self._kept: dict[tuple[str, ...], Folder] = {}

    def open(self, parts: tuple[str, ...], mode: int | None = None, *, confirmed: bool = False) -> Folder:
        """Open a folder; with a mode, missing ones are made, durably. OSError when that cannot be.

        `confirmed`: its name is durable also where somebody else made it.
        """
        kept = self._kept.get(parts)
        if kept is not None and kept.still():
            return kept
        with folder(self._root, parts, mode) as found:
            new = Folder(os.dup(found), "/".join((self.name, *parts)))
        if confirmed:
            with folder(self._root, parts[:-1]) as above:
                os.fsync(above)
        self._kept[parts] = new
        for oldest in list(self._kept)[:-MOST_KEPT]:
            self._kept.pop(oldest, None)
        return new

    def below(self, parts: tuple[str, ...]) -> Folder:
        """Open a folder that is there and is used once, by way of the kept one above it."""
        if not parts:
            return self.open(parts)
        above = self.open(parts[:-1])  # held until the other one is open
        return Folder(step(above.fd, parts[-1], None, durable=False))
