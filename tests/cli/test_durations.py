"""A duration is written in one way, wherever people write it."""

from collections.abc import Callable

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.app.config.arguments import READERS
from batchgen.cli.params import AGE, DURATION
from batchgen.manifest.form import duration

NUMBERS = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,2})?", fullmatch=True)
PARTS = st.tuples(NUMBERS, st.sampled_from(["", "s", "m", "min", "h", "d", "D", " min", "x"])).map("".join)
WORDS = st.lists(PARTS, max_size=3).map("".join)


def _read(reader: Callable[[str], object], words: str) -> object:
    """Read words; what is refused is no duration."""
    try:
        return reader(words)
    except (ValueError, click.BadParameter):
        return None


@given(WORDS)
@example("45min")
@example("90")
@example("30m1h")
@example("20000d")
def test_a_duration_is_the_same_in_a_manifest_on_the_command_line_and_in_python(words: str) -> None:
    """What one of them takes, and what it means, the others do too; only a manifest takes none at all: `0`."""
    stated = _read(duration, words) or None
    assert _read(lambda text: DURATION.convert(text, None, None), words) == stated
    assert _read(READERS["max_duration"], words) == stated


@pytest.mark.parametrize("words", ["90", "1.5", "1h90"])
def test_how_old_is_what_is_removed_is_said_with_a_unit(words: str) -> None:
    """Ninety days or ninety seconds: nothing is removed on a guess."""
    with pytest.raises(click.BadParameter, match="invalid duration"):
        AGE.convert(words, None, None)
