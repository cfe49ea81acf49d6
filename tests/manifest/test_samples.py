"""The sample manifests are right, and show what they say they show."""

from pathlib import Path

import pytest

from batchgen import catalog
from batchgen.manifest import check, expand, lint, load
from batchgen.model import Job
from batchgen.providers import refusals

SAMPLES = Path(__file__).parents[2] / "manifests"
SINGLE = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in {".yaml", ".csv"} and path.stem != "products")


def jobs(name: str) -> list[Job]:
    """Return the jobs of a sample."""
    return [item for item in expand(load(SAMPLES / name)) if isinstance(item, Job)]


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("provider", ["mock", "openai"])
def test_a_sample_has_no_problem(name: str, provider: str) -> None:
    """Nothing is rejected, clashes or is refused by the mock or by the default provider."""
    found = check(load(SAMPLES / name))
    assert found.problems == ()
    assert (found.rejected, found.warnings) == (0, ())
    where = catalog.provider(provider)
    for job in jobs(name):
        model = catalog.find_model(job.request.model or where.default_model)
        assert [str(p) for p in refusals(job, where, model)] == []


def test_the_catalogue_is_a_catalogue() -> None:
    """At least 24 products in at least 3 categories, and enough images to watch, each tagged."""
    found = check(load(SAMPLES / "catalogue.yaml"))
    assert 48 <= found.images <= 72
    drawn = jobs("catalogue.yaml")
    assert len({job.id.rsplit("-", 1)[0] for job in drawn if not job.id.startswith("room-")}) >= 24
    assert len({dict(job.tags)["category"] for job in drawn}) >= 3
    assert {job.request.param("size") for job in drawn} == {"1024x1024"}


def test_the_moderation_sample_is_doubted() -> None:
    """`lint` warns of exactly the prompts that the sample wants refused."""
    mock = catalog.provider("mock")
    doubted = {job.id for job in jobs("moderation.yaml") if list(lint(job, mock, None))}
    assert doubted == {"refused", "partial"}


def test_the_csv_sample_sets_and_tags() -> None:
    """Its columns set parameters, the one that is none becomes a tag."""
    drawn = jobs("simple.csv")
    assert [job.n for job in drawn] == [1, 1, 2, 1, 1]
    assert dict(drawn[0].tags) == {"season": "spring"}
