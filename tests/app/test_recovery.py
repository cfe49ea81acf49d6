"""What a dead run left is worth what was paid for it, whatever has changed since."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchgen.model import OnUncertain
from tests.rehearsal import Rehearsal

LAMP = [{"id": "lamp", "prompt": "A lamp"}]
OTHER = """
base_url: https://api.example.com/v1
key_variable: OTHER_API_KEY
default_model: gpt-image-2
"""


class Died(BaseException):
    """The run ends here, as if killed."""


def dies_at(name: str) -> Callable[[str], None]:
    """Return a fault point where the run ends."""

    def at(where: str) -> None:
        if where == name:
            raise Died(where)

    return at


def die(scene: Rehearsal, manifest: Path, **options: Any) -> Path:
    """Return a run that ends with a whole answer in the spool; the spool's folder."""
    with pytest.raises(BaseException, match=r"after_answer|unhandled"):
        scene.run(manifest, at=dies_at("storage.finish.after_answer"), **options)
    (spool,) = (scene.root / "output" / "scene" / "spool").iterdir()
    return spool


def test_what_was_recovered_is_counted_among_what_is_wanted(scene: Rehearsal) -> None:
    """The line that people watch never shows more images than are wanted."""
    die(scene, scene.manifest(LAMP))
    ended = scene.run(scene.manifest([*LAMP, {"id": "chair", "prompt": "A chair"}]))
    status = json.loads((ended.folder / "runs" / ended.summary["run_id"] / "status.json").read_text("utf-8"))
    assert (status["images_stored"], status["images_wanted"]) == (2, 2)
    assert len(scene.bill) == 2


def test_an_answer_of_a_provider_that_has_gone_is_kept(scene: Rehearsal) -> None:
    """Without its price list a paid answer is settled at its worst case; it never keeps later runs from starting."""
    (scene.root / "other.yaml").write_text(OTHER, "utf-8")
    die(scene, scene.manifest(LAMP, provider="other.yaml", prices={"gpt-image-2": {"per_image": 0.05}}))
    ended = scene.run(scene.manifest([{**LAMP[0], "prompt": "Another lamp"}]))
    assert ended.exit == 0, ended.summary
    assert len(scene.bill) == 2
    assert ended.money["estimated_micro_usd"] == 50_000


def test_an_answer_is_settled_at_the_provider_that_drew_it(scene: Rehearsal) -> None:
    """Going on elsewhere does not change what was paid."""
    priced = {"gpt-image-2.5-flare": {"per_image": 0.05}}
    manifest = scene.manifest(LAMP, provider="apiyi", prices=priced)
    die(scene, manifest)
    assert scene.run(manifest, provider="openai").charged == 50_000


def test_an_answer_that_turns_up_late_is_not_paid_again(scene: Rehearsal) -> None:
    """A whole answer that lay on another disk is finished although its call was given up meanwhile."""
    manifest = scene.manifest(LAMP)
    spool = die(scene, manifest)
    away = spool.rename(scene.root / "away")
    held = scene.run(manifest, on_uncertain=OnUncertain.HOLD)
    assert held.exit == 7
    away.rename(spool)
    ended = scene.run(manifest)
    assert ended.exit == 0
    assert len(scene.bill) == 1
    assert ended.charged == scene.billed
    assert ended.money["at_risk_micro_usd"] == 0


def test_an_answer_that_turns_up_too_late_is_put_aside(scene: Rehearsal) -> None:
    """When its image was drawn again meanwhile, the late one goes to quarantine and takes nobody's place."""
    manifest = scene.manifest(LAMP)
    spool = die(scene, manifest)
    away = spool.rename(scene.root / "away")
    again = scene.run(manifest)
    drawn = again.image("lamp").read_bytes()
    away.rename(spool)
    ended = scene.run(manifest)
    assert ended.exit == 0
    assert ended.image("lamp").read_bytes() == drawn
    assert (ended.folder / "quarantine" / spool.name).is_dir()
