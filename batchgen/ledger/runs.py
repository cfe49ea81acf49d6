"""Runs: when each began, what it was asked, how it ended."""

from collections.abc import Mapping
from datetime import datetime
from secrets import token_hex

from batchgen.ledger.database import Database
from batchgen.ledger.records import RunStart
from batchgen.ledger.text import dump, plain, stamp


def begin(book: Database, run: RunStart, now: datetime) -> None:
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


def expect(book: Database, run_id: str, quote: tuple[int, int, int]) -> None:
    """Write down what a run was expected to cost."""
    with book.writing("expect") as db:
        db.execute(
            "UPDATE runs SET low = ?, expected = ?, high = ? WHERE catalogue = ? AND run_id = ?",
            (*quote, book.catalogue, run_id),
        )


def end(book: Database, run_id: str, exit_code: int, why: str, counts: Mapping[str, int], now: datetime) -> None:
    """Write down how a run ended."""
    with book.writing("end") as db:
        db.execute(
            "UPDATE runs SET ended = ?, exit_code = ?, why = ?, counts = ? WHERE catalogue = ? AND run_id = ?",
            (stamp(now), exit_code, plain(why), dump(counts), book.catalogue, run_id),
        )


def new_run_id(now: datetime) -> str:
    """A name that sorts by time and does not repeat within a second: `2026-11-20T02-00-00Z-7f3a91c0`."""
    return f"{now:%Y-%m-%dT%H-%M-%SZ}-{token_hex(4)}"
