"""Bringing an output in line with its ledger, which costs nothing: the spool cleared, images put back or set aside.

A folder on another disk, for paid answers that the output folder has no room for, is brought home here, too.

All of it blocks.
"""

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import W_OK, X_OK, access, geteuid
from pathlib import Path

from batchgen.app.output.maintain import LOST
from batchgen.engine.batch_chunks import BATCH
from batchgen.engine.context import Note
from batchgen.executor.part_writer import bring_home
from batchgen.ledger import Ledger, SupersededImage
from batchgen.model import AttemptState
from batchgen.storage import ImageStore, Workspace

_OPEN = frozenset({AttemptState.DISPATCHED, AttemptState.PENDING})


def clear_spool(ledger: Ledger, workspace: Workspace, spare: Workspace | None) -> None:
    """Remove the spools of settled answers, and keep for people to look at what nobody can explain.

    What belongs to something that is still open stays. The caller holds the folder's lock, and no call is under way.
    """
    if spare:
        bring_home(spare, workspace)
    waiting = {f"{one.attempt_id}-{one.slot}" for one in ledger.downloads.waiting()}
    for name in workspace.spools():
        if name not in waiting:
            _clear(name, ledger, workspace)


def _clear(name: str, ledger: Ledger, workspace: Workspace) -> None:
    """Clear one name; with more behind the attempt's own it is an image from an address, or an unfinished copy."""
    if name.startswith(BATCH):  # what is wanted of a batch is still at the provider, or in the ledger
        workspace.spool(name).discard()
        return
    row, spool = ledger.attempts.find(re.split("[-.]", name)[0]), workspace.spool(name)
    if row is not None and row.state in _OPEN:
        return
    if row is not None and row.state is AttemptState.SETTLED:
        spool.remove()
    else:
        spool.quarantine({"attempt": name, "why": LOST if row else "no ledger knows this answer"})


def put_back(ledger: Ledger, store: ImageStore, note: Note) -> int:
    """Put wanted images from `superseded/` back, as when an edit was taken back; how many.

    What stands in their places steps aside in turn. One whose file is gone stays as it is, and so does one whose place
    is taken by a file that the ledger does not know.
    """
    count = 0
    for image in ledger.images.superseded_wanted():
        if not _can_return(image, store):
            continue
        gone = store.move(image.path, image.place, image.sha256, replacing=image.owner)
        ledger.images.restore(image, gone, store.e_tag(image.place))
        note("returned", key=image.job_key, slot=image.slot, path=image.place)
        count += 1
    return count


def _can_return(image: SupersededImage, store: ImageStore) -> bool:
    """Tell whether the image is there, and its place is free or holds one that makes room for it.

    A run that was killed may have moved it already: then it stands in its place under its own hash.
    """
    if image.owner is not None and store.head(image.path):
        return True
    if not store.taken([image.place]):
        return store.head(image.path) is not None
    standing = store.head(image.place, sha256=True)
    return standing is not None and standing.sha256 == image.sha256


def make_room(ledger: Ledger, store: ImageStore, note: Note) -> None:
    """Move images to `superseded/` that others replaced under another name, such as another format."""
    for key, slot, path in ledger.images.replaced():
        place = store.set_aside(path, key)
        ledger.images.clear_previous(key, slot, place)
        note("superseded", key=key, slot=slot, path=place)
    for key, slot, path in ledger.images.obsolete():
        place = store.set_aside(path, key)
        if place is not None:
            ledger.images.supersede(key, slot, place)
            note("superseded", key=key, slot=slot, path=place)


def fallback_spool(output: Path, variables: Mapping[str, str]) -> Workspace | None:
    """Give the fallback spool of an output folder, always the same one; None without another disk that we may write to.

    Nobody else can write to it: a folder that somebody put there before us is not used.
    """
    here = output.stat().st_dev
    name = f"batchgen-{geteuid()}-{hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:16]}"
    for place in _places(variables):
        with suppress(OSError):
            there = next(path for path in (place, *place.parents) if path.exists())
            if there.stat().st_dev != here and _own(place / name):
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


def _own(folder: Path) -> bool:
    """Whether the folder is ours, or will be: it is made when the first answer needs it."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        above = next(path for path in folder.parents if path.exists())
        return access(above, W_OK | X_OK)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == geteuid() and not found.st_mode & 0o022
