"""Checks of stored images: measured beside the run, flagged in the report, measured again only when a check changed."""

from typing import Any

from tests.rehearsal import Ended, Rehearsal

JOBS: list[dict[str, Any]] = [
    {"id": f"lamp-{angle}", "prompt": f"A lamp, {angle}", "tags": {"sku": "L1"}} for angle in ("front", "side")
]
NEVER = {"margin": {"min": 0.49}, "background": {"color": "#010203", "tolerance": 0}}


def ran(scene: Rehearsal, **checks: Any) -> Ended:
    """Run a manifest with these checks."""
    settings: dict[str, Any] = {"checks": checks} if checks else {}
    return scene.run(scene.manifest(JOBS, **settings))


def flags(ended: Ended) -> list[set[str]]:
    """Tell the flags of each image."""
    return [set(row["flags"].split()) for row in ended.table("images")]


def test_what_fails_a_check_is_flagged_and_stays(scene: Rehearsal) -> None:
    """Also images that were stored before there was a check; nothing is paid for it."""
    first = ran(scene)
    assert flags(first) == [set(), set()]
    second = ran(scene, **NEVER)
    assert (second.exit, second.charged) == (0, first.charged)
    assert flags(second) == [{"background", "margin"}] * 2
    assert [row["flags"] for row in second.table("checks")] == ["background margin"] * 2
    assert all(float(row["border_off"]) > 0 for row in second.table("checks"))


def test_a_new_threshold_counts_at_once_and_no_check_flags_nothing(scene: Rehearsal) -> None:
    """What was measured by other checks says nothing any more."""
    ran(scene, **NEVER)
    assert flags(ran(scene, margin={"min": 0.0})) == [set(), set()]
    assert flags(ran(scene, **NEVER)) == [{"background", "margin"}] * 2
    last = ran(scene)
    assert flags(last) == [set(), set()]
    assert not (last.folder / "report/checks.csv").exists()


def test_images_of_one_group_that_look_alike_are_flagged_but_for_the_first(scene: Rehearsal) -> None:
    """Of another group they are none."""
    assert flags(ran(scene, duplicate={"within": "sku", "bits": 32})) == [set(), {"duplicate"}]
    assert flags(ran(scene, duplicate={"within": "colour", "bits": 32})) == [set(), set()]


def test_a_check_that_cannot_be_is_an_error_with_its_place(scene: Rehearsal) -> None:
    """Before anything is sent."""
    for checks, said in (({"margin": {"min": 0.5, "max": 0.1}}, "`min` is above `max`"), ({"duplicate": {}}, "within")):
        ended = ran(scene, **checks)
        assert ended.exit == 2
        assert said in ended.why


def test_an_edit_that_looks_like_its_reference_is_flagged(scene: Rehearsal) -> None:
    """Whether that is a file or the image of another job; nothing is flagged for what it was not drawn from."""
    edits: list[dict[str, Any]] = [
        {"id": "chained", "prompt": "At night", "images": ["@lamp-front"]},
        {"id": "other", "prompt": "A vase on a white background"},
    ]
    front = scene.run(scene.manifest(JOBS[:1])).image("lamp-front")
    (scene.root / "front.webp").write_bytes(front.read_bytes())
    edits.append({"id": "edit", "prompt": "In the rain", "images": ["front.webp"]})
    checks = {"duplicate": {"within": "none", "bits": 32}}
    ended = scene.run(scene.manifest([*JOBS[:1], *edits], checks=checks))
    assert {row["job_id"]: row["flags"] for row in ended.table("images")} == {
        **dict.fromkeys(("lamp-front", "other"), ""),
        **dict.fromkeys(("chained", "edit"), "duplicate"),
    }


def test_what_fails_a_check_is_drawn_once_more_in_all_runs(scene: Rehearsal) -> None:
    """Paid, into the same slot; the second image stays as it is, and so does what passes or was drawn by other runs."""
    jobs: list[dict[str, Any]] = [JOBS[0], {"id": "plain", "prompt": "A chair on a white background"}]
    settings: dict[str, Any] = {"checks": {"background": {"color": "#ffffff"}}}
    path = scene.manifest(jobs, on_check="retry-once", **settings)
    ended = scene.run(path)
    assert ended.exit == 0
    assert sorted(call["prompt"] for call in scene.bill) == sorted([jobs[0]["prompt"]] * 2 + [jobs[1]["prompt"]])
    assert flags(ended) == [{"background"}, set()]
    assert (ended.charged, ended.jobs["lamp-front"]["retried"]) == (scene.billed, "1")
    assert len(list((ended.folder / "superseded").rglob("*.webp"))) == 1
    more = scene.manifest([*jobs, {"id": "new", "prompt": "A vase"}], on_check="retry-once", **settings)
    assert (scene.run(more).exit, len(scene.bill)) == (0, 5)
    assert (scene.run(more).exit, len(scene.bill)) == (0, 5)


def test_a_limit_leaves_what_fails_a_check_as_it_is(scene: Rehearsal) -> None:
    """Every wanted image is stored: the run is done."""
    settings: dict[str, Any] = {"checks": {"margin": {"min": 0.49}}, "limits": {"max_images": 2, "max_cost": 5}}
    ended = scene.run(scene.manifest(JOBS, on_check="retry-once", **settings))
    assert (ended.exit, len(scene.bill)) == (0, 2)
