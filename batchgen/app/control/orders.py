"""What people tell a run at work: small files in its folder, which it takes, obeys and answers.

An order is of one run, so another one never finds it; what a killed process left behind is never obeyed by the next.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from batchgen.errors import StorageError
from batchgen.model.plain import dump, load
from batchgen.money import MicroUSD
from batchgen.storage import Workspace
from batchgen.storage.workspace import RUNS

ORDER, ANSWER = "order-", "answer-"
MOST_BYTES = 4096


class Do(StrEnum):
    """What a run can be told."""

    PAUSE = "pause"  # start nothing new; what is under way ends
    RESUME = "resume"
    DRAIN = "drain"  # start nothing new, and end when what is under way has ended
    SET = "set"  # change its limits
    REDRAW = "redraw"  # draw rejected images again, within its limits


class By(StrEnum):
    """Whence an order comes."""

    COMMAND = "command"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Order:
    """One thing that a run shall do; None leaves a limit as it is. `user` is whoever told it, by name."""

    do: Do
    concurrency: int | None = None
    max_cost: MicroUSD | None = None
    by: By = By.COMMAND
    user: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a run took an order; `why` says what is so now, or why not."""

    taken: bool
    why: str


class Orders:
    """The orders of one run, as both sides see them. Every method blocks; StorageError when the disk refuses."""

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self._workspace = workspace
        self._folder = f"{RUNS}/{run_id}"

    def give(self, name: str, order: Order) -> None:
        """Leave an order."""
        self._workspace.write(f"{self._folder}/{ORDER}{name}.json", dump(order).encode())

    def answered(self, name: str) -> Answer | None:
        """Take the answer to an order; None while there is none."""
        found: Answer | None = self._taken(f"{ANSWER}{name}.json", Answer)
        return found

    def withdraw(self, name: str) -> bool:
        """Take an order back that nobody took; tells whether it was still there."""
        path = f"{self._folder}/{ORDER}{name}.json"
        there = self._workspace.exists(path)
        self._workspace.remove(path)
        return there

    def waiting(self) -> Iterator[tuple[str, Order | None]]:
        """Go through the orders that were left, the oldest first; None for one that cannot be read."""
        for name in self._workspace.names(self._folder):
            if name.startswith(ORDER) and name.endswith(".json"):
                yield name.removeprefix(ORDER).removesuffix(".json"), self._taken(name, Order)

    def answer(self, name: str, answer: Answer) -> None:
        """Answer an order."""
        self._workspace.write(f"{self._folder}/{ANSWER}{name}.json", json.dumps(asdict(answer)).encode(), durable=False)

    def clear(self) -> None:
        """Forget what is left when the run ends."""
        with suppress(StorageError):
            for name in self._workspace.names(self._folder):
                if name.startswith((ORDER, ANSWER)):
                    self._workspace.remove(f"{self._folder}/{name}")

    def _taken(self, name: str, kind: Any) -> Any:
        """Read a file and remove it; None when it is not there, or no such thing."""
        path = f"{self._folder}/{name}"
        if not self._workspace.exists(path):
            return None
        try:
            with self._workspace.open(path) as file:
                text = file.read(MOST_BYTES)
            self._workspace.remove(path)
            return load(kind, text.decode())
        except (StorageError, ValueError, TypeError, KeyError, RecursionError):
            return None
