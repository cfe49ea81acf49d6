"""Reasons are codes in the ledger, and read as they always did."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchgen.ledger import Ledger
from batchgen.ledger.opening import migrations
from batchgen.model import Reason, ReasonCode, SlotState
from tests.ledger.conftest import Hands, Make

KEPT = tuple(code for code in ReasonCode if code is not ReasonCode.NONE)
CODES = st.sampled_from(["http_400", "timeout", "moderation_blocked", "lost", "dropped", "null"])
WORDS = st.text(min_size=1, max_size=30).map(lambda text: text.encode("utf-8", "replace").decode()).filter(str.strip)
SHORT = st.sampled_from(["dropped", "null", "empty", "undecodable", "truncated", "http_520"])


def old(state: str, code: str, form: str, *words: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str, str]]:
    """State, words and code of a slot as version 0.1.0 wrote it down."""
    return st.tuples(st.just(state), st.builds(form.format, *words), st.just(code))


DOUBT, FEWER = "may have been charged: ", "fewer images came than were asked"
OLD = st.one_of(
    old("uncertain", "maybe_charged", DOUBT + "{}: {}", CODES, WORDS),
    old("uncertain", "maybe_charged", DOUBT + "{}", CODES),
    old("uncertain", "orphaned", DOUBT + "the run ended before the answer was whole"),
    old("failed", "transient", "for now: {}: {}", CODES, WORDS),
    old("failed", "refused", "{}: {}", CODES, WORDS),
    old("failed", "unusable", "paid, but nothing usable came: {}: {}", CODES, WORDS),
    old("moderated", "unusable", "paid, but nothing usable came: {}", CODES),
    old("moderated", "moderated", "{}: {}", CODES, WORDS),
    old("moderated", "moderated", "moderation_blocked"),
    old("failed", "mismatch", "not as asked: size, alpha"),
    old("failed", "short", "{}: " + FEWER, SHORT),
    old("failed", "incomplete", "incomplete: {}: " + FEWER, SHORT),
    old("moderated", "short_again", "{}: " + FEWER + ", also when asked again", SHORT),
    old("lost_paid", "address_gone", "paid, but its address gave no image and never will"),
    old("lost_paid", "download", "{}", WORDS),
    old("not_started", "resolved_retry", "resolved by hand (retry): " + DOUBT + "{}: {}", CODES, WORDS),
    old("failed", "resolved_drop", "resolved by hand (drop): " + DOUBT + "{}", CODES),
    old("not_started", "not_on_bill", "not charged, as the bill shows"),
    old("not_started", "reworded", "reworded"),
    old("stored", "", ""),
    old("not_started", "other", "{}", WORDS),
)


@given(reasons=st.lists(st.builds(Reason, st.sampled_from(KEPT), CODES, WORDS), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_a_reason_is_read_as_it_was_written(reasons: list[Reason]) -> None:
    """Code, cause and words."""
    make, ledger = Make(), Ledger.open(Path("nowhere.db"), ".", clock=Hands(), readonly=True)
    job = make.job(n=len(reasons))
    with ledger:
        ledger.runs.run_id = "run-1"
        ledger.jobs.remember([make.wanted(job)])
        ledger.images.mark(job.key, {slot: (SlotState.FAILED, reason) for slot, reason in enumerate(reasons)})
        assert [slot.reason for slot in ledger.jobs.known([job])[0].slots] == reasons


@given(olds=st.lists(OLD, min_size=1, max_size=12))
@example(olds=[("uncertain", "may have been charged: http_400: a\0b", "maybe_charged"), ("failed", "x: \0", "refused")])
def test_an_old_reason_gets_its_code_and_keeps_its_words(olds: list[tuple[str, str, str]]) -> None:
    """Every sentence of version 0.1.0, whatever a provider said in it."""
    db = old_ledger()
    for slot, (state, reason, _) in enumerate(olds):
        db.execute(
            "INSERT INTO images (catalogue, job_key, slot, state, reason, changed, path, sha256, attempt_id)"
            " VALUES ('.', 'k', ?, ?, ?, '', 'images/a.png', '', 'a')",
            (slot, state, reason),
        )
    rows = migrated(db, "SELECT reason_code, reason_cause, reason_detail FROM images ORDER BY slot")
    found = [Reason(ReasonCode(code), cause, detail) for code, cause, detail in rows]
    assert [reason.words for reason in found] == [reason for _, reason, _ in olds]
    assert [reason.code.value for reason in found] == [code for *_, code in olds]


@pytest.mark.parametrize(
    ("flags", "mismatches"),
    [([], []), (["not_as_asked:size"], ["size"]), (["not_as_asked:format", "not_as_asked:alpha"], ["format", "alpha"])],
)
def test_old_flags_of_images_become_codes(flags: list[str], mismatches: list[str]) -> None:
    """In their order."""
    db = old_ledger()
    db.execute(
        "INSERT INTO images (catalogue, job_key, slot, state, changed, flags) VALUES ('.', 'k', 0, 'failed', '', ?)",
        (json.dumps(flags),),
    )
    assert [json.loads(row[0]) for row in migrated(db, "SELECT mismatches FROM images")] == [mismatches]


@pytest.mark.parametrize(("path", "aside"), [("images/superseded/a.png", 0), ("superseded/a.png", 1), (None, 0)])
def test_an_old_image_that_stepped_aside_is_marked(path: str | None, aside: int) -> None:
    """By where it lies, once and for all."""
    db = old_ledger()
    db.execute(
        "INSERT INTO images (catalogue, job_key, slot, state, changed, path) VALUES ('.', 'k', 0, 'failed', '', ?)",
        (path,),
    )
    assert [row[0] for row in migrated(db, "SELECT superseded FROM images")] == [aside]


def old_ledger() -> sqlite3.Connection:
    """Return an empty ledger of the schema of version 0.1.0."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    for step in migrations()[:3]:
        db.executescript(step)
    return db


def migrated(db: sqlite3.Connection, question: str) -> list[tuple[Any, ...]]:
    """Bring it up to date, and ask."""
    with closing(db):
        for step in migrations()[3:]:
            db.executescript(step)
        return db.execute(question).fetchall()
