"""What people read of a call that does not fit: a table."""

import pytest

from batchgen.engine import limit_words
from batchgen.ledger import COUNT_IMAGES, CapKind, Refused


@pytest.mark.parametrize("kind", list(CapKind))
def test_every_limit_is_named_with_what_was_asked_and_what_is_left(kind: CapKind) -> None:
    """In dollars or images; an image that was approved meanwhile is named itself."""
    said = limit_words.words(Refused(kind, 2, ever=True, ask=40_000, limit=5_000_000, place="images/a"))
    if kind is CapKind.APPROVED:
        assert said == "images/a was approved meanwhile and stays"
    elif kind in COUNT_IMAGES:
        assert said.endswith(" are 5000000: a call for 40000 does not fit into the 2 that are left")
    else:
        assert said.endswith(" is $5.00: a call that may cost $0.04 does not fit into the $0.000002 that are left")
