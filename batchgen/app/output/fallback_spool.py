"""A folder on another disk, for paid answers that the output folder has no room for."""

import hashlib
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import W_OK, X_OK, access, geteuid
from pathlib import Path

from batchgen.storage import Workspace


def fallback_spool(output: Path, variables: Mapping[str, str]) -> Workspace | None:
    """Give the fallback spool of an output folder, always the same one; None without another disk that we may write to.

    Nobody else can write to it: a folder that somebody put there before us is not used.
    """
    here = output.stat().st_dev
    name = f"batchgen-{geteuid()}-{hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:16]}"
    for place in _places(variables):
        with suppress(OSError):
            if _device(place) != here and _own(place / name):
                return Workspace(place / name)
    return None


def leave(workspace: Workspace) -> None:
    """Remove a fallback spool that nothing waits in."""
    with suppress(OSError):
        (workspace.root / "spool").rmdir()
    with suppress(OSError):
        workspace.root.rmdir()


def _places(variables: Mapping[str, str]) -> Iterator[Path]:
    """Places that outlive a restart first, memory last."""
    home = variables.get("HOME")
    state = variables.get("XDG_STATE_HOME") or (f"{home}/.local/state" if home else "")
    names = (state, variables.get("TMPDIR", ""), "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - `_own` looks closely
    yield from (Path(name) for name in names if name.startswith("/"))


def _device(place: Path) -> int:
    return next(path for path in (place, *place.parents) if path.exists()).stat().st_dev


def _own(folder: Path) -> bool:
    """Whether the folder is ours, or will be: it is made when the first answer needs it."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        above = next(path for path in folder.parents if path.exists())
        return access(above, W_OK | X_OK)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == geteuid() and not found.st_mode & 0o022
