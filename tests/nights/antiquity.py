"""A month that begins with the ledger of an older version, which has three migrations where today's has many."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from batchgen.app.output.maintain import opened
from tests.compat.old_ledger import OLD, unpack
from tests.nights.laws import Slot

MADE = "2026-11-30T02:20:"
"""When that version wrote its ledger; calls of those seconds are moved to the month's beginning."""


def bring(output: Path, origin: str, begins: datetime) -> list[dict[str, Any]]:
    """Put the old folder in the place of an output; returns those of its jobs that no fault haunts."""
    work = output.parent / "older"
    unpack(work, origin)
    shutil.move(work / "folder", output)
    with closing(sqlite3.connect(output / "ledger.db")) as db, db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                if kind == "TEXT":
                    change = f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {column} LIKE ?"
                    db.execute(change, (MADE, f"{begins:%Y-%m-%dT%H:%M:}", f"%{MADE}%"))
    manifest = yaml.safe_load((OLD / "old.yaml").read_text("utf-8"))
    sound = [job for job in manifest["jobs"] if "[[mock" not in job["prompt"]]
    return [{**manifest["defaults"], **job} for job in sound]


def rejected(output: Path) -> Counter[Slot]:
    """Count the images that somebody had rejected, and that nobody has drawn again."""
    with opened(output, readonly=True) as there:
        return Counter((row.job_key, 0) for row in there.ledger.report_rows.attempts() if row.job_id == "rejected")


def charged(output: Path) -> list[dict[str, Any]]:
    """Give the calls that the old version made and paid, as the provider's books have them."""
    with opened(output, readonly=True) as there:
        rows = [row for row in there.ledger.report_rows.attempts() if row.cost]
    return [
        {"at": row.started.timestamp(), "model": row.model, "micro_usd": row.cost, "size": "1024x640"} for row in rows
    ]
