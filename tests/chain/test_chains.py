"""Jobs that take the images of other jobs: in their order, once, and again when what they take has changed."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from PIL import Image

from batchgen.planner import Action
from tests.rehearsal import Rehearsal

SAMPLES = Path(__file__).parents[2] / "manifests"
Start = Callable[..., Rehearsal]

CAT = {"id": "cat", "prompt": "A cat", "size": "1024x1536"}
HAT = {"id": "hat", "prompt": "A hat", "size": "1024x1024"}
BOTH = {"id": "both", "images": ["@cat", "@hat"], "prompt": "The cat wears the hat"}


def uploads(scene: Rehearsal, prompt: str) -> list[dict[str, Any]]:
    """Return the files of the last request with this prompt, as the server read them."""
    requests = [r for r in scene.handle.requests() if any(p.get("value") == prompt for p in r.get("parts", ()))]
    return [part for part in requests[-1]["parts"] if part["filename"]]


def test_the_guides_whole_example(scene: Start) -> None:
    """Cat and hat and both; character, its mask and the masked edit: drawn in order, priced right, never again."""
    stage = scene()
    sample = SAMPLES / "chained.yaml"
    planned, estimate = stage.plan(sample)
    assert {name: item.why for name, item in planned.items() if item.linked} == {
        "cat-with-hat": "waits for cat, hat",
        "glorptak-mask": "waits for glorptak",
        "glorptak-in-space": "waits for glorptak, glorptak-mask",
    }
    first = stage.run(sample)
    assert first.exit == 0
    assert first.charged == stage.billed
    assert estimate.expected == pytest.approx(stage.billed, rel=0.05)
    assert estimate.low <= stage.billed <= estimate.high
    assert [e["kind"] for e in stage.bill].count("edit") == 3
    asked = [entry["prompt"][:20] for entry in stage.bill]
    assert asked.index("A mask of the entire") < asked.index("A strange character ")
    looks = {row["job_id"]: (row["width"], row["height"], row["format"]) for row in first.table("images")}
    assert looks["cat"] == looks["cat-with-hat"] == ("1024", "1536", "jpeg")
    assert looks["glorptak-in-space"] == ("1024", "1024", "webp")
    with Image.open(first.image("hat")) as hat:
        assert hat.mode == "RGBA"
    assert stage.run(sample).exit == 0
    assert len(stage.bill) == 6


def test_the_drawn_mask_is_converted(scene: Start) -> None:
    """Black and white as it was drawn, alpha as it goes out: white stays, black is edited."""
    stage = scene()
    ended = stage.run(SAMPLES / "chained.yaml")
    with Image.open(ended.image("glorptak-mask")) as drawn:
        assert drawn.mode == "RGB"
    first, mask = uploads(stage, "A strange character on a colorful galaxy background, with lots of stars and planets")
    assert (first["name"], mask["name"]) == ("image", "mask")
    assert (mask["filename"], mask["content_type"]) == ("glorptak-mask-0.png", "image/png")


def test_images_go_in_as_they_are_stored(scene: Start) -> None:
    """The same bytes, in the order of the list, all of a job or one of them."""
    stage = scene()
    several = {**CAT, "n": 3}
    path = stage.manifest([{**BOTH, "images": ["@hat", "@cat[2]", "@cat"]}, several, HAT])
    ended = stage.run(path)
    assert ended.exit == 0
    hashes = {(row["job_id"], row["slot"]): row["sha256"] for row in ended.table("images")}
    assert [part["sha256"] for part in uploads(stage, str(BOTH["prompt"]))] == [
        hashes[slot] for slot in (("hat", "0"), ("cat", "2"), ("cat", "0"), ("cat", "1"), ("cat", "2"))
    ]


def test_another_hat_redraws_what_wears_it(scene: Start) -> None:
    """A changed input changes the key of what takes it; the images that were replaced stay in superseded/."""
    stage = scene()
    other = {"id": "other", "images": ["@cat"], "prompt": "The cat sleeps"}
    first = stage.run(stage.manifest([CAT, HAT, BOTH, other]))
    names = ("cat", "hat", "both", "other")
    keys = {name: first.images(name)[0]["job_key"] for name in names}
    red = stage.manifest([CAT, {**HAT, "prompt": "A red hat"}, BOTH, other])
    planned, estimate = stage.plan(red)
    assert {name: item.action for name, item in planned.items()} == {
        "cat": Action.STORED,
        "hat": Action.CHANGED,
        "both": Action.CHANGED,
        "other": Action.STORED,
    }
    assert planned["both"].why == "waits for hat"
    assert estimate.images == 2
    second = stage.run(red)
    assert second.exit == 0
    assert len(stage.bill) == 6
    assert {name for name in names if second.images(name)[0]["job_key"] != keys[name]} == {"hat", "both"}
    aside = sorted(path.name for path in (second.folder / "superseded").rglob("*.png"))
    assert len(aside) == 2
    assert [keys[name][:8] in file for name, file in zip(("both", "hat"), aside, strict=True)] == [True, True]
    assert second.summary["jobs"]["total"] == 4
    assert stage.run(red).exit == 0
    assert len(stage.bill) == 6


def test_an_input_that_failed_leaves_its_dependants_unstarted(scene: Start) -> None:
    """Not started and not failed, exit 3; once the input is there, only what is missing is drawn."""
    stage = scene()
    last = {"id": "last", "images": ["@both"], "prompt": "At night"}
    ended = stage.run(stage.manifest([{**CAT, "prompt": "A [moderated] cat"}, HAT, BOTH, last]))
    assert ended.exit == 3
    jobs = ended.summary["jobs"]
    assert (jobs["done"], jobs["moderated"], jobs["failed"], jobs["not_started"]) == (1, 1, 0, 2)
    assert {row["state"] for row in ended.images("both")} == {"not_started"}
    assert not [entry for entry in stage.bill if entry["kind"] == "edit"]
    calls = len(stage.bill)
    planned, estimate = stage.plan(stage.root / "scene.yaml")
    assert (planned["both"].action.value, planned["both"].slots, planned["both"].cost) == ("skip", (), None)
    assert planned["last"].why == "waits for both; this run does not draw both"
    assert (estimate.calls, estimate.high) == (0, 0)
    once_more = stage.run(stage.root / "scene.yaml")
    assert (once_more.exit, once_more.summary["jobs"]) == (0, jobs)  # what was told before is no news
    assert len(stage.bill) == calls
    again = stage.run(stage.manifest([CAT, HAT, BOTH, last]))
    assert again.exit == 0
    assert again.summary["jobs"]["total"] == again.summary["jobs"]["done"] == 4
    assert len(stage.bill) == calls + 3
    assert again.charged == stage.billed


def test_one_missing_image_of_several_holds_it_back(scene: Start) -> None:
    """`@cat` means all images of the cat; with one of them moderated, the plan says how many there are."""
    stage = scene()
    path = stage.manifest(
        [{**CAT, "n": 2, "prompt": "A [[mock: fault=fewer_1 times=1]] cat"}, HAT, BOTH], on_partial="accept"
    )
    ended = stage.run(path)
    assert ended.exit == 3
    assert ended.summary["jobs"]["not_started"] == 1
    planned, _ = stage.plan(path)
    assert planned["both"].why == "waits for cat (1 of 2 images stored); this run does not draw cat"


def test_only_the_last_link(scene: Start) -> None:
    """--only draws a chained job from inputs that an earlier run stored, and says what it waits for otherwise."""
    stage = scene()
    deep = {"id": "deep", "images": ["@both"], "mask": "@hat", "prompt": "The hat glows"}
    path = stage.manifest([CAT, HAT, {**BOTH, "size": "1024x1024"}, deep])
    alone = stage.run(path, only=("deep",))
    assert alone.exit == 3
    assert not stage.bill
    assert stage.run(path, only=("cat", "hat", "both")).exit == 0
    assert stage.plan(path, only=("deep",))[0]["deep"].why == "never drawn"
    ended = stage.run(path, only=("deep",))
    assert ended.exit == 0
    assert len(stage.bill) == 4
    assert ended.summary["jobs"]["total"] == ended.summary["jobs"]["done"] == 4


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ([CAT, {**BOTH, "images": ["@cat", "@het"]}], "`@het` names no job"),
        ([{**CAT, "images": ["@both"]}, HAT, BOTH], "wait for each other: "),
        ([{**CAT, "images": ["@cat"]}], "wait for each other: cat -> cat"),
        ([CAT, HAT, {**BOTH, "images": ["@cat[1]", "@hat"]}], "`@cat[1]` is beyond the 1"),
        ([CAT, HAT, {**BOTH, "mask": "@hat[7]"}], "`@hat[7]` is beyond the 1"),
        ([{**CAT, "n": 10}, {**HAT, "n": 7}, BOTH], "17 images"),
        ([{**CAT, "n": 2}, {**BOTH, "operation": "variation", "images": ["@cat"]}], "exactly one image"),
    ],
)
def test_a_chain_that_cannot_be_drawn_is_found_at_check(scene: Start, jobs: Any, words: str) -> None:
    """With its line, and before anything is sent."""
    stage = scene()
    path = stage.manifest(jobs)
    errors = [str(problem) for problem in stage.check(path).errors]
    assert any(words in error for error in errors), errors
    assert all("scene.yaml:" in error for error in errors)
    assert stage.run(path).exit == 2
    assert not stage.bill


def test_what_is_drawn_decides_not_what_was_asked(scene: Start) -> None:
    """An input that came smaller than asked is settled by what it is."""
    stage = scene()
    path = stage.manifest([{**CAT, "prompt": "A [[mock: fault=wrong_dimensions]] cat"}, HAT, BOTH])
    ended = stage.run(path)
    assert ended.exit == 0
    assert ended.charged == stage.billed
    assert ended.images("cat")[0]["flags"] == "not_as_asked:size"


def test_a_chain_from_rows(scene: Start, tmp_path: Path) -> None:
    """Each row draws a product and sets it into a room, with ids made by templates; forty links long or wide."""
    stage = scene(fixed_bytes=None)
    (tmp_path / "rows.csv").write_text("sku\n" + "".join(f"p{i}\n" for i in range(12)))
    small = {"size": "1024x1024", "output_format": "jpeg"}
    path = stage.manifest(
        [
            {"id": "room-{{ sku }}", "rows": "rows.csv", "images": ["@{{ sku }}"], "prompt": "In a room", **small},
            {"id": "{{ sku }}", "rows": "rows.csv", "prompt": "A chair {{ sku }}", **small},
        ]
    )
    _, estimate = stage.plan(path)
    ended = stage.run(path)
    assert ended.exit == 0
    assert ended.summary["jobs"]["done"] == 24
    assert estimate.expected == pytest.approx(stage.billed, rel=0.05)
    assert stage.run(path).exit == 0
    assert len(stage.bill) == 24


def test_a_long_chain_with_little_room(scene: Start) -> None:
    """Twelve links, one call at a time, written backwards: nothing waits for itself."""
    stage = scene()
    small = {"size": "1024x1024", "output_format": "jpeg"}
    links: list[dict[str, Any]] = [{"id": "l0", "prompt": "A seed", **small}]
    links += [{"id": f"l{i}", "images": [f"@l{i - 1}"], "prompt": f"Grown {i}", **small} for i in range(1, 12)]
    path = stage.manifest(links[::-1], limits={"concurrency": 1, "max_cost": 5})
    assert stage.run(path).exit == 0
    assert [entry["prompt"] for entry in stage.bill] == ["A seed", *(f"Grown {i}" for i in range(1, 12))]


def test_the_sample_in_a_folder_of_its_own(scene: Start, tmp_path: Path) -> None:
    """Inputs are found wherever the output folder has moved to: the ledger keeps relative paths."""
    stage = scene()
    path = stage.manifest([CAT, HAT])
    ended = stage.run(path)
    moved = tmp_path / "moved"
    copytree(ended.folder, moved)
    again = stage.run(stage.manifest([CAT, HAT, BOTH]), output=moved)
    assert again.exit == 0
    assert len(stage.bill) == 3
