"""Whoever lets batchgen run in a program gets that program's collections of garbage back."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from batchgen.runtime.garbage import YOUNG, rare_collections


@pytest.fixture(autouse=True)
def collections() -> Iterator[None]:
    """Leave this program's own as they were, whatever a test does."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.parametrize("first_out", [0, 1])
def test_two_runs_side_by_side_leave_what_was_before_both(first_out: int) -> None:
    """Whichever ends first: collections are rare until the last one ends, and then as the program had them."""
    gc.set_threshold(701, 11, 12)
    runs = [ExitStack(), ExitStack()]
    for run in runs:
        run.enter_context(rare_collections())
    runs[first_out].close()
    assert gc.get_threshold() == (YOUNG, 11, 12)
    runs[1 - first_out].close()
    assert gc.get_threshold() == (701, 11, 12)
    assert gc.get_freeze_count() == 0


def test_an_error_restores_them_as_well() -> None:
    """A run that breaks off leaves nothing changed."""
    gc.set_threshold(701, 11, 12)
    with suppress(ValueError), rare_collections():
        raise ValueError
    assert gc.get_threshold() == (701, 11, 12)


def test_what_the_program_froze_itself_stays_frozen() -> None:
    """A server that froze what it loaded before it forked keeps that."""
    gc.freeze()
    with rare_collections():
        pass
    assert gc.get_freeze_count() > 0
