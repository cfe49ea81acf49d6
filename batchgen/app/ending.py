"""How a run ends: the exit status, from why it stopped and what became of the jobs. Pure."""

from collections.abc import Iterable, Mapping

from batchgen.errors import Exit
from batchgen.model import OutcomeKind, Stop, StopKind


def exit_status(
    stops: Iterable[Stop],
    outcomes: Mapping[OutcomeKind, int],
    *,
    signal: Exit | None = None,
    refused: bool = False,
    charged: bool = False,
) -> Exit:
    """The exit status when several reasons apply: 1, 8, a signal, 5, 4, 6, 7, 3, 0 in this order.

    A wrong configuration is 2 while nothing was charged, 5 afterwards. `refused`: a limit of the user's kept a job from
    starting.
    """
    kinds = {stop.kind for stop in stops}
    some_failed = any(
        outcomes.get(kind) for kind in (OutcomeKind.FAILED, OutcomeKind.MODERATED, OutcomeKind.PARTIAL)
    ) or bool(outcomes.get(OutcomeKind.NOT_STARTED) and not kinds and not refused)
    order = (
        (StopKind.BUG in kinds, Exit.BUG),
        (StopKind.STORAGE in kinds, Exit.STORAGE),
        (StopKind.CONFIG in kinds and not charged, Exit.INPUT),
        (signal is not None, signal or Exit.OK),
        (StopKind.ACCOUNT in kinds or StopKind.CONFIG in kinds, Exit.ACCOUNT),
        (StopKind.LIMIT in kinds or refused, Exit.LIMIT),
        (StopKind.UNAVAILABLE in kinds, Exit.UNAVAILABLE),
        (bool(outcomes.get(OutcomeKind.HELD)), Exit.HELD),
        (some_failed, Exit.SOME_FAILED),
    )
    return next((status for applies, status in order if applies), Exit.OK)
