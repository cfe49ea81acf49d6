"""How a run ends, as a table."""

from itertools import combinations

import pytest

from batchgen.app.config.exit_status import ENDED, exit_status, next_step
from batchgen.errors import Exit
from batchgen.model import OutcomeKind, Stop, StopKind

BUG, STORAGE, ACCOUNT, CONFIG = StopKind.BUG, StopKind.STORAGE, StopKind.ACCOUNT, StopKind.CONFIG
LIMIT, UNAVAILABLE, SIGNAL, DRAIN = StopKind.LIMIT, StopKind.UNAVAILABLE, StopKind.SIGNAL, StopKind.DRAIN
DONE, PARTIAL, MODERATED = OutcomeKind.DONE, OutcomeKind.PARTIAL, OutcomeKind.MODERATED
FAILED, HELD, OPEN = OutcomeKind.FAILED, OutcomeKind.HELD, OutcomeKind.NOT_STARTED
SUBMITTED = OutcomeKind.SUBMITTED


def status(*kinds: StopKind | OutcomeKind, **facts: object) -> Exit:
    """End a run with these reasons to stop and one job of each kind."""
    stops = [Stop(kind, "why") for kind in kinds if isinstance(kind, StopKind)]
    outcomes = dict.fromkeys((kind for kind in kinds if isinstance(kind, OutcomeKind)), 1)
    return exit_status(stops, outcomes, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kinds", "facts", "exit_"),
    [
        ((), {}, Exit.OK),
        ((DONE,), {"charged": True}, Exit.OK),
        ((DONE, PARTIAL), {}, Exit.SOME_FAILED),
        ((DONE, MODERATED), {}, Exit.SOME_FAILED),
        ((DONE, FAILED), {}, Exit.SOME_FAILED),
        ((DONE, OPEN), {}, Exit.SOME_FAILED),  # its input failed, or its download is still to come
        ((DONE, OPEN), {"refused": True}, Exit.LIMIT),
        ((DONE, HELD), {}, Exit.HELD),
        ((DONE, HELD, FAILED, OPEN), {}, Exit.HELD),
        ((DONE, HELD, OPEN), {"refused": True}, Exit.LIMIT),
        ((DONE, SUBMITTED), {}, Exit.SUBMITTED),
        ((DONE, SUBMITTED, FAILED, OPEN), {}, Exit.SUBMITTED),
        ((DONE, SUBMITTED, HELD), {}, Exit.HELD),
        ((LIMIT, SUBMITTED), {"left": False}, Exit.SUBMITTED),  # --max-duration was over, and nothing was left to send
        ((LIMIT, SUBMITTED, OPEN), {}, Exit.LIMIT),
        ((UNAVAILABLE, SUBMITTED), {}, Exit.UNAVAILABLE),
        ((LIMIT, OPEN), {}, Exit.LIMIT),
        ((DRAIN, OPEN), {}, Exit.LIMIT),
        ((DRAIN, DONE), {"left": False}, Exit.OK),
        ((LIMIT, DONE), {"left": False}, Exit.OK),  # the last call was dearer than its bound
        ((LIMIT, DONE, FAILED), {"left": False}, Exit.SOME_FAILED),
        ((LIMIT, DONE), {"left": False, "refused": True}, Exit.LIMIT),
        ((UNAVAILABLE, OPEN, HELD, FAILED), {}, Exit.UNAVAILABLE),
        ((UNAVAILABLE, OPEN), {"refused": True}, Exit.LIMIT),
        ((ACCOUNT, OPEN), {"charged": True}, Exit.ACCOUNT),
        ((ACCOUNT, LIMIT, UNAVAILABLE), {}, Exit.ACCOUNT),
        ((CONFIG, OPEN), {}, Exit.INPUT),
        ((CONFIG, OPEN), {"charged": True}, Exit.ACCOUNT),
        ((CONFIG, STORAGE), {}, Exit.STORAGE),
        ((STORAGE, ACCOUNT), {"charged": True}, Exit.STORAGE),
        ((BUG, STORAGE), {}, Exit.BUG),
        ((SIGNAL, OPEN), {"signal": Exit.SIGINT}, Exit.SIGINT),
        ((SIGNAL, HELD, FAILED), {"signal": Exit.SIGTERM}, Exit.SIGTERM),
        ((SIGNAL, LIMIT, ACCOUNT), {"signal": Exit.SIGTERM}, Exit.SIGTERM),
        ((SIGNAL, STORAGE), {"signal": Exit.SIGINT}, Exit.STORAGE),
        ((SIGNAL, BUG), {"signal": Exit.SIGINT}, Exit.BUG),
    ],
)
def test_every_way_to_end_has_its_status(
    kinds: tuple[StopKind | OutcomeKind, ...], facts: dict[str, object], exit_: Exit
) -> None:
    """The documented numbers, alone and together."""
    assert status(*kinds, **facts) is exit_


WORST_FIRST = (BUG, STORAGE, ACCOUNT, LIMIT, UNAVAILABLE, HELD, FAILED, DONE)


@pytest.mark.parametrize(("worse", "better"), list(combinations(WORST_FIRST, 2)))
def test_the_worse_reason_wins(worse: StopKind | OutcomeKind, better: StopKind | OutcomeKind) -> None:
    """1, 8, 5, 4, 6, 7, 3, 0: in every pair the one that comes first."""
    assert status(worse, better) is status(better, worse) is status(worse)


def test_a_wrong_configuration_is_2_only_while_nothing_was_charged() -> None:
    """Scripts read from 2 that nothing was spent."""
    for others in ((), (OPEN,), (FAILED, HELD)):
        assert status(CONFIG, *others, charged=True) is not Exit.INPUT


@pytest.mark.parametrize("status", [Exit.SIGINT, Exit.SIGTERM])
def test_the_words_of_a_signal_hold_for_the_second_one_too(status: Exit) -> None:
    """A second signal gives up the calls under way, so the words may say that they are recorded, never finished."""
    assert ENDED[status].endswith("every call is recorded")


@pytest.mark.parametrize(("stops", "higher"), [(["drain"], False), (["limit"], True), (["limit", "drain"], True)])
def test_a_higher_limit_helps_where_a_limit_stopped_the_run(stops: list[str], higher: bool) -> None:
    """What somebody drained goes on as it is."""
    step = next_step(Exit.LIMIT, "", {"stops": stops})
    assert ("higher limit" in step) is higher
    assert "the same command" in step
