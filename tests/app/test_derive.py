"""Derivatives of stored images: made beside a run, made again when something changed, and never over another file."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.app.output import derive, derive_worker
from batchgen.app.output.derive import Source, Workers, derive_output
from batchgen.app.output.derive_worker import Task, Wish
from batchgen.errors import InputError
from batchgen.model import Recipe
from batchgen.storage import LocalStore, Workspace
from tests.rehearsal import Ended, Rehearsal

WEB = {"max_edge": 200, "format": "webp"}
SQUARE = {"width": 128, "height": 128, "fit": "pad", "background": "#ffffff", "format": "jpeg"}
JOBS = [{"id": name, "prompt": name, "n": 2} for name in ("lamp", "sofa")]


def ran(scene: Rehearsal, jobs: Any = JOBS, **derivatives: Any) -> Ended:
    """Run a manifest with these recipes."""
    return scene.run(scene.manifest(jobs, derivatives=derivatives))


def files(folder: Path, name: str) -> list[str]:
    """Name the derivatives of one recipe."""
    return sorted(path.name for path in (folder / "derivatives" / name).glob("*") if not path.name.startswith("."))


def test_a_run_leaves_the_derivatives_of_what_it_stored(scene: Rehearsal) -> None:
    """By every recipe, listed in the report, and there is nothing left to make."""
    ended = ran(scene, web=WEB, square=SQUARE)
    assert (ended.exit, ended.problems) == (0, ())
    assert files(ended.folder, "web") == ["lamp-0.webp", "lamp-1.webp", "sofa-0.webp", "sofa-1.webp"]
    assert files(ended.folder, "square") == ["lamp-0.jpg", "lamp-1.jpg", "sofa-0.jpg", "sofa-1.jpg"]
    rows = ended.table("derivatives")
    assert [(row["name"], row["path"]) for row in rows[:2]] == [
        ("square", "derivatives/square/lamp-0.jpg"),
        ("web", "derivatives/web/lamp-0.webp"),
    ]
    for row in rows:
        file = ended.folder / row["path"]
        assert file.stat().st_size == int(row["bytes"])
        with Image.open(file) as image:
            assert image.size == (int(row["width"]), int(row["height"]))
    result = derive_output(ended.folder)
    assert (result.made, result.kept, result.failed) == (0, 8, [])


def test_only_what_changed_is_made_again(scene: Rehearsal) -> None:
    """A recipe, an image, a file that somebody removed; nothing is paid for any of it."""
    ended = ran(scene, web=WEB, square=SQUARE)
    (ended.folder / "derivatives/web/lamp-0.webp").unlink()
    assert derive_output(ended.folder).made == 1
    again = ran(scene, web=WEB, square={**SQUARE, "background": "#000000"})
    assert again.charged == ended.charged
    assert derive_output(ended.folder).made == 0
    with Image.open(ended.folder / "derivatives/square/lamp-0.jpg") as image:
        assert image.size == (128, 128)


def test_a_redrawn_image_gets_a_new_derivative_and_one_that_is_gone_loses_it(scene: Rehearsal) -> None:
    """What stands there is made of what the ledger says is stored."""
    first = ran(scene, [JOBS[0]], web=WEB)
    before = (first.folder / "derivatives/web/lamp-0.webp").read_bytes()
    second = ran(scene, [{**JOBS[0], "prompt": "another lamp"}], web=WEB)
    assert (second.folder / "derivatives/web/lamp-0.webp").read_bytes() != before
    other = {**JOBS[0], "prompt": "another lamp", "output_format": "png"}
    third = ran(scene, [other], web=WEB)
    assert third.problems == ()
    assert [row["image"] for row in third.table("derivatives")] == ["images/lamp-0.png", "images/lamp-1.png"]
    assert files(third.folder, "web") == ["lamp-0.webp", "lamp-1.webp"]


def test_a_file_of_somebody_else_is_never_overwritten(scene: Rehearsal) -> None:
    """It is told, the others are made, and the run itself went well."""
    folder = scene.run(scene.manifest(JOBS)).folder
    strange = folder / "derivatives/web/lamp-0.webp"
    strange.parent.mkdir(parents=True)
    strange.write_text("mine")
    ended = ran(scene, web=WEB)
    assert ended.exit == 0
    assert strange.read_text() == "mine"
    assert len(files(folder, "web")) == 4
    (problem,) = ended.problems
    assert "lamp-0.webp: a file that batchgen did not make stands there" in problem.message


def test_an_image_that_cannot_be_decoded_costs_only_its_own_derivatives(scene: Rehearsal) -> None:
    """The others are made, and why is said."""
    folder = scene.run(scene.manifest(JOBS)).folder
    (folder / "images/lamp-0.webp").write_bytes(b"RIFF")
    ended = ran(scene, web=WEB)
    assert len(files(folder, "web")) == 3
    assert "images/lamp-0.webp: it cannot be decoded" in ended.problems[-1].message


def test_a_process_that_dies_takes_only_its_image_with_it(tmp_path: Path) -> None:
    """The next task gets a new one."""
    image = tmp_path / "images/a.png"
    image.parent.mkdir()
    Image.new("RGB", (50, 40)).save(image)
    wish = Wish(Recipe("web", max_edge=20), "x", "derivatives/web/a.png")
    with Workers(LocalStore(tmp_path), 1) as workers:
        task = Task(str(tmp_path), "images/a.png", "0", (wish,))
        assert len(workers.submit(task).result().derived) == 1
        for process in workers._processes:
            process.kill()
            process.wait()
        assert len(workers.submit(task).result().derived) == 1
    assert all(process.poll() is not None for process in workers._processes)


def test_no_key_reaches_a_process(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets what it needs to start."""
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-secret")
    process = derive._started()
    told = Path(f"/proc/{process.pid}/environ").read_bytes() if Path("/proc").is_dir() else b""
    process.communicate()
    assert b"KEY" not in told


