"""Rejected images: drawn again once for each decision, with the note, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from batchgen.app.output import maintain
from batchgen.mock import Rule
from batchgen.model import OnUncertain, RouteChoice
from tests.batch.scene import QuickClock
from tests.process.kit import the_launcher
from tests.process.launcher import Break
from tests.rehearsal import KEYS, Ended, rehearsal
from tests.review.conftest import DEFAULTS, Looked

JOBS = [{"id": name, "prompt": f"A {name}", "n": 2} for name in ("lamp", "chair", "stool")]


def test_exactly_the_rejected_images_are_drawn_again(looked: Looked) -> None:
    """Three are rejected: three are bought, once; every other file is the same to the last byte."""
    ended = looked.run(looked.manifest(JOBS))
    before, calls = looked.images(), len(looked.bill)
    back = [("lamp", 1, "in brass"), ("chair", 0, ""), ("chair", 1, "no arms")]
    told = [looked.said(ended, job, slot, "rejected", note) for job, slot, note in back]
    told += [looked.said(ended, job, slot, "approved") for job, slot in (("lamp", 0), ("stool", 0), ("stool", 1))]
    result = looked.review(*told)
    assert (result.approved, result.rejected, result.left_out) == (3, 3, ())
    assert [(row["job_id"], row["slot"], row["note"]) for row in ended.table("rerun")] == [
        (job, str(slot), note) for job, slot, note in back
    ]
    assert looked.run(looked.manifest(JOBS)).exit == 0, "a plain run draws nothing again"
    planned, estimate = looked.plan(looked.manifest(JOBS), rejected=True)
    assert {name: (item.action, item.slots) for name, item in planned.items()} == {
        "lamp": ("redraw", (1,)),
        "chair": ("redraw", (0, 1)),
    }
    assert (estimate.images, estimate.calls) == (3, 3)
    again = looked.run(looked.manifest(JOBS), rejected=True)
    assert again.exit == 0
    asked = looked.bill[calls:]
    assert sorted((call["prompt"], call["n"]) for call in asked) == [
        ("A chair", 1),
        ("A chair\nno arms", 1),
        ("A lamp\nin brass", 1),
    ]
    after, names = looked.images(), {"lamp-1.webp", "chair-0.webp", "chair-1.webp"}
    assert {name for name in before if before[name] != after[name]} == names
    assert after.keys() == before.keys()
    assert looked.aside() == {before[name] for name in names}
    rows = {(row["job_id"], row["slot"]): row for row in again.table("images")}
    assert rows["lamp", "1"]["prompt"] == "A lamp\nin brass"
    assert (rows["lamp", "1"]["review"], rows["stool", "0"]["review"]) == ("", "approved")
    assert again.table("rerun") == []
    looked.agree(again)
    assert looked.review(*told).rejected == 0, "decisions about images that have gone decide nothing"
    for more in (True, False):
        assert looked.run(looked.manifest(JOBS), rejected=more).exit == 0
    assert len(looked.bill) == calls + 3
    assert looked.images() == after


def test_a_later_decision_counts_and_notes_add_up(looked: Looked) -> None:
    """Who changes their mind pays nothing; a second note stands behind the first one."""
    manifest = looked.manifest([{"id": "lamp", "prompt": "A lamp"}])
    ended = looked.run(manifest)
    looked.review(looked.said(ended, "lamp", 0, "rejected", "blue"))
    looked.review(looked.said(ended, "lamp", 0, "approved"))
    assert looked.run(manifest, rejected=True).exit == 0
    assert len(looked.bill) == 1
    for note in ("blue", "taller"):
        looked.review(looked.said(ended, "lamp", 0, "rejected", note))
        ended = looked.run(manifest, rejected=True)
    assert [call["prompt"] for call in looked.bill] == ["A lamp", "A lamp\nblue", "A lamp\nblue\ntaller"]
    looked.agree(ended)


def test_a_redraw_that_fails_leaves_the_image(looked: Looked) -> None:
    """Moderation of a note loses nothing: the image stays, stays rejected, and the status says so."""
    manifest = looked.manifest([{"id": "lamp", "prompt": "A lamp"}])
    ended = looked.run(manifest)
    before = looked.images()
    looked.review(looked.said(ended, "lamp", 0, "rejected", "[moderated]"))
    failed = looked.run(manifest, rejected=True)
    assert failed.exit == 3
    assert looked.images() == before
    assert failed.images("lamp")[0]["state"] == "stored"
    assert failed.images("lamp")[0]["review"] == "rejected"
    assert looked.aside() == set()
    assert looked.run(manifest).exit == 0
    looked.review(looked.said(ended, "lamp", 0, "rejected", "in brass"))
    again = looked.run(manifest, rejected=True)
    assert again.exit == 0
    assert looked.aside() == set(before.values())
    looked.agree(again)


@pytest.mark.sample(1)
@pytest.mark.parametrize("note", ["[moderated]", "[[mock: fault=line_empty]]", "[[mock: fault=line_missing]]"])
def test_a_redraw_in_a_batch_that_fails_leaves_the_image(looked: Looked, note: str) -> None:
    """What a batch says of the new image, or does not say, takes nothing from the one that is there."""
    manifest = looked.manifest(
        [{"id": "lamp", "prompt": "A lamp"}], defaults={"quality": "low", "size": "1024x1024", "model": "gpt-image-2"}
    )
    ended = looked.run(manifest)
    before = looked.images()
    looked.review(looked.said(ended, "lamp", 0, "rejected", note))
    for _ in range(4):
        ended = looked.run(manifest, rejected=True, route=RouteChoice.BATCH)
    assert looked.images() == before
    assert [row["state"] for row in ended.images("lamp")] == ["stored"]


def test_a_redraw_whose_address_is_dead_can_be_drawn_once_more(looked: Looked) -> None:
    """What stands in its place is our own image, which steps aside when another one comes."""
    manifest = looked.manifest([{"id": "lamp", "prompt": "A lamp"}])
    ended = looked.run(manifest)
    before = looked.images()
    looked.review(looked.said(ended, "lamp", 0, "rejected", "[[mock: fault=download_410 times=1]]"))
    for _ in range(2):
        ended = looked.run(manifest, rejected=True, clock=QuickClock())
    maintain.resolve(looked.folder, decision="retry")
    again = looked.run(manifest, retry_failed=True)
    assert (again.exit, len(looked.bill)) == (0, 3)
    assert looked.aside() == set(before.values())
    looked.agree(again)


def test_a_replacement_under_another_name_leaves_no_rejected_file(looked: Looked) -> None:
    """When the paths changed meanwhile, the rejected file steps aside all the same, once the new one is there."""
    jobs = [{"id": "lamp", "prompt": "A lamp", "n": 2}]
    ended = looked.run(looked.manifest(jobs))
    before = looked.images()
    looked.review(looked.said(ended, "lamp", 1, "rejected"))
    moved = looked.manifest(jobs, output={"path": "new/{{ id }}-{{ index }}.{{ ext }}"})
    again = looked.run(moved, rejected=True)
    assert looked.images().keys() == {"lamp-0.webp", "new/lamp-1.webp"}
    assert looked.aside() == {before["lamp-1.webp"]}
    assert looked.run(moved).exit == 0
    assert len(looked.bill) == 2
    looked.agree(again)


def test_a_replacement_at_an_address_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where answers are addresses, a rejected image stays until the download is here, and nothing is asked twice."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings = {"provider": "apiyi", "defaults": DEFAULTS}
    with rehearsal(tmp_path, settings, dialect="apiyi", rules=(Rule("url_instead"),)) as ready:
        looked = Looked(ready.root, ready.handle, ready.settings)
        manifest = looked.manifest([{"id": "lamp", "prompt": "A lamp"}])
        ended = looked.run(manifest)
        before = looked.images()
        looked.review(looked.said(ended, "lamp", 0, "rejected", "blue"))
        again = looked.run(manifest, rejected=True)
        assert again.exit == 0
        assert looked.aside() == set(before.values())
        assert looked.run(manifest, rejected=True).exit == 0
        assert len(looked.bill) == 2
        looked.agree(again)


KILLS = (
    "ledger.reserve.after_commit",
    "storage.finish.before_answer",
    "storage.finish.after_answer",
    "storage.publish.after_aside",
    "storage.publish.after_sync",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
)
HELD = KILLS[:2]
"""Where the answer is not whole: whether it was paid is not known, and it is not asked for again by itself."""


class Died(BaseException):
    """The run ends here, as if killed."""


@dataclass
class Killed:
    """A redraw of one image of two that is killed, and what follows."""

    looked: Looked
    manifest: Path
    before: dict[str, bytes]
    ended: Ended

    @classmethod
    def prepare(cls, looked: Looked) -> "Killed":
        """Draw two images and reject one."""
        manifest = looked.manifest([{"id": "lamp", "prompt": "A lamp", "n": 2}])
        ended = looked.run(manifest)
        looked.review(looked.said(ended, "lamp", 1, "rejected", "blue"))
        return cls(looked, manifest, looked.images(), ended)

    def follow(self, *, held: bool) -> None:
        """One replacement is bought at most: the next run finishes it, or holds it until it is asked for once more."""
        looked, manifest = self.looked, self.manifest
        drawn = len(looked.bill)
        late = looked.review(looked.said(self.ended, "lamp", 1, "approved"))
        assert len(late.left_out) == 1, "its replacement may be on its way"
        again = looked.run(manifest, rejected=True)
        assert again.exit == (7 if held else 0)
        assert looked.run(manifest).exit == 0
        assert len(looked.bill) == drawn <= 2
        if held:
            assert looked.images() == self.before
            again = looked.run(manifest, rejected=True, on_uncertain=OnUncertain.RETRY)
            assert again.exit == 0
        assert looked.images()["lamp-0.webp"] == self.before["lamp-0.webp"]
        assert looked.aside() == {self.before["lamp-1.webp"]}
        at_risk = int(again.summary["money"]["at_risk_micro_usd"])
        assert again.charged <= looked.billed <= again.charged + at_risk


@pytest.mark.parametrize("point", ["ledger.reserve.after_commit", "ledger.settle.before_commit"])
def test_a_redraw_that_breaks_off_is_never_paid_twice(looked: Looked, point: str) -> None:
    """Between the file and its row, and between the intent and the call."""
    killed = Killed.prepare(looked)

    def at(name: str) -> None:
        if name == point:
            raise Died(name)

    with pytest.raises(BaseException, match=f"{point}|unhandled"):
        looked.run(killed.manifest, at=at, rejected=True)
    killed.follow(held=point in HELD)


@pytest.mark.slow
@pytest.mark.parametrize("point", KILLS)
def test_a_killed_redraw_is_never_paid_twice(looked: Looked, point: str) -> None:
    """The same by SIGKILL, at every durable step of a redraw."""
    killed = Killed.prepare(looked)
    words = ("run", killed.manifest, "--base-url", looked.handle.base_url, "--output", looked.folder, "--rejected")
    assert the_launcher().start(*words, cwd=looked.root, broken=Break(point=point)).wait() == -9
    killed.follow(held=point in HELD)
