"""A file beside each image that tells how it came about: durable with it, true of it, and enough to draw it again."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.output import adopt
from batchgen.app.output.sidecars import records
from batchgen.storage import LocalStore
from tests.rehearsal import Rehearsal

OUTPUT = {"sidecars": True}
LOOK = ("width", "height", "format")
LAMP = {"id": "lamp", "prompt": "A {red} lamp, 100 % “new”", "n": 2, "size": "1024x1536"}


@pytest.fixture(autouse=True)
def quick(scene: Rehearsal) -> None:
    """Have images drawn in the format that is encoded fastest."""
    scene.settings["defaults"]["output_format"] = "jpeg"


def sidecars(folder: Path) -> dict[str, Any]:
    """Every sidecar by the path of the image that it stands beside; each tells the truth about it."""
    found = {}
    for path in sorted(folder.glob("[is][mu]*/**/*.json")):
        image = path.with_suffix("")
        told = json.loads(path.read_text("utf-8"))
        assert told["picture"]["bytes"] == image.stat().st_size
        assert told["picture"]["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
        found[str(image.relative_to(folder))] = told
    return found


def images(folder: Path) -> list[str]:
    """Every image, also of those that stepped aside."""
    below = [*folder.glob("images/**/*.jpg"), *folder.glob("superseded/**/*.jpg")]
    return sorted(str(path.relative_to(folder)) for path in below)


def test_a_image_is_drawn_again_from_its_sidecar_alone(scene: Rehearsal) -> None:
    """Its job is a row of a JSON manifest; what is drawn is the same job, by its key."""
    photo = scene.run(scene.manifest([{"id": "room", "prompt": "A room"}], name="photo")).image("room")
    edit = {"prompt": "{{ 'a {{ b }}' }} in here", "image": str(photo), "mask": str(photo), "quality": "high"}
    first = scene.run(scene.manifest([LAMP, edit], output=OUTPUT))
    told = sidecars(first.folder)
    assert sorted(told) == images(first.folder)
    for path, sidecar in told.items():
        again = scene.root / "again.json"
        again.write_text(json.dumps([sidecar["job"]]), "utf-8")
        name = path.replace("/", "-")
        second = scene.run(again, provider=sidecar["drawn"]["provider"], max_cost=10_000_000, output=scene.root / name)
        assert second.exit == 0
        (row,) = second.table("images")
        assert (row["job_key"], row["model"]) == (sidecar["key"], sidecar["drawn"]["model"])
        assert {name: row[name] for name in LOOK} == {name: str(sidecar["picture"][name]) for name in LOOK}


def test_a_sidecar_says_what_the_image_cost_and_where_it_came_from(scene: Rehearsal) -> None:
    """Shares add up to what the ledger says, and everything that a support case needs is named."""
    ended = scene.run(scene.manifest([LAMP], output=OUTPUT))
    one, two = sidecars(ended.folder).values()
    assert one["cost_micro_usd"] + two["cost_micro_usd"] == one["call"]["cost_micro_usd"] == ended.charged
    assert one["call"]["images"] == 2
    assert one["call"]["usage"]["output_tokens"] > 0
    assert one["job"] == {
        "id": "lamp", "operation": "generate", "prompt": LAMP["prompt"],
        "output_format": "jpeg", "quality": "low", "size": "1024x1536",
    }  # fmt: skip
    drawn = one["drawn"]
    assert (drawn["provider"], drawn["run_id"]) == ("openai", ended.summary["run_id"])
    assert drawn["at"].startswith("20")
    assert drawn["attempt_id"]
    assert one["batchgen"]


@pytest.mark.parametrize("left", ["sidecars", "everything"])
def test_a_folder_is_adopted_from_its_sidecars_alone(scene: Rehearsal, left: str) -> None:
    """With ledger, report and logs gone, the images and their sidecars tell it all, to the micro-dollar."""
    manifest = scene.manifest([LAMP, {"prompt": "=cmd"}], output=OUTPUT)
    first = scene.run(manifest)
    for path in first.folder.glob("ledger.db*"):
        path.unlink()
    if left == "sidecars":
        shutil.rmtree(first.folder / "runs")
        shutil.rmtree(first.folder / "report")
    calls = len(scene.bill)
    assert scene.run(manifest).exit == 2
    taken = adopt.adopt(first.folder)
    assert (taken.jobs, taken.images, taken.unknown) == (2, 3, ())
    again = scene.run(manifest)
    assert (again.exit, again.charged, len(scene.bill)) == (0, first.charged, calls)
    assert again.money["confirmed_micro_usd"] == first.money["confirmed_micro_usd"]
    assert {path: told["drawn"]["model"] for path, told in sidecars(first.folder).items()}


def test_a_sidecar_goes_where_its_image_goes(scene: Rehearsal) -> None:
    """A changed job's image takes its sidecar to superseded/, and brings it back when the change is taken back."""
    first = scene.run(scene.manifest([LAMP], output=OUTPUT))
    before = sidecars(first.folder)
    scene.run(scene.manifest([{**LAMP, "prompt": "A green lamp"}], output=OUTPUT))
    changed = sidecars(first.folder)
    assert sorted(changed) == images(first.folder)
    assert len(changed) == 4
    moved = {told["key"] for path, told in changed.items() if path.startswith("superseded/")}
    assert moved == {told["key"] for told in before.values()}
    scene.run(scene.manifest([LAMP], output=OUTPUT))
    after = sidecars(first.folder)
    assert sorted(after) == images(first.folder)
    assert {path: told for path, told in after.items() if path.startswith("images/")} == before


