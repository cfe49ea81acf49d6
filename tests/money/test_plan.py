"""A plan names exactly the calls that a run makes, says why, and what it costs comes true."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen import catalog
from batchgen.app.config.options import Options
from batchgen.app.output import maintain
from batchgen.app.preview.plan import estimate_manifest, plan_manifest
from batchgen.mock import Rule
from batchgen.mock.dialects import DIALECTS
from batchgen.model import Operation
from batchgen.planner import Planned
from tests.wire.scene import Scene, dot, scene

pytestmark = pytest.mark.sample(4)

SAMPLES = Path(__file__).parents[2] / "manifests"
FAULT_FREE = sorted(
    str(path.relative_to(SAMPLES))
    for path in SAMPLES.rglob("*")
    if path.suffix in {".yaml", ".csv"} and path.stem not in {"products", "moderation"} and "refused" not in path.stem
)


def planned(here: Scene, manifest: Path, **options: Any) -> dict[str, Planned]:
    """Each job with what would happen."""
    return {item.job.id: item for item in plan_manifest(manifest, here.options(manifest.stem, **options))}


def calls(here: Scene) -> int:
    """Return requests for images so far."""
    return sum(entry["n"] > 0 for entry in here.bill())


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", FAULT_FREE)
def test_a_sample_costs_what_was_estimated(place_of_work: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls as planned, expected within 5 %, never more than the worst case; the second run makes no call."""
    shutil.copytree(SAMPLES, place_of_work / "samples")
    manifest = place_of_work / "samples" / name
    quick = re.sub(r"(per_minute:) \d+", r"\1 6000", manifest.read_text("utf-8"))
    manifest.write_text(quick, "utf-8")
    told = yaml.safe_load(quick) if manifest.suffix == ".yaml" else {}
    provider = catalog.provider(told.get("provider", "openai"))
    monkeypatch.setenv(provider.key_variable or "NO_KEY", "sk-test-0123456789")
    # Chained jobs take images of earlier ones, whose pixels count.
    one = None if "chained" in name else dot(1024, 1024, "PNG")
    dialect = provider.name if provider.name in DIALECTS else "openai"
    with scene(place_of_work, dialect=dialect, fixed_bytes=one) as here:
        options = {"max_cost": None} if told.get("limits", {}).get("max_cost") else {"max_cost": 10**9}
        plan = planned(here, manifest, **options)
        estimate = estimate_manifest(manifest, here.options(manifest.stem, **options))
        assert here.handle.requests() == []
        seen = here.run(manifest, **options)
        assert seen.exit == 0, seen.result.summary["why"]
        assert estimate.calls == calls(here) == sum(item.cost.calls for item in plan.values() if item.cost)
        images = sum(item.job.n for item in plan.values())
        assert estimate.images == images == seen.result.summary["images"]["stored"]
        assert here.billed <= estimate.high
        assert abs(estimate.expected - here.billed) <= 0.05 * here.billed
        assert here.billed == seen.charged
        before = calls(here)
        assert here.run(manifest, **options).exit == 0
        assert calls(here) == before
        assert {item.action.value for item in planned(here, manifest, **options).values()} == {"stored"}
        assert estimate_manifest(manifest, here.options(manifest.stem, **options)).expected == 0


def lamps(n: int = 2) -> list[dict[str, Any]]:
    """Five jobs."""
    return [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(5)]


def test_raising_n_pays_for_the_difference(place_of_work: Path) -> None:
    """From two to four: exactly two more images for each job, in slots of their own."""
    with scene(place_of_work) as here:
        first = here.run(here.manifest(lamps()))
        before = {row["path"]: (first.folder / row["path"]).stat().st_mtime_ns for row in first.table("images.csv")}
        manifest = here.manifest(lamps(4))
        for item in planned(here, manifest).values():
            assert (item.action.value, item.slots) == ("top_up", (2, 3))
            assert "2 to 4" in item.why
        here.run(manifest)
        assert [entry["n"] for entry in here.bill()] == [2] * 10
        assert {p: (first.folder / p).stat().st_mtime_ns for p in before} == before
        lower = here.manifest(lamps(1))
        assert here.run(lower).exit == 0
        assert calls(here) == 10


