"""The sample that shows moderation does what its first lines say."""

import csv
from pathlib import Path

from batchgen.app.config.options import Options
from batchgen.app.run import start
from batchgen.app.watch import Unwatched
from batchgen.errors import Exit

SAMPLE = Path(__file__).parents[2] / "manifests" / "moderation.yaml"


def test_moderation_and_partial_results_are_shown(tmp_path: Path) -> None:
    """One job is refused, one keeps what came of it, the reworded ones are whole; a second run pays for no more."""
    first = start.run_manifest(SAMPLE, Options(output=tmp_path), Unwatched())
    assert first.exit is Exit.SOME_FAILED
    jobs = first.summary["jobs"]
    assert (jobs["done"], jobs["partial"], jobs["moderated"]) == (2, 1, 1)
    with (tmp_path / "report" / "moderated.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["refused", "partial"]
    again = start.run_manifest(SAMPLE, Options(output=tmp_path), Unwatched())
    assert again.summary["this_run"]["attempts"]["sent"] == 0
    assert again.summary["images"] == first.summary["images"]
