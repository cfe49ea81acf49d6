"""What is left in the spool once everything that was paid has been collected. Blocks."""

import re

from batchgen.app.output.maintain import LOST
from batchgen.engine.batch_submitter import BATCH
from batchgen.executor import bring_home
from batchgen.ledger import Ledger
from batchgen.model import AttemptState
from batchgen.storage import Workspace

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
