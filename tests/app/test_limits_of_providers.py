"""A provider's own limits hold where the manifest states none of that kind."""

from pathlib import Path

import pytest

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from tests.rehearsal import Rehearsal

OTHER = """
base_url: https://api.example.com/v1
key_variable: OTHER_API_KEY
default_model: gpt-image-2
limits: {images_per_minute: 50, images_per_day: 1000, concurrency: 4}
"""


@pytest.mark.parametrize(
    ("limits", "per_minute", "per_day", "concurrency"),
    [({}, 50, 1000, 4), ({"images_per_minute": 80, "concurrency": 2}, 80, 1000, 2)],
)
def test_a_provider_states_limits(
    scene: Rehearsal, limits: dict[str, int], per_minute: int, per_day: int, concurrency: int
) -> None:
    """The manifest's own word counts more than the provider's, and the provider's more than none."""
    Path(scene.root / "other.yaml").write_text(OTHER, "utf-8")
    manifest = scene.manifest([{"id": "lamp", "prompt": "A lamp"}], provider="other.yaml", limits=limits)
    held = open_project(manifest, Options()).settings.limits
    assert (held.images_per_minute, held.images_per_day, held.concurrency) == (per_minute, per_day, concurrency)


def test_the_command_line_counts_most(scene: Rehearsal) -> None:
    """What is said for one run holds against manifest and provider."""
    Path(scene.root / "other.yaml").write_text(OTHER, "utf-8")
    manifest = scene.manifest([{"id": "lamp", "prompt": "A lamp"}], provider="other.yaml")
    assert open_project(manifest, Options(concurrency=9)).settings.limits.concurrency == 9
