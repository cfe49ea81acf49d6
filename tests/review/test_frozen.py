"""Approved images: whatever is asked for later, they stay where they are to the last byte."""

from typing import Any

import pytest

from tests.review.conftest import Looked

PATH: dict[str, Any] = {"output": {"path": "{{ sku }}-{{ index }}.{{ ext }}"}}


def one(prompt: str = "A lamp", name: str = "lamp", **more: Any) -> dict[str, Any]:
    """Return a job whose images go to a place that its name does not decide."""
    return {"id": name, "prompt": prompt, "n": 2, "rows": [{"sku": "0007"}], **more}


NAMELESS = {name: value for name, value in one("A lamp in brass").items() if name != "id"}
CHANGES: dict[str, tuple[dict[str, Any], int]] = {
    "another prompt": (one("A lamp in brass"), 0),
    "another quality": (one(quality="medium"), 0),
    "another format": (one(output_format="png"), 0),
    "another name": (one(name="light"), 3),
    "another name and format": (one(name="light", output_format="png"), 3),
    "no name": (NAMELESS, 3),
}


def test_nothing_takes_the_place_of_an_approved_image(looked: Looked) -> None:
    """Edits of every kind make no call, the plan says why, and the edit that is taken back finds everything."""
    ended = looked.run(looked.manifest([one()], **PATH))
    before, calls = looked.images(), len(looked.bill)
    looked.review(*(looked.said(ended, "lamp", slot, "approved") for slot in (0, 1)))
    for what, (job, status) in CHANGES.items():
        manifest = looked.manifest([job], **PATH)
        planned, estimate = looked.plan(manifest)
        (item,) = planned.values()
        assert (item.action, item.slots, estimate.images) == ("frozen", (), 0), what
        assert "approved" in item.why
        assert looked.run(manifest, regenerate_missing=True, retry_failed=True).exit == status, what
        assert looked.images() == before, what
    back = looked.run(looked.manifest([one()], **PATH))
    assert back.exit == 0
    assert len(looked.bill) == calls
    looked.agree(back)


def test_a_missing_approved_image_is_not_replaced(looked: Looked) -> None:
    """Paying for other images where files are gone leaves out what was approved: another image is not the same."""
    manifest = looked.manifest([one()], **PATH)
    ended = looked.run(manifest)
    looked.review(looked.said(ended, "lamp", 0, "approved"))
    for path in (looked.folder / "images").iterdir():
        path.unlink()
    planned, _ = looked.plan(manifest, regenerate_missing=True)
    assert planned["lamp"].slots == (1,)


def test_taking_an_edit_back_moves_no_approved_image(looked: Looked) -> None:
    """The images of the old wording wait in `superseded/` as long as those of the new one are approved."""
    old, new = looked.manifest([one()], name="scene"), [one("A lamp in brass")]
    looked.run(old)
    ended = looked.run(looked.manifest(new))
    before, calls = looked.images(), len(looked.bill)
    looked.review(looked.said(ended, "lamp", 0, "approved"))
    assert looked.run(looked.manifest([one()])).exit == 0
    assert looked.images() == before
    assert len(looked.bill) == calls


def test_a_rejected_image_beside_an_approved_one_follows_the_edit(looked: Looked) -> None:
    """The approved one stays; the rejected one is drawn with the prompt as it is now, and with the note."""
    ended = looked.run(looked.manifest([one()]))
    before = looked.images()
    looked.review(looked.said(ended, "lamp", 0, "approved"), looked.said(ended, "lamp", 1, "rejected", "smaller"))
    edited = looked.manifest([one("A lamp in brass")])
    assert looked.run(edited).exit == 0
    assert looked.images() == before
    again = looked.run(edited, rejected=True)
    assert again.exit == 0
    assert looked.bill[-1]["prompt"] == "A lamp in brass\nsmaller"
    changed = {name for name, data in looked.images().items() if data != before[name]}
    assert changed == {"lamp-1.webp"}
    calls = len(looked.bill)
    other = looked.manifest([one("A lamp in brass", quality="medium")])
    looked.review(looked.said(again, "lamp", 1, "rejected"))
    planned, _ = looked.plan(other, rejected=True)
    assert planned["lamp"].action == "frozen", "what else was changed, no words can say"
    for manifest in (other, edited, looked.manifest([one()])):
        assert looked.run(manifest).exit == 0
    assert len(looked.bill) == calls
    looked.agree(again)


@pytest.mark.parametrize("change", [{"prompt": "A lamp in brass"}, {"quality": "medium"}])
def test_an_edit_that_an_approval_keeps_waiting_is_drawn_once_that_is_taken_back(
    looked: Looked, change: dict[str, str]
) -> None:
    """However often the manifest was run meanwhile: what is frozen never passes for what is asked."""
    ended = looked.run(looked.manifest([one()]))
    looked.review(looked.said(ended, "lamp", 0, "approved"))
    edited = looked.manifest([one(**change)])
    for _ in range(3):
        assert looked.run(edited).exit == 0
    assert len(looked.bill) == 1
    looked.review(looked.said(ended, "lamp", 0, "rejected"))
    last = looked.run(edited)
    assert (last.exit, len(looked.bill)) == (0, 2)
    looked.agree(last)


def test_a_image_that_was_left_in_its_place_and_is_approved_later_decides_what_is_handed_over(looked: Looked) -> None:
    """An edit taken back brings the first image back and leaves the other one beside it, for somebody to prefer."""
    shop: dict[str, Any] = {
        "output": {"shop": {"sku": "{{ sku }}", "alt": "{{ id }}", "url": "https://cdn.example/{{ path }}"}}
    }
    first, edited = one(n=1), one("A lamp in brass", n=1, output_format="png")
    looked.run(looked.manifest([first], **shop))
    looked.run(looked.manifest([edited], **shop))
    ended = looked.run(looked.manifest([first], **shop))
    (brass,) = (row for row in ended.table("images") if row["path"].endswith(".png"))
    told = {"job": "lamp", "key": brass["job_key"], "slot": 0, "sha256": brass["sha256"]}
    assert looked.review({**told, "decision": "approved", "note": ""}).approved == 1
    assert looked.plan(looked.manifest([first], **shop))[0]["lamp"].action == "frozen"
    ended = looked.run(looked.manifest([first], **shop))
    assert [row["image"] for row in ended.table("shop")] == ["https://cdn.example/images/lamp-0.png"]
    assert len(looked.bill) == 2
