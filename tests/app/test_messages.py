"""What a person should hear about at the end of a run, beside the numbers."""

import pytest

from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from tests.rehearsal import Rehearsal

JOBS = [{"id": "lamp", "prompt": "A lamp"}, {"id": "bad", "prompt": "A chair [[mock: fault=400_invalid]]"}]


def told(scene: Rehearsal, **options: object) -> str:
    """Everything that a run tells of its problems."""
    manifest = scene.manifest(JOBS)
    return "\n".join(
        str(problem) for problem in run_manifest(manifest, scene.options(manifest, **options), Unwatched()).problems
    )


def test_sample_images_are_not_taken_for_real_ones(scene: Rehearsal) -> None:
    """Images of the mock stay stored under another provider, and every command says so."""
    told(scene, provider="mock")
    assert "1 image in" in told(scene)
    assert "came from the mock provider" in told(scene)
    _, estimate = scene.plan(scene.manifest(JOBS))
    assert any("mock provider" in warning.message for warning in estimate.warnings)


def test_a_failed_job_says_why(scene: Rehearsal) -> None:
    """The first failures are told with their reasons."""
    assert "bad: " in told(scene)


def test_files_that_are_gone_are_listed(scene: Rehearsal) -> None:
    """A run that finds stored files missing lists them, draws nothing, and says what would."""
    told(scene)
    (scene.root / "output" / "scene" / "images" / "lamp-0.webp").unlink()
    assert "--regenerate-missing" in told(scene)


@pytest.mark.parametrize("name", ["images", "runs", "report", "spool", "superseded", "quarantine"])
def test_a_planted_link_is_not_followed(scene: Rehearsal, name: str) -> None:
    """A link that somebody put into the output folder ends the run before anything is paid or written through it."""
    folder, elsewhere = scene.root / "output" / "scene", scene.root / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    (folder / name).symlink_to(elsewhere)
    assert scene.run(scene.manifest(JOBS)).exit == 8
    assert list(elsewhere.iterdir()) == []
    assert scene.billed == 0
