"""Runs: when each began, what it was asked, how it ended."""

from collections.abc import Mapping
from datetime import datetime

from batchgen.ledger.book import Book
from batchgen.ledger.records import RunStart
from batchgen.ledger.text import dump, plain, stamp


def begin(book: Book, run: RunStart, now: datetime) -> None:
    """Write a run down."""
    with book.writing("begin") as db:
        db.execute(
            "INSERT INTO runs (catalogue, run_id, manifest, provider, started, cap, low, expected, high, command,"
            " version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                book.catalogue,
                run.run_id,
                run.manifest,
                run.provider,
                stamp(now),
                run.cap,
                run.low,
                run.expected,
                run.high,
                run.command,
                run.version,
            ),
        )


def expect(book: Book, run_id: str, quote: tuple[int, int, int]) -> None:
    """Write down what a run was expected to cost."""
    with book.writing("expect") as db:
        db.execute(
            "UPDATE runs SET low = ?, expected = ?, high = ? WHERE catalogue = ? AND run_id = ?",
            (*quote, book.catalogue, run_id),
        )


def end(book: Book, run_id: str, exit_code: int, why: str, counts: Mapping[str, int], now: datetime) -> None:
    """Write down how a run ended."""
    with book.writing("end") as db:
        db.execute(
            "UPDATE runs SET ended = ?, exit_code = ?, why = ?, counts = ? WHERE catalogue = ? AND run_id = ?",
            (stamp(now), exit_code, plain(why), dump(counts), book.catalogue, run_id),
        )
