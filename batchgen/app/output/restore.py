"""Images that make room for others, and those that are wanted again: nothing is paid for either. Blocks."""

from contextlib import suppress

from batchgen.engine.context import Note
from batchgen.ledger import Ledger
from batchgen.storage import Folder


def put_back(ledger: Ledger, folder: Folder, note: Note) -> int:
    """Put wanted images from `superseded/` back, as when an edit was taken back; how many.

    What stands in their places steps aside in turn. One whose file is gone stays as it is, and so does one whose place
    is taken by a file that the ledger does not know.
    """
    count = 0
    for image in ledger.images.superseded_wanted():
        source, target = folder.root / image.path, folder.root / image.place
        if not source.exists() or (image.owner is None and target.exists() and not target.samefile(source)):
            continue
        below = image.place.removeprefix("images/")
        gone = folder.publish(source, below, replaces=image.owner, sha256=image.sha256)
        ledger.images.restore(image, gone)
        with suppress(OSError):  # a second name left over does no harm
            source.unlink()
        note("returned", key=image.job_key, slot=image.slot, path=image.place)
        count += 1
    return count


def make_room(ledger: Ledger, folder: Folder, note: Note) -> None:
    """Move images to `superseded/` that others replaced under another name, such as another format."""
    for key, slot, path in ledger.images.replaced():
        place = folder.set_aside(path.removeprefix("images/"), key)
        ledger.images.clear_previous(key, slot)
        note("superseded", key=key, slot=slot, path=place)
    for key, slot, path in ledger.images.obsolete():
        place = folder.set_aside(path.removeprefix("images/"), key)
        if place is not None:
            ledger.images.move(key, slot, place)
            note("superseded", key=key, slot=slot, path=place)
