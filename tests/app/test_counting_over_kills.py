"""What may be tried a number of times is tried so often over all runs, wherever they were killed."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.rehearsal import Rehearsal

pytestmark = pytest.mark.sample(3)


class Died(BaseException):
    """The run ends here, as if killed."""


def dies(passing: int) -> Callable[[str], None]:
    """End a run right after a call is in the books."""
    left = [passing]

    def at(name: str) -> None:
        left[0] -= name == "ledger.settle.after_commit"
        if left[0] == 0:
            raise Died

    return at


def killed(scene: Rehearsal, job: Mapping[str, object], passing: int, **settings: Any) -> None:
    """Return a run that dies after so many calls."""
    with pytest.raises(BaseException, match=r"Died|unhandled|^$"):
        scene.run(scene.manifest([job], **settings), at=dies(passing))


@pytest.mark.sample(1)
@pytest.mark.parametrize("kills", [(), (1,), (2,), (3,), (1, 1), (1, 1, 1), (2, 1)])
def test_two_top_ups_are_two_over_all_runs(scene: Rehearsal, kills: tuple[int, ...]) -> None:
    """An image a call where four are wanted: three calls, and the last one is given up, however often a run dies."""
    job = {"id": "a", "n": 4, "prompt": "A lamp [[mock: fault=fewer_1]]"}
    for passing in kills:
        killed(scene, job, passing)
    ended = scene.run(scene.manifest([job]))
    assert [entry["n"] for entry in scene.bill] == [4, 3, 2]
    assert (ended.exit, ended.summary["images"]["stored"], ended.summary["images"]["moderated"]) == (3, 3, 1)
    assert ended.charged == scene.billed
    assert scene.run(scene.manifest([job]), strict=True).exit == 3
    assert len(scene.bill) == 3


def test_a_raised_number_has_top_ups_of_its_own(scene: Rehearsal) -> None:
    """What was tried for one slot does not count for another."""
    job = {"id": "a", "n": 2, "prompt": "A lamp [[mock: fault=fewer_1]]"}
    killed(scene, job, 1)
    ended = scene.run(scene.manifest([{**job, "n": 5}]))
    assert ended.exit == 0
    assert sorted(entry["n"] for entry in scene.bill) == sorted([2, 1, 3, 2, 1])
    assert ended.summary["images"]["stored"] == 5


@pytest.mark.parametrize("kills", [(), (1,), (2,), (1, 1)])
def test_moderation_has_its_one_more_try_once(scene: Rehearsal, kills: tuple[int, ...]) -> None:
    """Two calls in all, then it sticks, also for a run that died before it could say so."""
    job = {"id": "a", "prompt": "A lamp [[mock: fault=moderation_input]]"}
    for passing in kills:
        killed(scene, job, passing)
    ended = scene.run(scene.manifest([job]))
    assert (ended.exit, ended.summary["images"]["moderated"]) == (3, 1)
    assert len(scene.bill) == 2
    assert ended.table("moderated")[0]["id"] == "a"


def test_what_is_accepted_short_is_not_asked_for_again(scene: Rehearsal) -> None:
    """Also when the run died before it said so."""
    job = {"id": "a", "n": 4, "prompt": "A lamp [[mock: fault=fewer_1]]"}
    killed(scene, job, 1, on_partial="accept")
    ended = scene.run(scene.manifest([job], on_partial="accept"))
    assert ended.exit == 3
    assert len(scene.bill) == 1
    assert (ended.summary["images"]["stored"], ended.summary["images"]["failed"]) == (1, 3)
