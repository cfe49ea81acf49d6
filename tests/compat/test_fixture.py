"""How fixtures are compared."""

from typing import Any

import pytest

from tests.compat.fixture import difference

TABLE: dict[str, Any] = {"columns": ["job_id", "state"], "rows": [["sofa", "stored"], ["lamp", "failed"]]}
LOOK: dict[str, Any] = {
    "look": "out",
    "files": {"images/sofa-0.png": "12ab..."},
    "tables": {"images.csv": TABLE},
    "log": {"settled": 1},
}


def with_(**changed: Any) -> dict[str, Any]:
    """Return the same output folder, but for these."""
    return {"steps": [{**LOOK, **changed}]}


@pytest.mark.parametrize(
    "present",
    [
        with_(),
        with_(log={"settled": 1, "paused": 2}),
        with_(sheets={}),
        with_(
            tables={
                "images.csv": {
                    "columns": ["job_id", "accepted", "state"],
                    "rows": [["sofa", "", "stored"], ["lamp", "", "failed"]],
                }
            }
        ),
    ],
)
def test_new_keys_and_columns_may_come(present: dict[str, Any]) -> None:
    """The contract says so."""
    assert difference(with_(), present) == ""


@pytest.mark.parametrize(
    ("present", "shown"),
    [
        (with_(files={}), "images/sofa-0.png"),
        (with_(files={**LOOK["files"], "images/lamp-0.png": ""}), "images/lamp-0.png"),
        (with_(log={}), "log.settled"),
        (with_(tables={}), "images.csv"),
        (with_(tables={"images.csv": {**TABLE, "columns": ["state", "job_id"]}}), "columns"),
        (with_(tables={"images.csv": {**TABLE, "rows": TABLE["rows"][::-1]}}), '[0].job_id = "lamp"'),
        (with_(tables={"images.csv": {**TABLE, "rows": TABLE["rows"][:1]}}), "-steps[0] look out.tables.images.csv[1]"),
        ({"steps": []}, "steps"),
    ],
)
def test_everything_else_is_shown_with_the_way_to_it(present: dict[str, Any], shown: str) -> None:
    """What is gone, what is other than it was, other rows, another order, and files that nobody expected."""
    assert shown in difference(with_(), present)
