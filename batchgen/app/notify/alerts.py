"""What a run tells people at once, while it goes on, as they can do something about it: each thing once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from batchgen.model import Cause
from batchgen.providers.verdict import OTHER_SHAPE
from batchgen.text import safe


@dataclass(frozen=True, slots=True)
class Alert:
    """Words for people; those with one `key` are told once."""

    key: str
    words: str
    urgent: bool = True


def alert(event: str, facts: Mapping[str, Any], where: Callable[[str], str]) -> Alert | None:
    """Say what there is to tell about an event of a run; `where` is the address of a provider."""
    match event:
        case "closed":
            advice = Cause(facts["cause"]).advice
            rest = "what nobody else draws waits for a later run, and all else goes on"
            return Alert(facts["why"], "; ".join(filter(None, (safe(facts["why"], 300), advice, rest))))
        case "batch_unseen":
            then = "with the provider and the key that it was submitted with, the same command collects it"
            return Alert(facts["batch"], f"{facts['batch']}: {facts['why']}; {then}")
        case "batch_status_unknown":
            then = "batchgen does not know that word, and waits; batchgen batches shows it, and --cancel ends the batch"
            return Alert(f"status {facts['status']}", f"{facts['batch']} is {facts['status']!r}: {then}", urgent=False)
        case "batch_unread":
            why = f"what {facts['batch']} brought cannot be read now: {safe(facts['why'], 300)}"
            return Alert(facts["batch"], f"{why}; the same command reads it again, and nothing is asked for again")
        case "provider_out":
            why = f"{facts['provider']} is not asked any more: {safe(facts['why'], 200)}; its jobs go on elsewhere"
            return Alert(facts["provider"], why)
        case _:
            return _of_answer(facts, where)


def _of_answer(facts: Mapping[str, Any], where: Callable[[str], str]) -> Alert | None:
    """Say what is odd about an answer: who gave it, or where its images stand."""
    word, other_shape = facts.get("cause", ""), facts.get("code") == OTHER_SHAPE
    if not other_shape and word in {Cause.NONE, Cause.NO_MODEL}:  # a model that is gone is told when it is closed
        return None
    at = where(facts.get("look", {}).get("provider", ""))
    if other_shape:
        return Alert(facts["message"], f"{at}{safe(facts['message'], 300)}; they are read there", urgent=False)
    cause = Cause(word)
    return Alert(cause.value, f"{at}{cause.what}; {cause.advice}")