def test_another_format_takes_the_sidecar_along(scene: Rehearsal) -> None:
    """A new image under another name makes the old one step aside, with what is told of it."""
    job = {**LAMP, "n": 1}
    first = scene.run(scene.manifest([job], output=OUTPUT))
    scene.run(scene.manifest([{**job, "output_format": "png"}], output=OUTPUT))
    assert sorted(sidecars(first.folder)) == [
        "images/lamp-0.png",
        *(path for path in images(first.folder) if path.startswith("superseded/")),
    ]


@pytest.mark.parametrize(
    "point",
    ["storage.publish.after_sync", "ledger.settle.before_commit", "ledger.settle.after_commit"],
)
def test_a_broken_run_leaves_no_image_without_its_sidecar_for_long(scene: Rehearsal, point: str) -> None:
    """Wherever a run dies, the next one finds the image or writes what is missing; nothing is paid for it."""

    class Died(BaseException):
        """As if the process were killed."""

    def at(name: str) -> None:
        if name == point:
            raise Died

    manifest = scene.manifest([LAMP], output=OUTPUT)
    with pytest.raises((Died, BaseExceptionGroup)):
        scene.run(manifest, at=at)
    calls = len(scene.bill)
    ended = scene.run(manifest)
    assert (ended.exit, len(scene.bill)) == (0, calls)
    assert sorted(sidecars(ended.folder)) == images(ended.folder)
    assert len(images(ended.folder)) == 2


def test_sidecars_that_are_asked_for_later_are_written_without_a_call(scene: Rehearsal) -> None:
    """Turned on after the images were drawn, lost, or spoiled: the same command writes them."""
    first = scene.run(scene.manifest([LAMP]))
    calls = len(scene.bill)
    assert sidecars(first.folder) == {}
    manifest = scene.manifest([LAMP], output=OUTPUT)
    scene.run(manifest)
    written = sidecars(first.folder)
    assert sorted(written) == images(first.folder)
    paths = [first.folder / f"{path}.json" for path in written]
    paths[0].unlink()
    paths[1].write_text(paths[1].read_text("utf-8").replace(written[images(first.folder)[1]]["picture"]["sha256"], "0"))
    scene.run(manifest)
    assert sidecars(first.folder) == written
    assert len(scene.bill) == calls


def test_a_file_of_somebody_else_is_not_overwritten(scene: Rehearsal) -> None:
    """What stands where a sidecar would go, and is none, stays as it is."""
    theirs = scene.root / "output" / "scene" / "images" / "lamp-0.jpg.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"mine": true}', "utf-8")
    ended = scene.run(scene.manifest([LAMP], output=OUTPUT))
    assert ended.exit == 0
    assert theirs.read_text("utf-8") == '{"mine": true}'
    assert (ended.folder / "images" / "lamp-1.jpg.json").exists()


@pytest.mark.parametrize(
    "spoiled", ["", "{", "[]", "null", '{"sidecar": 1}', '{"job": 1, "drawn": 2}', "\x00", "[" * 100_000]
)
def test_a_spoiled_sidecar_tells_nothing(tmp_path: Path, spoiled: str) -> None:
    """Whatever stands in it, it explains no image and breaks nothing."""
    (tmp_path / "x.png.json").write_text(spoiled, "utf-8")
    assert list(records(LocalStore(tmp_path), ["x.png", "y.png"])) == []


def test_images_by_address_have_sidecars_too(scene: Rehearsal) -> None:
    """Also what was downloaded is told of beside it."""
    manifest = scene.manifest(
        [{"id": "cat", "prompt": "A cat", "response_format": "url", "model": "dall-e-2"}], output=OUTPUT
    )
    ended = scene.run(manifest, provider="apiyi")
    assert sorted(sidecars(ended.folder)) == images(ended.folder)
