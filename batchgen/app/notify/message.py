"""The words of a notification: what ended and why, images, money, what to do next. Pure; no prompt is ever in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from batchgen.app.config.exit_status import WELL, ended, next_step
from batchgen.errors import AccountError, BatchgenError, Exit, InputError, StorageError
from batchgen.model import Event
from batchgen.money import MicroUSD, exact
from batchgen.text import counted, duration, safe

_STOPPED = frozenset({Exit.LIMIT, Exit.ACCOUNT, Exit.UNAVAILABLE, Exit.SIGINT, Exit.SIGTERM})
_MONEY = ("confirmed", "estimated", "at_risk", "not_charged")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a short title and a few lines."""

    event: Event
    title: str
    body: str


def event_of(exit_: Exit) -> Event:
    """Say what an exit status is to somebody who is told."""
    if exit_ in WELL:
        return Event.DONE
    return Event.STOPPED if exit_ in _STOPPED else Event.FAILED


def of_run(name: str, exit_: Exit, summary: Mapping[str, Any], output: object) -> Message:
    """How a run ended, from the object of `run --json`; of its words only our own, as others may repeat a prompt."""
    now = summary["this_run"]
    cause = str(summary.get("cause") or "")
    lines = (
        safe(summary.get("reason") or "", 400),
        f"images: {_images(summary['images'])}",
        f"money of this run: {', '.join(_amounts(now['money'])) or 'nothing was spent'}",
        f"took: {duration(now['seconds'])}",
        f"folder: {safe(output, 400)}, run {safe(summary['run_id'])}",
        _next(exit_, cause, summary),
    )
    return Message(event_of(exit_), _title(name, exit_, cause), "\n".join(line for line in lines if line))


def of_failure(name: str, error: Exception) -> Message:
    """Tell of a run that could not begin, or that broke, and nothing that may hold a cell of the manifest."""
    exit_ = error.exit if isinstance(error, BatchgenError) else Exit.BUG
    lines = (_why(error), _next(exit_))
    return Message(event_of(exit_), _title(name, exit_), "\n".join(line for line in lines if line))


def _title(name: str, exit_: Exit, cause: str = "") -> str:
    return f"batchgen {safe(name, 60)}: {ended(exit_, cause)} (exit {exit_:d})"


def _next(exit_: Exit, cause: str = "", summary: Mapping[str, Any] = MappingProxyType({})) -> str:
    step = next_step(exit_, cause, summary)
    return f"next: {step}" if step else ""


def _why(error: Exception) -> str:
    match error:
        case InputError(problems=problems):
            errors = counted(len(problems), "error")
            return f"{errors} in the manifest or the command; nothing was spent; batchgen check says which"
        case AccountError() | StorageError():
            return safe(error, 400)
        case BatchgenError():
            return "nothing was spent"
        case _:
            return f"a bug: {type(error).__name__}"


def _images(images: Mapping[str, int]) -> str:
    states = ("moderated", "failed", "uncertain", "lost_paid", "submitted", "not_started")
    rest = (f"{images[state]:,} {state.replace('_', ' ')}" for state in states if images.get(state))
    return ", ".join((f"{images['stored']:,} of {images['wanted']:,} stored", *rest))


def _amounts(money: Mapping[str, Any]) -> Iterator[str]:
    for name in _MONEY:
        if amount := money.get(f"{name}_micro_usd"):
            yield f"{exact(MicroUSD(amount))} {name.replace('_', ' ')}"