def test_an_edited_row_is_one_job(place_of_work: Path) -> None:
    """The plan says which field changed; the old image moves to superseded/ with its key in the name."""
    with scene(place_of_work) as here:
        first = here.run(here.manifest(lamps(1)))
        old = first.jobs["lamp-3"].job_key
        jobs = lamps(1)
        jobs[3]["prompt"] = "Another lamp"
        manifest = here.manifest(jobs)
        plan = planned(here, manifest)
        assert {name: item.action.value for name, item in plan.items() if item.slots} == {"lamp-3": "changed"}
        assert "prompt" in plan["lamp-3"].why
        seen = here.run(manifest)
        assert (seen.exit, calls(here)) == (0, 6)
        (moved,) = (seen.folder / "superseded").rglob("*.jpg")
        assert old[:12] in moved.name
        assert calls(here) == 6
        assert here.run(manifest).exit == 0
        assert calls(here) == 6


def test_shuffled_rows_and_new_columns_cost_nothing(place_of_work: Path) -> None:
    """Order, tags nobody draws, and another output path of jobs to come are no reason to pay again."""
    with scene(place_of_work) as here:
        here.run(here.manifest(lamps(1)))
        jobs = [{**job, "tags": {"room": "hall"}} for job in reversed(lamps(1))]
        manifest = here.manifest(jobs, limits={"max_cost": 7, "concurrency": 2}, variables={"brand": "soft"})
        assert here.run(manifest).exit == 0
        assert calls(here) == 5


def test_only_first_and_sample(place_of_work: Path) -> None:
    """A part of the manifest is planned and drawn as one says; the rest stays not started, which is no failure."""
    with scene(place_of_work) as here:
        manifest = here.manifest(lamps(1))
        for choice, names in (
            ({"only": ("lamp-1", "*-4")}, {"lamp-1", "lamp-4"}),
            ({"first": 2}, {"lamp-0", "lamp-1"}),
        ):
            assert set(planned(here, manifest, **choice)) == names
        sample = set(planned(here, manifest, sample=3))
        assert len(sample) == 3
        assert set(planned(here, manifest, sample=3)) == sample
        seen = here.run(manifest, first=2)
        assert (seen.exit, calls(here)) == (0, 2)
        assert seen.result.summary["jobs"]["total"] == 5
        assert seen.result.summary["images"]["not_started"] == 3
        seen = here.run(manifest, only=("lamp-1", "*-4"))
        assert (seen.exit, calls(here)) == (0, 3)
        assert here.run(manifest).exit == 0
        assert calls(here) == 5


def test_what_failed_for_good_waits_for_a_word(place_of_work: Path) -> None:
    """Moderated and invalid rows make no call in later runs; --retry-failed tries the invalid one again."""
    rules = (Rule("400_invalid", prompt="Lamp 1", times=1), Rule("moderation_input", prompt="Lamp 2"))
    with scene(place_of_work, rules=rules) as here:
        manifest = here.manifest(lamps(1))
        first = here.run(manifest)
        assert (first.exit, first.slots("lamp-1"), first.slots("lamp-2")) == (3, ("failed",), ("moderated",))
        assert calls(here) == 6
        plan = planned(here, manifest)
        assert plan["lamp-1"].action.value == plan["lamp-2"].action.value == "skip"
        assert "moderation" in plan["lamp-2"].why
        assert here.run(manifest).exit == 0  # what was told before is no news
        assert calls(here) == 6
        again = here.run(manifest, retry_failed=True)
        assert (again.exit, again.slots("lamp-1"), again.slots("lamp-2")) == (0, ("stored",), ("moderated",))
        assert calls(here) == 7
        (row,) = again.table("moderated.csv")
        assert (row["id"], row["prompt"]) == ("lamp-2", "Lamp 2")
        jobs = lamps(1)
        jobs[2]["prompt"] = "Reworded"
        assert here.run(here.manifest(jobs)).exit == 0
        assert calls(here) == 8


