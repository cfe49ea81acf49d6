"""What cannot be asked for in a batch is found before anything is paid, each at its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen.model import ImageRequest, Operation
from batchgen.model.job import FileImage
from batchgen.providers.batches import no_line
from tests.batch.scene import QuickClock, batches, jobs
from tests.rehearsal import Rehearsal

FILE = FileImage("in.png", "0" * 64, 10, 8, 8)


@pytest.mark.parametrize(
    ("request_", "speaks", "word"),
    [
        (ImageRequest(Operation.GENERATE, "A lamp", files=(("reference_image", FILE),)), "images", "reference_image"),
        (ImageRequest(Operation.VARIATION, ""), "images", "variations"),
        (ImageRequest(Operation.GENERATE, "A lamp"), "chat", "chat"),
        (ImageRequest(Operation.GENERATE, "A lamp"), "images", ""),
        (ImageRequest(Operation.EDIT, "Red", images=(FILE,)), "images", ""),
    ],
)
def test_what_can_be_no_line_says_why(request_: ImageRequest, speaks: str, word: str) -> None:
    """Everything else can."""
    why = no_line(request_, speaks)
    assert bool(why) is bool(word)
    assert word in why


def test_a_reference_image_is_refused_where_it_would_go_into_a_batch(scene: Rehearsal, make_image: Any) -> None:
    """By calls it is drawn; the message has the place and the fix."""
    make_image(scene.root / "in.png")
    provider = {"like": "laozhang", "base_url": scene.handle.base_url, "batch": True}
    (scene.root / "own.yaml").write_text(yaml.safe_dump(provider))
    job = {"id": "a", "prompt": "A lamp", "model": "gpt-image-2.5-flare", "reference_image": "in.png"}
    for route, refused in (("batch", True), ("sync", False)):
        manifest = scene.manifest([job], provider="own.yaml", route=route, defaults={})
        errors = [one for one in scene.check(manifest).errors if "reference_image" in one.message]
        assert bool(errors) is refused
        assert all("route: sync" in one.message and one.place for one in errors)


def test_checks_of_what_batches_bring_only_flag_it(scene: Rehearsal) -> None:
    """Whoever asks for another image is told so; by calls it is drawn."""
    for route, told in (("batch", True), ("sync", False)):
        manifest = scene.manifest(jobs(1), route=route, checks={"blur": {"min": 10}}, on_check="retry-once")
        checked = scene.check(manifest)
        assert not checked.errors
        assert any("what batches bring is flagged" in one.message for one in checked.problems) is told


def test_the_output_of_a_batch_is_as_large_as_the_manifest_says(scene: Rehearsal) -> None:
    """As far as that can be foreseen: one WebP image of a square megapixel is about 700 kB of base64."""
    scene.run(scene.manifest(jobs(4), batch={"max_output": "1.5 MB"}), clock=QuickClock())
    assert [row.lines for row in batches(scene.root / "output" / "scene")] == [2, 2]


def test_a_batch_of_an_own_provider_file_is_cancelled_through_it(
    scene: Rehearsal, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With its own key and address, found by the manifest that the ledger keeps."""
    from batchgen.cli.main import main

    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"like": "openai", "key_variable": "OTHER_API_KEY"}))
    folder = scene.run(scene.manifest(jobs(2), provider="own.yaml")).folder
    assert main(["batches", str(folder), "--cancel", "all"]) == 0
    assert "being cancelled" in capsys.readouterr().out
    (asked,) = [one for one in scene.handle.requests() if one["path"].endswith("/cancel")]
    assert asked["method"] == "POST"
