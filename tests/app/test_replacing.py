"""What a change replaces moves away, and what is not ours is never touched nor paid against."""

from tests.rehearsal import Rehearsal


def test_a_changed_format_leaves_no_old_image_behind(scene: Rehearsal) -> None:
    """A job drawn anew in another format keeps one image in its place; the other lies in `superseded/`."""
    ended = scene.run(scene.manifest([{"id": "lamp", "prompt": "A lamp", "output_format": "webp"}]))
    old = ended.image("lamp").read_bytes()
    again = scene.run(scene.manifest([{"id": "lamp", "prompt": "A lamp", "output_format": "png"}]))
    assert again.exit == 0
    assert [path.name for path in (ended.folder / "images").iterdir()] == ["lamp-0.png"]
    (aside,) = (ended.folder / "superseded").iterdir()
    assert aside.suffix == ".webp"
    assert aside.read_bytes() == old
    back = scene.run(scene.manifest([{"id": "lamp", "prompt": "A lamp", "output_format": "webp"}]))
    assert back.exit == 0
    assert len(scene.bill) == 2
    assert back.image("lamp").read_bytes() == old


def test_a_foreign_file_is_found_before_anything_is_paid(scene: Rehearsal) -> None:
    """Somebody else's file at an image's place ends the run with status 2, and the file stays."""
    folder = scene.root / "output" / "scene"
    other = [{"id": "chair", "prompt": "A chair"}]
    scene.run(scene.manifest(other))
    (folder / "images" / "lamp-0.webp").write_bytes(b"mine")
    ended = scene.run(scene.manifest([*other, {"id": "lamp", "prompt": "A lamp"}]))
    assert ended.exit == 2
    assert "lamp-0.webp" in ended.summary["why"]
    assert len(scene.bill) == 1
    assert (folder / "images" / "lamp-0.webp").read_bytes() == b"mine"