@pytest.mark.parametrize(
    ("mode", "came", "exit_status", "made", "ended"),
    [("top_up", 4, 0, 2, "done"), ("accept", 3, 3, 1, "partial"), ("fail", 3, 3, 1, "failed")],
)
def test_what_to_do_with_partial_results(
    place_of_work: Path, mode: str, came: int, exit_status: int, made: int, ended: str
) -> None:
    """Missing images are asked for, accepted or a failure of the job; what came is kept in every case."""
    with scene(place_of_work, rules=(Rule("fewer_3", times=1),)) as here:
        manifest = here.manifest([{"id": "lamp", "prompt": "A lamp", "n": 4}], on_partial=mode)
        seen = here.run(manifest)
        assert (seen.exit, seen.slots("lamp").count("stored"), calls(here)) == (exit_status, came, made)
        again = here.run(manifest)
        for run, status in ((seen, exit_status), (again, 0)):  # what was told before is no news
            assert (run.exit, run.result.summary["jobs"][ended]) == (status, 1)
        assert calls(here) == made
        assert seen.jobs["lamp"].outcome == ended


@pytest.mark.parametrize("each", [1, 3])
def test_images_per_request(place_of_work: Path, each: int) -> None:
    """A job's images are asked for in as many calls as the manifest says, planned and made alike."""
    with scene(place_of_work) as here:
        manifest = here.manifest([{"id": "lamp", "prompt": "A lamp", "n": 7}], images_per_request=each)
        estimate = estimate_manifest(manifest, here.options())
        here.run(manifest)
        asked = sorted(entry["n"] for entry in here.bill())
        assert len(asked) == estimate.calls
        assert (sum(asked), max(asked)) == (7, each)
        assert here.billed <= estimate.high


def test_no_call_is_larger_than_a_minute_allows(place_of_work: Path) -> None:
    """A provider would refuse it for ever: a job of five is asked for in calls of three and two."""
    with scene(place_of_work) as here:
        for most, calls_made in ((3, 2), (5, 1), (1, 5)):
            limits = {"images_per_minute": most}
            manifest = here.manifest([{"id": "lamp", "prompt": "A lamp", "n": 5}], limits=limits)
            assert estimate_manifest(manifest, here.options()).calls == calls_made


def test_uncertain_jobs_are_held_when_told(place_of_work: Path) -> None:
    """With --on-uncertain hold nothing is paid twice: one call, exit 7, and the next run makes none."""
    with scene(place_of_work, rules=(Rule("status_500", prompt="Lamp 1"),)) as here:
        manifest = here.manifest(lamps(1))
        seen = here.run(manifest, on_uncertain="hold")
        assert (seen.exit, seen.states("lamp-1"), seen.slots("lamp-1")) == (7, ("at_risk",), ("uncertain",))
        assert planned(here, manifest, on_uncertain="hold")["lamp-1"].action.value == "held"
        made = calls(here)
        assert here.run(manifest, on_uncertain="hold").exit == 7
        assert calls(here) == made
        (held,) = maintain.resolve(seen.folder, decision="retry")
        assert held.job_id == "lamp-1"
        here.handle._server.faults.clear()
        assert here.run(manifest, on_uncertain="hold").exit == 0


def test_every_operation_is_in_a_sample() -> None:
    """The samples show generations and edits, so that both are proven to be planned right."""
    found = set()
    for name in FAULT_FREE:
        manifest = plan_manifest(SAMPLES / name, Options(output=Path("nowhere"))) if name.endswith(".yaml") else None
        found |= {item.job.request.operation for item in manifest} if manifest else set()
    assert {Operation.GENERATE, Operation.EDIT} <= found
