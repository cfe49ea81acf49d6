"""The first jobs of each template are drawn; the others wait until somebody approved what came of them."""

from pathlib import Path
from typing import Any

from tests.rehearsal import Ended
from tests.review.conftest import Looked

CANARY = {"first": 3, "per": "template", "until": "approved"}


def template(name: str, prompt: str, rows: int) -> dict[str, Any]:
    """Write one entry of `jobs`, with so many rows."""
    return {
        "id": f"{name}-{{{{ sku }}}}",
        "prompt": f"{prompt} {{{{ sku }}}}",
        "rows": [{"sku": str(i)} for i in range(rows)],
    }


def manifest(looked: Looked, *, lamps: int = 5, **settings: Any) -> Path:
    """Write a manifest with two templates."""
    return looked.manifest(
        [template("lamp", "A lamp", lamps), template("chair", "A chair", 2)], canary=CANARY, **settings
    )


def drawn(looked: Looked) -> list[str]:
    """Tell the prompts that were paid, in any order."""
    return sorted(call["prompt"] for call in looked.bill)


def approve(looked: Looked, ended: Ended, *jobs: str) -> None:
    """Let somebody approve the first image of jobs."""
    looked.review(*(looked.said(ended, job, 0, "approved") for job in jobs))


FIRST = ["A chair 0", "A chair 1", "A lamp 0", "A lamp 1", "A lamp 2"]
LAMPS = ("lamp-0", "lamp-1", "lamp-2")


def test_the_others_of_a_template_wait_until_the_first_are_approved(looked: Looked) -> None:
    """Exit 4, not started, and all places say what waits for what; then the same command draws the rest."""
    path = manifest(looked)
    planned, estimate = looked.plan(path)
    assert {name: str(item.action) for name, item in planned.items() if name > "lamp"} == {
        **dict.fromkeys(LAMPS, "new"),
        **dict.fromkeys(("lamp-3", "lamp-4"), "wait"),
    }
    assert [(one.code, one.awaited, one.jobs) for one in estimate.waiting] == [("canary", LAMPS, 2)]
    ended = looked.run(path)
    assert (ended.exit, drawn(looked)) == (4, FIRST)
    assert (ended.jobs["lamp-3"]["state"], ended.jobs["lamp-3"]["code"]) == ("not_started", "canary")
    assert ended.summary["waiting"][0]["for"] == list(LAMPS)
    assert looked.run(path).exit == 4
    approve(looked, ended, "lamp-0", "lamp-1")
    assert (looked.run(path).exit, drawn(looked)) == (4, FIRST)
    approve(looked, ended, "lamp-2")
    ended = looked.run(path)
    assert (ended.exit, drawn(looked)) == (0, sorted([*FIRST, "A lamp 3", "A lamp 4"]))
    looked.agree(ended)


def test_new_rows_do_not_reopen_a_template_and_new_words_do(looked: Looked) -> None:
    """A template is what the manifest writes, not what its rows say."""
    ended = looked.run(manifest(looked))
    approve(looked, ended, *LAMPS)
    assert looked.run(manifest(looked, lamps=7)).exit == 0
    again = looked.manifest([template("lamp", "A tall lamp", 7)], canary=CANARY)
    assert looked.run(again).exit == 4
    assert [prompt for prompt in drawn(looked) if "tall" in prompt] == [f"A tall lamp {i}" for i in (3, 4, 5)], (
        "the others are frozen"
    )


def test_a_rejected_canary_keeps_its_template_waiting_until_another_is_approved(looked: Looked) -> None:
    """Nothing else of the template is drawn; the row may also be taken out, and another one stands in for it."""
    path = manifest(looked)
    ended = looked.run(path)
    approve(looked, ended, "lamp-0", "lamp-1")
    looked.review(looked.said(ended, "lamp-2", 0, "rejected", "too dark"))
    for _ in range(2):
        assert (looked.run(path).exit, drawn(looked)) == (4, FIRST)
    assert "lamp-2 of its template was rejected" in looked.plan(path)[0]["lamp-4"].why
    ended = looked.run(path, rejected=True)
    assert drawn(looked) == sorted([*FIRST, "A lamp 2\ntoo dark"])
    approve(looked, ended, "lamp-2")
    assert looked.run(path).exit == 0


def test_a_row_that_is_gone_gives_its_place_to_another(looked: Looked) -> None:
    """What stands in the manifest counts."""
    ended = looked.run(manifest(looked))
    approve(looked, ended, "lamp-0", "lamp-1")
    looked.review(looked.said(ended, "lamp-2", 0, "rejected"))
    lamps = template("lamp", "A lamp", 5)
    lamps["rows"] = [row for row in lamps["rows"] if row["sku"] != "2"]
    ended = looked.run(looked.manifest([lamps], canary=CANARY))
    assert (ended.exit, drawn(looked)) == (4, sorted([*FIRST, "A lamp 3"]))


