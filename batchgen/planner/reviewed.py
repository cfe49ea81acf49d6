"""What people's decisions mean for a job: kept as it was, drawn with another prompt, or waiting to be approved."""

from collections.abc import Sequence
from dataclasses import replace
from unicodedata import normalize

from batchgen.engine.group_by_prompt import Prompts
from batchgen.ledger import Approved, Known, Slot
from batchgen.model import Job, SlotState


def as_approved(job: Job, approved: Sequence[Approved]) -> Job:
    """Give the job as it was when its images were approved; the job itself where they are its own, or none.

    What was approved says nothing of what the manifest writes by now.
    """
    if not approved or any(one.key == job.key for one in approved):
        return job
    return replace(job, key=approved[0].key, request=approved[0].request, asked=job.request, template="")


def approval(job: Job, preview: str, approved: Sequence[Approved]) -> Approved | str:
    """Return the approved preview of a job, or why the job waits."""
    for one in approved:
        if normalize("NFC", one.request.prompt) == normalize("NFC", job.request.prompt):
            return one
    if approved:
        return f"waits: its preview {preview} was approved with another prompt; reject it to have it drawn anew"
    return f"waits for approval of its preview {preview}"


def prompts_for(
    job: Job, known: Known, slots: Sequence[int], preview: Approved | str | None, *, redraw: bool
) -> Prompts:
    """Give the prompts of slots that are not drawn with the job's own: reworded ones, rejected ones with their notes.

    A job follows its preview: it is drawn with the prompt that the approved one was drawn with.
    """
    if not known.slots and not isinstance(preview, Approved):
        return ()
    by_index = {slot.index: slot for slot in known.slots}
    asked = (job.asked or job.request).prompt
    shown = preview.prompt if isinstance(preview, Approved) else None
    prompts = []
    for index in slots:
        slot = by_index.get(index, Slot(index, SlotState.NOT_STARTED))
        before = (None if job.asked else slot.prompt) or shown or asked
        prompt = "\n".join(filter(None, (before, slot.note))) if redraw else before
        if prompt != asked:
            prompts.append((index, prompt))
    return tuple(prompts)
