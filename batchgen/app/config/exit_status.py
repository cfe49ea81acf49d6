"""How a run ends: the exit status, from why it stopped and what became of the jobs, and its words. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from batchgen.errors import Exit
from batchgen.model import Cause, OutcomeKind, Stop, StopKind
from batchgen.text import counted

ENDED: Mapping[Exit, str] = {
    Exit.OK: "every wanted image is stored",
    Exit.BUG: "stopped by a bug in batchgen",
    Exit.INPUT: "stopped by the input",
    Exit.SOME_FAILED: "finished, some jobs failed for good",
    Exit.LIMIT: "stopped at a limit you set",
    Exit.ACCOUNT: "stopped, the account was refused",
    Exit.UNAVAILABLE: "stopped, the provider is unavailable",
    Exit.HELD: "finished, some jobs are held because they may have been paid",
    Exit.STORAGE: "stopped by local storage",
    Exit.SUBMITTED: "submitted; images wait at the provider",
    Exit.LOCKED: "another run holds the lock",
    Exit.SIGINT: "interrupted; every call is recorded",
    Exit.SIGTERM: "terminated; every call is recorded",
}
"""What each exit status says of a run."""

NEXT: Mapping[Exit, str] = {
    Exit.BUG: "report it with runs/<run id>/error.txt; the same command goes on where this one stopped",
    Exit.INPUT: "mend what is named above and give the same command again",
    Exit.SOME_FAILED: "see report/jobs.csv; reword what moderated.csv lists; --retry-failed pays for tries of the rest",
    Exit.LIMIT: "the same command with a higher limit goes on where this one stopped",
    Exit.ACCOUNT: "look at key, quota and billing (batchgen doctor); the same command then goes on",
    Exit.UNAVAILABLE: "the same command goes on later",
    Exit.HELD: "held jobs stay held: batchgen resolve lists and decides them; --on-uncertain retry asks once more",
    Exit.STORAGE: "make room or mend what is named above; the same command then goes on",
    Exit.SUBMITTED: "the same command collects what waits at the provider; nothing is asked for again",
    Exit.LOCKED: "wait for the other run, or use --if-locked wait",
    Exit.SIGINT: "the same command goes on where this one stopped",
    Exit.SIGTERM: "the same command goes on where this one stopped",
}
"""What to do after each exit status that is not 0."""

SET_BY_PEOPLE = frozenset({StopKind.LIMIT, StopKind.DRAIN})
"""What stops a run because somebody wants it so; where nothing was left to draw it stopped nothing."""

WELL = frozenset({Exit.OK, Exit.SUBMITTED})
"""All is as it should be: nobody needs to be told, and a monitor is content."""


def ended(status: int, cause: str = "") -> str:
    """Say how a run ended; `cause` is the code of what was wrong on the way to the provider."""
    return f"stopped, {Cause(cause).what}" if cause else ENDED.get(Exit(status), "")


def next_step(status: int, cause: str = "", summary: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Say what to do after a run, from the object of `run --json`; empty where nothing is."""
    if cause:
        return f"{Cause(cause).advice}; batchgen doctor tries again, and the same command then goes on"
    waits = next((one["next"] for one in summary.get("waiting") or () if one.get("next")), "")
    if status == Exit.LIMIT and waits and not summary.get("reason"):
        return str(waits)
    if status == Exit.LIMIT and summary.get("stops") == [StopKind.DRAIN]:
        return NEXT[Exit.SIGTERM]
    if status == Exit.HELD:
        return "; ".join(_after_doubts(summary))
    if status == Exit.SOME_FAILED and (steps := list(_after_failures(summary))):
        return "; ".join(steps)
    return NEXT.get(Exit(status), "")


def _after_failures(summary: Mapping[str, Any]) -> Iterator[str]:
    """One step for each way in which jobs ended without all their images."""
    images, later = summary.get("images", {}), summary.get("later", {}).get("failed", 0)
    if images.get("moderated", 0) > summary.get("closed", {}).get("moderated", 0):
        yield "reword moderated.csv, or resolve --accept"
    if images.get("failed", 0) - later + images.get("lost_paid", 0) > 0:
        yield "--retry-failed pays for the failed (jobs.csv)"
    if later or images.get("not_started"):
        yield "the same command tries the rest"
    if summary.get("rows", {}).get("rejected"):
        yield "mend the rows of rejected.csv"


def _after_doubts(summary: Mapping[str, Any]) -> Iterator[str]:
    """Say what becomes of images that may have been paid: those that are held, and those that are asked for again."""
    again = summary.get("later", {}).get("uncertain", 0)
    if again:
        yield f"the same command asks once more for {counted(again, 'image')} that may be paid already"
    if not again or again < summary.get("images", {}).get("uncertain", 0):
        yield NEXT[Exit.HELD]


def exit_status(
    stops: Iterable[Stop],
    outcomes: Mapping[OutcomeKind, int],
    *,
    signal: Exit | None = None,
    refused: bool = False,
    rejected: bool = False,
    charged: bool = False,
    left: bool = True,
) -> Exit:
    """Return the exit status when several reasons apply: 1, 8, a signal, 5, 4, 6, 7, 9, 3, 0 in this order.

    A wrong configuration is 2 while nothing was charged, 5 afterwards; what a provider has no endpoint or no such model
    for 2, then 6. `refused`: a limit of the user's kept a job from starting. What stopped the run, or a part of it,
    when nothing was `left` to draw stopped nothing. `rejected`: rows of the manifest were left out, as they could not
    be jobs. Outcomes and rows that are no news are not in them.
    """
    kinds = {stop.kind for stop in stops}
    closed = StopKind.ENDPOINT in kinds and left
    some_failed = any(
        outcomes.get(kind) for kind in (OutcomeKind.FAILED, OutcomeKind.MODERATED, OutcomeKind.PARTIAL)
    ) or bool(outcomes.get(OutcomeKind.NOT_STARTED) and not kinds and not refused)
    order = (
        (StopKind.BUG in kinds, Exit.BUG),
        (StopKind.STORAGE in kinds, Exit.STORAGE),
        ((StopKind.CONFIG in kinds or closed) and not charged, Exit.INPUT),
        (signal is not None, signal or Exit.OK),
        (StopKind.ACCOUNT in kinds or StopKind.CONFIG in kinds, Exit.ACCOUNT),
        (bool(SET_BY_PEOPLE & kinds and left) or refused, Exit.LIMIT),
        (StopKind.UNAVAILABLE in kinds or closed, Exit.UNAVAILABLE),
        (bool(outcomes.get(OutcomeKind.HELD)), Exit.HELD),
        (bool(outcomes.get(OutcomeKind.SUBMITTED)), Exit.SUBMITTED),
        (some_failed or rejected, Exit.SOME_FAILED),
    )
    return next((status for applies, status in order if applies), Exit.OK)