def test_checks_of_canaries_stop_a_bad_template_after_three_images_while_others_finish(looked: Looked) -> None:
    """In one run: what passes goes on as soon as it was measured. A person may say that it passes all the same."""
    white = "on a white background, number"
    jobs = [
        template("lamp", "A lamp, number", 6),
        template("chair", f"A chair {white}", 6),
        template("vase", f"A vase {white}", 6),
    ]
    checks = {"background": {"color": "#ffffff"}}
    path = looked.manifest(jobs, canary={"until": "checked"}, checks=checks)
    ended = looked.run(path)
    assert ended.exit == 4
    assert {name: sum(name in prompt for prompt in drawn(looked)) for name in ("lamp", "chair", "vase")} == {
        **dict.fromkeys(("chair", "vase"), 6),
        "lamp": 3,
    }
    assert ended.summary["jobs"]["not_started"] == 3
    assert looked.run(path).exit == 4
    approve(looked, ended, *LAMPS)
    assert looked.run(path).exit == 0
    assert len(looked.bill) == 18


def test_jobs_that_wait_for_a_canary_leave_it_what_the_limit_allows(looked: Looked) -> None:
    """Also when they matter more than it: they are drawn after it, up to the limit, and the run ends."""
    lamps = template("lamp", "A lamp", 6) | {"priority": "{{ level }}"}
    lamps["prompt"] += "{{ fault }}"
    for row in lamps["rows"]:
        row |= {"level": "high", "fault": ""}
    lamps["rows"][0] |= {"level": "low", "fault": " [[mock: fault=429_rate times=1]]"}
    canary, limits = {"first": 1, "until": "checked"}, {"max_cost": 100, "concurrency": 2}
    path = looked.manifest([lamps], canary=canary, checks={"blur": {"min": 0.01}}, limits=limits)
    ended = looked.run(path, max_images=4)
    assert (ended.exit, ended.summary["images"]["stored"]) == (4, 4)
    assert ended.jobs["lamp-0"]["state"] == "done"


def test_a_template_that_is_moderated_stops_alone(looked: Looked) -> None:
    """The jobs that are left are not started, with a code; others finish, and the run says what happened."""
    jobs = [template("lamp", "A [moderated] lamp", 60), template("chair", "A chair", 20)]
    ended = looked.run(looked.manifest(jobs, limits={"max_cost": 5, "concurrency": 4}))
    assert ended.exit == 3
    codes = [row["code"] for name, row in ended.jobs.items() if name.startswith("lamp")]
    assert 10 <= codes.count("moderation_blocked") <= 20
    assert codes.count("template") == 60 - codes.count("moderation_blocked")
    assert all(row["state"] == "done" for name, row in ended.jobs.items() if name.startswith("chair"))
    assert any("were moderated or failed" in problem.message for problem in ended.problems)


def test_variants_wait_until_somebody_approved_what_they_are_drawn_from(looked: Looked) -> None:
    """A rejected anchor costs none of them; an approved one lets all be drawn."""
    variants = [
        {"id": f"{sku}-{room}", "prompt": f"{sku} in the {room}", "images": [f"@{sku}-front"], "when": "approved"}
        for sku in ("lamp", "chair")
        for room in ("kitchen", "garden")
    ]
    fronts = [{"id": f"{sku}-front", "prompt": f"A {sku}"} for sku in ("lamp", "chair")]
    path = looked.manifest([*fronts, *variants])
    assert looked.plan(path)[0]["lamp-garden"].waits == "anchor"
    ended = looked.run(path)
    assert (ended.exit, drawn(looked)) == (4, ["A chair", "A lamp"])
    assert ended.jobs["lamp-garden"]["code"] == "anchor"
    looked.review(looked.said(ended, "lamp-front", 0, "rejected"))
    ended = looked.run(path)
    assert (ended.exit, drawn(looked)) == (4, ["A chair", "A lamp"])
    approve(looked, ended, "chair-front")
    ended = looked.run(path)
    assert (ended.exit, drawn(looked)[2:]) == (4, ["chair in the garden", "chair in the kitchen"])
    looked.agree(ended)


def test_what_cannot_wait_is_an_error_of_check(looked: Looked) -> None:
    """With its place, before anything is sent."""
    lamp: dict[str, Any] = {"id": "lamp", "prompt": "A lamp"}
    cases: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
        (lamp, {"canary": {"until": "checked"}}, "`until: checked` needs `checks`"),
        (lamp, {"canary": {"per": "row"}}, "per"),
        ({**lamp, "when": "approved"}, {}, "`when: approved` stands beside `images`"),
    )
    for job, settings, wrong in cases:
        ended = looked.run(looked.manifest([job], **settings))
        assert ended.exit == 2
        assert wrong in ended.why
