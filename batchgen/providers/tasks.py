"""Reads the answers of a provider that draws later: the id of a task, its state, and the images that it brought."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from batchgen.model import Attempt, Provider, TaskRules, Usage
from batchgen.providers.answer import Answer, echo_of, usage_of
from batchgen.providers.api_error import ApiError
from batchgen.providers.cost import stated_cost
from batchgen.providers.decode import Document
from batchgen.providers.shapes import bearer, images_anywhere, said_in
from batchgen.providers.wire import WireRequest, address

LONGEST_ID = 500
_DOTS = frozenset({".", ".."})
"""Names that mean a folder, however they are spelled: no segment of a path can be one of them."""


class TaskState(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


def task_id(document: Document, rules: TaskRules) -> str:
    """Return the id that a provider gave a call, as text; empty where the answer has none."""
    found = _at(document.value, rules.id)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    text = str(found)
    return text if 0 < len(text) <= LONGEST_ID and text.isprintable() and text not in _DOTS else ""


def task_request(provider: Provider, rules: TaskRules, name: str) -> WireRequest:
    """Build the question for a task: whatever its id holds is one segment of a path at the provider's own origin."""
    path = rules.path.replace("{id}", quote(name, safe=""))
    return WireRequest("GET", address(provider, path, ""), (("Accept", "application/json"),), b"")


def state_of_task(document: Document, rules: TaskRules) -> TaskState:
    """Read the state of a task, in whatever case; a word that nobody knows says that it goes on."""
    word = str(_at(document.value, rules.state)).strip().casefold()
    if word in {one.casefold() for one in rules.failed}:
        return TaskState.FAILED
    return TaskState.DONE if word in {one.casefold() for one in rules.done} else TaskState.OPEN


def task_answer(document: Document, attempt: Attempt, provider: Provider, rules: TaskRules) -> Answer:
    """Read what a task brought that is done, or what it complains of."""
    items, _ = images_anywhere(_part(document, rules.result))
    told = bearer(document.value)
    usage = usage_of(told, takes_images=bool(attempt.request.images or attempt.request.files))
    if (cost := stated_cost(document.value, provider.cost)) is not None:
        usage = replace(usage or Usage(), cost=cost)
    return Answer(items, usage, echo_of(told), task_complaint(document, rules))


def task_complaint(document: Document, rules: TaskRules) -> ApiError | None:
    """Say what the answer about a task complains of: beside its state, or as any answer does."""
    owner, _, _ = rules.state.rpartition(".")
    return said_in(_at(document.value, owner) if owner else None) or said_in(document.value)


def _part(document: Document, place: str) -> Document:
    """Return the part of an answer at a place, with the images that stand there."""
    if not place:
        return document
    names = tuple(step for step in place.split(".") if not step.isdigit())
    runs = tuple(run for run in document.runs if run.names[: len(names)] == names)
    return replace(document, value=_at(document.value, place), runs=runs)


def _at(value: Any, place: str) -> Any:
    """Walk to a dotted place; None where there is nothing."""
    for step in place.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value
