"""The store of an output: owned before anything is paid, told when it changes, given copies of the books."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from batchgen.app.config.options import Options
from batchgen.app.config.project import Project
from batchgen.app.config.stores import store_of
from batchgen.errors import Problem, Severity, StorageError
from batchgen.ledger import Ledger
from batchgen.storage import ImageStore, NewImage, StoredFile, Workspace, sha256_of
from batchgen.storage.derived import DERIVATIVES, names, read
from batchgen.storage.images.store import SNAPSHOT, book
from batchgen.storage.workspace import REPORT, THUMBS
from batchgen.text import counted

OWN = "."
"""What a ledger calls the output whose folder it lies in."""
_COPY = "copy"
_PIECE = 1024 * 1024


def begin(
    project: Project, options: Options, ledger: Ledger, store: ImageStore, workspace: Workspace
) -> Sequence[Problem]:
    """Claim the store, and say what people should know: conditions it ignores, images that are kept elsewhere."""
    notices = list(store.claim(ledger.stores.identity(), shard=shard_of(project)))
    before, former = ledger.stores.address(), ledger.stores.former()
    if project.store != before:
        former = _shown(before, project.output) if ledger.images.any_stands() else ""
        ledger.stores.use(project.store, former=former)
    if source := options.copy_from:
        copied = copy_images(ledger, store_of(project.output, source, project.variables), store, workspace)
        ledger.stores.use(project.store)
        notices.append(f"{counted(copied, 'image')} copied from {source}")
    elif former and former != _shown(project.store, project.output):
        notices.append(
            f"images may still be in {former}: nothing is drawn again for that; --copy-from {former} copies them"
        )
    return [Problem(why, None, Severity.WARNING) for why in notices]


def _shown(address: str, output: Path) -> str:
    """Name a place of images so that `--copy-from` takes it."""
    return address or f"file://{output.resolve()}"


def copy_images(ledger: Ledger, source: ImageStore, target: ImageStore, workspace: Workspace) -> int:
    """Copy stored images that the target does not have, each checked by its hash; how many."""
    count = 0
    for image in list(ledger.images.stored()):
        if target.head(image.path) is not None or source.head(image.path) is None:
            continue
        spool = workspace.spool(f"{_COPY}-{image.job_key[:24]}-{image.slot}")
        part = spool.part(0)
        with source.open(image.path) as file:
            if sha256_of(file) != image.sha256:
                raise StorageError(f"{image.path}: its hash differs from the one in the ledger; batchgen verify tells")
            file.seek(0)
            while piece := file.read(_PIECE):
                part.write(piece)
        path = part.close().path
        target.put_all([NewImage(path, image.path, image.sha256, image.job_key, image.slot)])
        ledger.images.note_e_tag(image, target.e_tag(image.path))
        spool.discard()
        count += 1
    return count


def mirror(project: Project, ledger: Ledger, store: ImageStore, workspace: Workspace, files: Iterable[Path]) -> None:
    """Give the store report and derivatives, and a snapshot of a ledger that serves this output alone.

    Shards share a store.
    """
    if not project.store:
        return
    root = workspace.root
    report = f"{REPORT}-{shard}" if (shard := shard_of(project)) else REPORT
    named = {f"{report}/{file.name}": file for file in files}
    named |= {f"{report}{THUMBS.removeprefix(REPORT)}/{one}": root / THUMBS / one for one in workspace.names(THUMBS)}
    store.mirror(named | _derivatives(store, workspace))
    if project.catalogue == OWN:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "ledger.db"
            ledger.copy_to(copy)
            store.mirror({book(SNAPSHOT, shard): copy})


def _derivatives(store: ImageStore, workspace: Workspace) -> dict[str, Path]:
    """Say which derivatives the store does not have as they are by now."""
    made = {(name, one.source): one for name in names(workspace) for one in read(workspace, name)}
    kept = {one.path: one for one in store.listing(DERIVATIVES)} if made else {}
    files = {one.path: workspace.root / one.path for one in made.values() if workspace.exists(one.path)}
    return {path: file for path, file in files.items() if path not in kept or _differs(kept[path], file)}


def _differs(kept: StoredFile, file: Path) -> bool:
    now = file.stat()
    return kept.bytes != now.st_size or kept.since < now.st_mtime


def shard_of(project: Project) -> str:
    """Name the shard that is drawn; empty where it is all of a manifest."""
    return project.shard.name if project.shard else ""
