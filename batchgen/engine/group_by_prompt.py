"""Slots of a job that are drawn with other words than its own."""

from collections.abc import Sequence

from batchgen.model import Job

Words = tuple[tuple[int, str], ...]
"""Slots, and the prompt that each is drawn with instead of its job's."""


def said(job: Job, slots: Sequence[int], words: Words) -> list[tuple[Job, tuple[int, ...]]]:
    """Return the job as it is asked for, with the slots that one prompt draws; a call has one prompt."""
    if not words:
        return [(job.saying(None), tuple(slots))]
    others = dict(words)
    prompts = dict.fromkeys(others.get(slot) for slot in slots)
    return [(job.saying(prompt), tuple(slot for slot in slots if others.get(slot) == prompt)) for prompt in prompts]
