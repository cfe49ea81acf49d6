"""What a dead run left: answers that were paid and spooled are finished, everything else is at risk. Blocks."""

import re
from collections.abc import Iterator

from batchgen.app.output.maintain import LOST
from batchgen.engine import mismatch, told
from batchgen.engine.context import Note
from batchgen.executor import finish
from batchgen.ledger import AttemptRow, Ledger
from batchgen.model import AttemptState, OnMismatch, SlotState
from batchgen.pricing import PriceList
from batchgen.storage import Folder


def recover(ledger: Ledger, folder: Folder, tariff: PriceList, note: Note) -> int:
    """Bring the books up to the truth, and say how many calls that took.

    The caller holds the folder's lock, and no call is under way.
    """
    orphans = (*ledger.orphans(), *_late(ledger, folder))
    for orphan in orphans:
        receipt = finish(folder, orphan.id)
        if receipt is None:
            ledger.to_at_risk(orphan.id, LOST)
            note("orphaned", attempt=orphan.id, job=orphan.job_id, at_risk_micro_usd=orphan.reserved)
            continue
        settlement = tariff.settle_orphan(orphan, receipt)
        fails = tariff.settings.on_mismatch is OnMismatch.FAIL
        odd = {one.slot: (SlotState.FAILED, why) for one in receipt.images if fails and (why := mismatch(one))}
        ledger.settle(receipt, AttemptState.SETTLED, settlement, odd)
        facts = {"attempt": orphan.id, "job": orphan.job_id, "cost_micro_usd": settlement.cost}
        stored = told(orphan.job_key, (orphan.model, orphan.provider), receipt.images)
        note("recovered", **facts, pictures=len(receipt.images), **stored)
    for attempt_id in folder.spools():
        _tidy(attempt_id, ledger, folder)
    return len(orphans)


def _late(ledger: Ledger, folder: Folder) -> Iterator[AttemptRow]:
    """Calls that were given up, whose whole answer has turned up after all while their images are still missed."""
    missed = {(job.job_key, slot) for job in ledger.held() for slot in job.slots} | ledger.doubted()
    for attempt_id in folder.spools():
        row = ledger.attempt(attempt_id)
        if row is None or row.state is not AttemptState.AT_RISK or folder.spool(attempt_id).read() is None:
            continue
        if {(row.job_key, slot) for slot in row.slots} <= missed:
            yield row


def _tidy(attempt_id: str, ledger: Ledger, folder: Folder) -> None:
    """Away with the spool of a settled answer; what nobody can explain is kept for people to look at.

    A name with more behind the call's own is a download that broke off, or a copy that was not finished.
    """
    row, spool = ledger.attempt(re.split("[-.]", attempt_id)[0]), folder.spool(attempt_id)
    if row is not None and row.state is AttemptState.SETTLED:
        spool.remove()
    else:
        why = LOST if row else "no ledger knows this answer"
        spool.quarantine({"attempt": attempt_id, "why": why})
