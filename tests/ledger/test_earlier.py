"""Laws of images that others took the place of: where they lie now is known as long as the others stand."""

from dataclasses import replace

from batchgen.ledger import Caps, Ledger
from batchgen.model import AttemptState, Job, StoredImage
from tests.ledger.conftest import Make


def drawn(ledger: Ledger, make: Make, job: Job, **other: object) -> StoredImage:
    """Draw the first image of a job: what is stored."""
    attempt = make.attempt(job)
    ledger.jobs.remember([make.wanted(job)])
    assert ledger.reservations.reserve(attempt, Caps()) is None
    receipt = make.answer(attempt)
    images = tuple(replace(image, **other) for image in receipt.images)  # type: ignore[arg-type]
    ledger.attempts.settle(replace(receipt, images=images), AttemptState.SETTLED, make.cost(50))
    return images[0]


def earlier(ledger: Ledger) -> list[tuple[str, int, str, str]]:
    """List what others took the place of."""
    return [(row.job_key, row.slot, row.path, row.sha256) for row in ledger.report_rows.earlier()]


def test_a_redrawn_image_leaves_its_earlier_one(ledger: Ledger, make: Make) -> None:
    """With its hash and the place to which it went; the latest comes last."""
    job = make.job()
    first = drawn(ledger, make, job, sha256="1" * 64)
    assert earlier(ledger) == []
    drawn(ledger, make, job, sha256="2" * 64, replaces="superseded/a-0.k.png")
    assert earlier(ledger) == [(job.key, 0, "superseded/a-0.k.png", first.sha256)]
    drawn(ledger, make, job, sha256="3" * 64, replaces="superseded/a-0.k~2.png")
    assert [row[2:] for row in earlier(ledger)] == [
        ("superseded/a-0.k.png", "1" * 64),
        ("superseded/a-0.k~2.png", "2" * 64),
    ]


def test_one_in_another_format_is_found_where_it_is_put(ledger: Ledger, make: Make) -> None:
    """It stays at its path until it is set aside."""
    job = make.job()
    first = drawn(ledger, make, job)
    drawn(ledger, make, job, sha256="2" * 64, path="images/a-0.jpeg")
    assert earlier(ledger) == [(job.key, 0, first.path, first.sha256)]
    assert ledger.images.replaced() == ((job.key, 0, first.path),)
    ledger.images.clear_previous(job.key, 0, "superseded/a-0.k.png")
    assert earlier(ledger) == [(job.key, 0, "superseded/a-0.k.png", first.sha256)]


def test_a_changed_job_has_the_image_of_what_it_was(ledger: Ledger, make: Make) -> None:
    """And what is drawn before a change is no successor of what was drawn after it."""
    was, now = make.job(prompt="red"), make.job(prompt="blue")
    first = drawn(ledger, make, was)
    drawn(ledger, make, now, sha256="2" * 64, replaces="superseded/a-0.k.png")
    assert earlier(ledger) == [(now.key, 0, "superseded/a-0.k.png", first.sha256)]
