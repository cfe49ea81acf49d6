"""Azure's variant of batches, by provider file alone: other paths, headers, names, and files to be processed first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.batch.scene import DEFAULTS, QuickClock, adds_up, batches, created, jobs, until_collected
from tests.rehearsal import KEY, rehearsal

RULES = {"prefix": "", "image_purpose": "user_data", "processed": True}


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("base", "version"), [("/openai/v1", None), ("/openai", {"api-version": "2025-04-01-preview"})]
)
def test_images_and_edits_are_drawn_in_azures_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_image: Callable[[Path], None], base: str, version: Any
) -> None:
    """At the new address, and at the old one, which wants a version behind every path."""
    monkeypatch.setenv("MY_AZURE_KEY", KEY)
    provider = {"like": "azure", "key_variable": "MY_AZURE_KEY", "query": version or {}, "batch": RULES}
    make_image(tmp_path / "in.png")
    with rehearsal(
        tmp_path, {"provider": "own.yaml", "route": "batch", "defaults": DEFAULTS}, dialect="azure"
    ) as scene:
        provider["base_url"] = scene.handle.base_url.removesuffix("/openai/v1") + base
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(provider))
        edit = {"id": "e", "prompt": "Red", "images": ["in.png"]}
        manifest = scene.manifest([*jobs(2), edit])
        ended = until_collected(scene, manifest, clock=QuickClock(), base_url=None)
        assert ended.exit == 0, (ended.why, ended.summary)
        assert {row.endpoint for row in batches(ended.folder)} == {"/images/generations", "/images/edits"}
        assert created(scene) == 2
        asked = [one for one in scene.handle.requests() if "/files" in one["path"] or "/batches" in one["path"]]
        assert all(one["path"].startswith(base) for one in asked)
        adds_up(scene, ended)


@pytest.mark.parametrize(
    ("batch", "word"),
    [({"files": "files"}, "path"), ({"prefix": "v1"}, "prefix"), ({"cancel": "/x"}, "cancel"), ("yes", "true")],
)
def test_what_a_provider_file_says_wrongly_of_batches_is_told(tmp_path: Path, batch: Any, word: str) -> None:
    """With its line."""
    from batchgen import catalog
    from batchgen.errors import InputError

    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"like": "openai", "batch": batch}))
    with pytest.raises(InputError) as caught:
        catalog.provider(str(tmp_path / "own.yaml"))
    assert "own.yaml" in str(caught.value)
