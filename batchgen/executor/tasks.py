"""Tasks of a provider that draws later: each is asked for by its id until it has ended, and never submitted again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import uniform

from batchgen.executor.exchange import Exchange
from batchgen.executor.part_writer import PartWriter
from batchgen.executor.protocol import Came
from batchgen.executor.response_handler import ResponseHandler
from batchgen.model import Attempt, Lost, Pending, Provider, TaskRules
from batchgen.providers.decode import BodyKind, Document
from batchgen.providers.retry_after import retry_after
from batchgen.providers.shapes import images_anywhere
from batchgen.providers.tasks import TaskState, state_of_task, task_answer, task_complaint, task_id, task_request
from batchgen.providers.wire import WireRequest
from batchgen.redact import opened, redacted, sealed
from batchgen.runtime.clock import Clock

AT_ONCE = 16
"""Tasks that are asked for side by side."""
GROWTH, LONGEST = 1.6, 15
"""How the time between two looks grows, and to how many times the shortest."""
MOST_UNKNOWN = 6
"""Looks in a row at a task that its provider does not know: one that is new may not be seen yet."""
_UNKNOWN = frozenset({404, 410})

Ask = Callable[[WireRequest, Attempt], Awaitable[tuple[Exchange, PartWriter]]]
"""Sends a question about an attempt once; what its answer holds of images goes to the attempt's spool."""


@dataclass(eq=False)
class Tasks:
    """The tasks of one provider, seen by one executor."""

    provider: Provider
    clock: Clock
    answers: ResponseHandler
    ask: Ask
    _looks: Counter[str] = field(default_factory=Counter)
    _unknown: Counter[str] = field(default_factory=Counter)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def accepted(self, attempt: Attempt, document: Document) -> Pending | None:
        """Return what a call was accepted as; None when its images are here, or when it was given no id."""
        rules = self.provider.at(attempt.model).task
        if rules is None or images_anywhere(document)[0] or not (name := task_id(document, rules)):
            return None
        ends = self.clock.now() + timedelta(seconds=rules.life)
        return self._later(Pending(attempt.id, self._handle(name), expires=ends, attempt=attempt), rules)

    def knows(self, handle: str) -> bool:
        """Whether a handle names a task where this provider is."""
        return handle.startswith(self._handle(""))

    async def look(self, waiting: Pending) -> Came:
        """Ask once how far a task is, and bring in what it brought."""
        attempt = waiting.attempt
        assert attempt is not None, "what is pending is asked for with what was asked"
        rules = self.provider.at(attempt.model).task
        if rules is None or not self.knows(waiting.handle):
            return replace(
                waiting, next_look=None, why="submitted at another address, or before its rules were changed"
            )
        self._looks[attempt.id] += 1
        async with self._places:
            call, intake = await self.ask(self._question(waiting, rules), attempt)
        if call.status in _UNKNOWN:
            return self._missed(waiting, rules)
        self._unknown.pop(attempt.id, None)
        document = _whole(call)
        if document is None:
            return self._open(waiting, rules, call)
        match state_of_task(document, rules):
            case TaskState.DONE:
                answer = task_answer(document, attempt, self.provider.at(attempt.model), rules)
                return await self.answers.settle(attempt, call, intake, document, answer)
            case TaskState.FAILED:
                return await self.answers.fail(attempt, call, intake, document, task_complaint(document, rules))
            case TaskState.OPEN:
                for part in tuple(intake.facts):
                    intake.drop(part)
                return self._open(waiting, rules, call)

    def _question(self, waiting: Pending, rules: TaskRules) -> WireRequest:
        name = waiting.handle.removeprefix(self._handle(""))
        return task_request(self.provider, rules, opened(name, self.answers.secrets) or name)

    def _missed(self, waiting: Pending, rules: TaskRules) -> Came:
        """Look again for a task that its provider does not know, a few times; then nothing will come of it."""
        self._unknown[waiting.attempt_id] += 1
        if self._unknown[waiting.attempt_id] >= MOST_UNKNOWN:
            return Lost(waiting.attempt_id, "its provider does not know the task any more")
        return self._open(waiting, rules, None)

    def _open(self, waiting: Pending, rules: TaskRules, call: Exchange | None) -> Came:
        """Say when to look again, as the provider asks or later each time; a task beyond its life is lost."""
        now = self.clock.now()
        if waiting.expires is not None and now >= waiting.expires:
            return Lost(waiting.attempt_id, f"the task did not end within {rules.life / 3600:g} hours")
        told = retry_after(call.headers, "", now) if call and call.status is not None else None
        refusal = self.answers.refusal(call) if call else None
        return self._later(replace(waiting, why=self._why(call), refusal=refusal), rules, told)

    def _later(self, waiting: Pending, rules: TaskRules, told: float | None = None) -> Pending:
        shortest = float(rules.every)
        wait = shortest * min(GROWTH ** min(self._looks[waiting.attempt_id], 20), LONGEST)
        seconds = max(told or 0.0, uniform(wait / 2, wait))  # noqa: S311 - jitter, no secret
        return replace(waiting, next_look=self.clock.now() + timedelta(seconds=seconds))

    def _why(self, call: Exchange | None) -> str:
        if call is None:
            return "its provider does not know the task yet"
        if call.status is None:
            return redacted(call.detail, self.answers.secrets, 200)
        return "" if 200 <= call.status < 300 else f"HTTP {call.status}"

    def _handle(self, name: str) -> str:
        """Spell a task with the address where it was accepted, which holds no blank."""
        return f"{self.provider.base_url} {sealed(name, self.answers.secrets)}"


def _whole(call: Exchange) -> Document | None:
    """Return a success that came whole; anything else says nothing of its task, and is asked for again."""
    document = call.body.close() if call.body else None
    if document is None or call.status is None or not 200 <= call.status < 300:
        return None
    spoiled = call.trouble or (call.body and call.body.trouble)
    return document if document.whole and document.kind is BodyKind.JSON and not spoiled else None
