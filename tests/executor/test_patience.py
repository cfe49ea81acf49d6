"""A store that is away is asked again while that makes sense, and given up with a word of what waits."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from batchgen.errors import StorageError, Unreachable
from batchgen.executor.patience import GIVEN_UP_SECONDS, LONGEST_WAIT, Patience, what_waits, with_what_waits
from batchgen.storage import Workspace
from tests import virtual_time
from tests.offloading import in_place
from tests.virtual_time import VirtualClock

HOUR = 3600.0


def away(clock: VirtualClock, seconds: float, asked: list[float]) -> Callable[[], str]:
    """Return something that a store refuses for so long."""

    def act() -> str:
        asked.append(clock.monotonic())
        if asked[-1] < seconds:
            raise Unreachable("s3://bucket: the store does not answer")
        return "there"

    return act


def test_a_short_outage_is_waited_out() -> None:
    """Without asking more than every few seconds."""
    clock, asked = VirtualClock(), list[float]()
    patience = Patience(clock, in_place)
    assert virtual_time.run(patience.insist(away(clock, 45.0, asked))) == "there"
    assert len(asked) < 20


def test_an_hour_is_given_up_after_a_minute_and_goes_on_later(tmp_path: Path) -> None:
    """What waits is said; an hour later the same thing works."""
    workspace = Workspace(tmp_path)
    for name in ("one", "two"):
        spool = workspace.spool(name)
        spool.part(0).close()
        spool.finish({"pictures": [{}, {}]})
    clock, asked = VirtualClock(), list[float]()
    patience = Patience(clock, in_place)

    async def hour() -> tuple[float, str]:
        act = away(clock, HOUR, asked)
        with pytest.raises(StorageError, match="given up after 6") as given_up:
            await patience.insist(act)
        assert not isinstance(given_up.value, Unreachable)
        assert re.match(r"4 paid images wait in .*spool; the same command stores", what_waits(workspace))
        ended = clock.monotonic()
        await clock.sleep(HOUR - ended)
        return ended, await Patience(clock, in_place).insist(act)

    ended, done = virtual_time.run(hour())
    assert done == "there"
    assert GIVEN_UP_SECONDS <= ended <= GIVEN_UP_SECONDS + LONGEST_WAIT


def test_a_spool_that_cannot_be_read_hides_nothing(tmp_path: Path) -> None:
    """Why the store refuses is told all the same."""
    workspace = Workspace(tmp_path)
    assert with_what_waits("away", workspace) == "away; no paid image waits; the same command goes on"
    (tmp_path / "spool").write_text("no folder")
    assert with_what_waits("away", workspace) == "away"
