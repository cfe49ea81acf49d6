"""How a job stands in the ledger."""

from batchgen.ledger import Known
from batchgen.model import Job, OutcomeKind, ReasonCode, SlotState


def job_status(job: Job, known: Known) -> OutcomeKind:
    """Say what a job has come to, over all runs so far."""
    if not (known.slots or known.submitted):
        return OutcomeKind.NOT_STARTED
    slots = [slot for slot in known.slots if slot.index < job.n and not slot.pending]
    states = [slot.state for slot in slots]
    incomplete = any(slot.state is SlotState.FAILED and slot.reason.code is ReasonCode.INCOMPLETE for slot in slots)
    comes = any(index < job.n for index in known.submitted)
    if states.count(SlotState.STORED) == job.n:
        return OutcomeKind.SUBMITTED if comes else OutcomeKind.DONE
    if any(slot.state is SlotState.UNCERTAIN and not slot.reason.is_undecided for slot in slots):
        return OutcomeKind.HELD
    if comes:
        return OutcomeKind.SUBMITTED
    if SlotState.UNCERTAIN in states:
        return OutcomeKind.NOT_STARTED
    if len([state for state in states if state is not SlotState.NOT_STARTED]) < job.n:
        return OutcomeKind.NOT_STARTED
    if SlotState.STORED in states and not incomplete:
        return OutcomeKind.PARTIAL
    return OutcomeKind.MODERATED if set(states) == {SlotState.MODERATED} else OutcomeKind.FAILED