def test_the_list_survives_a_torn_line(scene: Rehearsal) -> None:
    """What it told is made again, nothing else."""
    ended = ran(scene, web=WEB)
    told = ended.folder / "derivatives/web/.derived.jsonl"
    lines = told.read_text().splitlines(keepends=True)
    told.write_text("".join(lines[:-1]) + lines[-1][:20])
    path = json.loads(lines[-1])["path"]
    (ended.folder / path).unlink()
    assert (derive_output(ended.folder).made, derive_output(ended.folder).kept) == (1, 4)


def test_a_file_that_was_made_and_not_yet_listed_is_made_again(scene: Rehearsal) -> None:
    """A kill between the file and its line leaves nothing that needs a person."""
    ended = ran(scene, web=WEB)
    told = ended.folder / "derivatives/web/.derived.jsonl"
    planned = [line for line in told.read_text().splitlines(keepends=True) if "planned" in line]
    told.write_text("".join(planned))
    result = derive_output(ended.folder)
    assert (result.made, result.failed) == (4, [])


def test_another_manifest_may_give_the_recipes(scene: Rehearsal) -> None:
    """Without recipes it says what to write, and a folder that names no manifest asks for one."""
    ended = scene.run(scene.manifest(JOBS))
    with pytest.raises(InputError, match="has no `derivatives`"):
        derive_output(ended.folder)
    other = scene.root / "recipes.yaml"
    other.write_text("derivatives: {tiny: {max_edge: 32}}\njobs: [{prompt: x}]\n")
    assert derive_output(ended.folder, other, ("sofa",)).made == 2
    assert files(ended.folder, "tiny") == ["sofa-0.webp", "sofa-1.webp"]


def test_everything_is_made_of_an_image_that_is_decoded_once(tmp_path: Path) -> None:
    """Each result names its recipe, its file and the image."""
    image = tmp_path / "images/below/a.png"
    image.parent.mkdir(parents=True)
    Image.new("RGB", (50, 40)).save(image)
    recipes = [Recipe("web", max_edge=20), Recipe("jpg", format="jpeg")]
    wishes = tuple(Wish(recipe, "x", derive.place("images/below/a.png", recipe)) for recipe in recipes)
    made = derive_worker.make(Task(str(tmp_path), "images/below/a.png", "0", wishes, file=str(image)))
    assert [one.path for one in made.derived] == ["derivatives/web/below/a.png", "derivatives/jpg/below/a.jpg"]
    assert not made.why


def test_images_that_would_share_a_derivative_are_told(tmp_path: Path) -> None:
    """The first has it, the other is named."""
    workspace = Workspace(tmp_path)
    for name, edge in (("a.png", 40), ("a.webp", 50)):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (edge, edge)).save(path)
    deriver = derive.Deriver(workspace, LocalStore(tmp_path), [Recipe("jpg", format="jpeg")])
    for name in ("a.png", "a.webp"):
        deriver.add(Source(f"images/{name}", name))
    there = [Source(f"images/{name}", name) for name in ("a.png", "a.webp")]
    result = deriver.complete(there, there)
    assert result.made == 1
    assert [path for path, _ in result.failed] == ["derivatives/jpg/a.jpg"]


def test_derivatives_are_made_of_images_in_a_store(scene: Rehearsal) -> None:
    """They stay in the output folder, as the images' copies do."""
    shelf = scene.root / "shelf"
    told = scene.manifest(JOBS, derivatives={"web": WEB}, output={"store": f"file://{shelf}"})
    ended = scene.run(told)
    assert (ended.exit, ended.problems) == (0, ())
    assert files(ended.folder, "web") == ["lamp-0.webp", "lamp-1.webp", "sofa-0.webp", "sofa-1.webp"]
    assert not (ended.folder / "images").exists()


def test_a_derivative_that_no_encoder_takes_costs_only_itself(tmp_path: Path) -> None:
    """A WebP has at most 16,383 pixels a side; the next image is made by the same process."""
    for name, size in (("wide.png", (17_000, 1)), ("small.png", (50, 40))):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", size).save(path)
    there = [Source(f"images/{name}", name) for name in ("wide.png", "small.png")]
    result = derive.Deriver(
        Workspace(tmp_path), LocalStore(tmp_path), [Recipe("web", format="webp")], workers=1
    ).complete(there, there)
    assert result.made == 1
    assert [path for path, _ in result.failed] == ["images/wide.png"]


def test_a_recipe_that_cannot_be_followed_keeps_no_other_from_being_made(tmp_path: Path) -> None:
    """WebP ends at 16,383 pixels; what else is made of the same image is made."""
    image = tmp_path / "wide.png"
    Image.new("RGB", (17_000, 4), "red").save(image)
    wishes = tuple(
        Wish(Recipe(name=kind, format=kind), "0", f"derivatives/{kind}/wide.{kind}") for kind in ("webp", "png", "jpeg")
    )
    made = derive_worker.make(Task(str(tmp_path), "images/wide.png", "0", wishes, file=str(image)))
    assert [one.name for one in made.derived] == ["png", "jpeg"]
    assert "WebP" in made.why
