"""The asynchronous way: a call is submitted and charged, and its images are fetched by the id of its task."""

import json
from dataclasses import dataclass, field
from typing import Any

from batchgen.mock.config import MockConfig
from batchgen.mock.performer import Performance, Performer
from batchgen.mock.reply import Reply, as_json, error, html, rate_limited, server_error
from batchgen.mock.seeded import draw
from batchgen.runtime.clock import Clock

WAITING = ("pending", "processing")


@dataclass(slots=True)
class Task:
    """One submitted call: when it came, how often it was asked for, and what became of it."""

    id: str | int
    performed: Performance
    began: float
    polls: int = 0
    told: Reply | None = None

    @property
    def fault(self) -> str:
        """What is odd about its life."""
        return self.performed.fault.task or ""


@dataclass(slots=True)
class Tasks:
    """Every task of one server."""

    config: MockConfig
    clock: Clock
    performer: Performer
    _known: dict[str, Task] = field(default_factory=dict)

    def submit(self, performed: Performance) -> Reply:
        """Take a call that has been charged, and tell the id of its task."""
        number = len(self._known) + 1
        plain = f"task_{number:06d}{int(draw(self.config.seed, 'task', number) * 16**6):06x}"
        odd: dict[str, str | int] = {"odd_id": f"../tasks/{plain}?a=b#c d", "number_id": 7_000_000 + number}
        name = odd.get(performed.fault.task or "", plain)
        self._known[str(name)] = Task(name, performed, self.clock.monotonic())
        return as_json(200, {"code": 200, "data": [{"status": "submitted", "task_id": name}]})

    async def poll(self, name: str, origin: str) -> Reply:
        """Tell how far a task is, and its images when they are there."""
        task = self._known.get(name)
        if task is None or task.fault == "lost":
            return error(404, f"task '{name}' does not exist", "task_not_exist")
        task.polls += 1
        reads = task.performed.hit.number("reads", 1 if task.fault.startswith("poll_") else float("inf"))
        if task.fault and task.polls <= reads and (odd := _odd(task.fault)):
            return odd
        if not self._is_done(task):
            state = WAITING[0] if task.polls == 1 else WAITING[1]
            return _told(task, state, progress=min(99, task.polls * 30))
        return await self._ended(task, origin)

    def _is_done(self, task: Task) -> bool:
        if task.fault == "stuck":
            return False
        seconds = self.config.task_seconds + task.performed.hit.number("delay", 0)
        return task.polls > self.config.task_polls and self.clock.monotonic() - task.began >= seconds

    async def _ended(self, task: Task, origin: str) -> Reply:
        if task.fault == "unknown_state":
            return _told(task, "reviewing", progress=100)
        if task.fault == "no_images":
            return _told(task, "completed", progress=100, result={"images": []})
        if (failure := _failure(task)) is not None:
            return _told(task, "failed", progress=100, error=failure)
        if task.told is None:
            told = await self.performer.reply(task.performed, origin)
            task.told = _told(task, "completed", progress=100, result={"images": _images(told)})
        return task.told


def _odd(fault: str) -> Reply | None:
    odd = {
        "poll_500": server_error(),
        "poll_429": rate_limited("requests", 5, 5, 1, 0.05),
        "poll_404": error(404, "task is not visible yet", "task_not_exist"),
        "poll_html": html(502, "Bad Gateway"),
        "poll_empty": Reply(200, b""),
        "poll_401": error(401, "Incorrect API key provided.", "invalid_api_key"),
        "poll_403": error(403, "You have no permission to read tasks.", "permission_denied"),
    }
    return odd.get(fault)


def _failure(task: Task) -> Any:
    if task.fault == "failed":
        return {"code": "image_generation_failed", "message": "The upstream worker failed.", "type": "api_error"}
    instead = task.performed.instead
    return None if instead is None else _json(instead)["error"]


def _images(told: Reply) -> list[Any]:
    value = _json(told)
    data = value.get("data") if isinstance(value, dict) else None
    return data if isinstance(data, list) else []


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        return {}


def _told(task: Task, state: str, **more: Any) -> Reply:
    created = task.performed.resolved.created
    return as_json(200, {"code": 200, "data": {"id": task.id, "status": state, "created": created, **more}})
