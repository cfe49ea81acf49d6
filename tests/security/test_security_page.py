"""The page about safety is true: its numbers are those of the tests, and every test that it names is there."""

import re
from pathlib import Path

import pytest

from tests.conformance import test_truth
from tests.executor.test_certificates import WRONG
from tests.executor.test_download import HOSTS
from tests.injection.payloads import ALL, FORMULAS
from tests.manifest.test_bombs import BOMBS
from tests.manifest.test_row_files import BAD_HEADS, BAD_ROWS
from tests.manifest.test_templates import ATTACKS, BLOWS
from tests.security.test_canary import DOCTOR, ENDS, LOCAL, ONWARD
from tests.security.test_names_at_scale import KEYS, TEMPLATES
from tests.security.test_planted_links import LAYOUTS
from tests.security.test_surroundings import FAR, NOT_ITS_OWN
from tests.viewer import test_access

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
LINES = {cells[1]: cells for line in PAGE.splitlines() if (cells := [cell.strip() for cell in line.split("|")])[2:]}
COUNTED = {
    "the folder": (f"{len(TEMPLATES)} templates", f"{KEYS:,} names"),
    "links": (f"{len(LAYOUTS)} layouts",),
    "templates": (f"{len(ATTACKS)} escapes", f"{len(BLOWS)} explosions"),
    "manifests": (f"{len(BOMBS)} bombs",),
    "row files": (f"{len(BAD_HEADS) + len(BAD_ROWS)} bad files",),
    "your network": (f"{len(HOSTS)} spellings",),
    "the key on its way": (f"{len(NOT_ITS_OWN)} addresses", f"{len(FAR)} public addresses"),
    "certificates": (f"{len(WRONG)} servers",),
    "the key at rest": (
        *(f"{len(ONWARD)} answers", f"{len(ENDS)} more", f"{len(LOCAL)} local failures"),
        f"{len(DOCTOR)} of the doctor's",
    ),
    "spreadsheets": (f"{len(ALL)} payloads", f"{len(FORMULAS)} of them"),
    "the live page": (
        f"{len(test_access.FOREIGN)} foreign hosts",
        f"{len(test_access.SITES)} foreign origins",
        f"{len(test_access.WRONG)} wrong tokens",
        f"{len(test_access.STRAY)} stray paths",
    ),
    "the report's page": (f"the same {len(ALL)}",),
    "terminal and logs": (f"the same {len(ALL)}",),
    "images": (f"{len(test_truth.BOMBS)} bombs", f"{len(test_truth.NO_IMAGES)} pages"),
}


@pytest.mark.parametrize("guarded", COUNTED)
def test_the_numbers_are_those_of_the_tests(guarded: str) -> None:
    """A case more or less is said on the page."""
    for words in COUNTED[guarded]:
        assert words in LINES[guarded][3]


def test_what_the_page_names_is_there() -> None:
    """Every line has a test, and every test that is named exists."""
    named = re.findall(r"`(tests/[^`]+)`", PAGE)
    assert len(named) >= len(LINES) - 2
    assert [name for name in named if not (ROOT / name).exists()] == []
