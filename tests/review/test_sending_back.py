"""Rejected pictures: drawn again once, with the note, and nothing else."""

from tests.review.conftest import Looked


def test_exactly_the_rejected_pictures_are_drawn_again(looked: Looked) -> None:
    """Three are rejected: three are bought, with the note; every other file is the same to the last byte."""
    ended = looked.run(looked.scene())
    assert ended.exit == 0, ended.why
    before, calls = looked.pictures(), len(looked.bill)
    back = [("lamp", 1, "in brass"), ("chair", 0, ""), ("chair", 1, "no arms")]
    told = [looked.decision(ended, job, slot, "rejected", note) for job, slot, note in back]
    told += [looked.decision(ended, job, slot, "approved") for job, slot in (("lamp", 0), ("stool", 0), ("stool", 1))]
    result = looked.review(*told)
    assert (result.approved, result.rejected, result.left_out) == (3, 3, ())
    rerun = looked.run(looked.scene(), rejected=True)
    assert rerun.exit == 0, rerun
    asked = looked.bill[calls:]
    print(asked)
    after = looked.pictures()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"lamp-1.webp", "chair-0.webp", "chair-1.webp"}
    assert before.keys() == after.keys()
    looked.agree(rerun)
    assert looked.run(looked.scene(), rejected=True).exit == 0
    assert looked.run(looked.scene()).exit == 0
    assert len(looked.bill) == calls + len(asked)
    assert looked.pictures() == after
