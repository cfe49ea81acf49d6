"""Two manifests that share one output folder are told, with both paths."""

import pytest

from tests.rehearsal import Rehearsal

JOB = {"id": "a", "prompt": "A lamp"}


@pytest.mark.parametrize("other", ["second", "third"])
def test_another_manifest_in_the_same_folder_is_told(scene: Rehearsal, other: str) -> None:
    """By `plan` and by `run`, and by neither once the other is gone; the same manifest twice is no matter."""
    output = scene.root / "output" / "one"
    first = scene.manifest([JOB], "first")
    second = scene.manifest([JOB], other)
    assert not [one for one in scene.run(first, output=output).problems if "draws into" in one.message]
    assert not [one for one in scene.run(first, output=output).problems if "draws into" in one.message]
    _rows, planned = scene.plan(second, output=output)
    told = scene.run(second, output=output).problems
    for warnings in (planned.warnings, told):
        (warning,) = [one for one in warnings if "draws into" in one.message]
        assert str(first) in warning.message
        assert warning.place
        assert warning.place.file == str(second)
    first.unlink()
    assert not [one for one in scene.run(second, output=output).problems if "draws into" in one.message]
