"""Slots of a job that are drawn with another prompt than its own."""

from collections.abc import Sequence

from batchgen.model import Job

Prompts = tuple[tuple[int, str], ...]
"""Slots, and the prompt that each is drawn with instead of its job's."""


def group_by_prompt(job: Job, slots: Sequence[int], own: Prompts) -> list[tuple[Job, tuple[int, ...]]]:
    """Return the job as it is asked for, with the slots that one prompt draws; a call has one prompt."""
    if not own:
        return [(job.saying(None), tuple(slots))]
    others = dict(own)
    prompts = dict.fromkeys(others.get(slot) for slot in slots)
    return [(job.saying(prompt), tuple(slot for slot in slots if others.get(slot) == prompt)) for prompt in prompts]
