"""What people do in the morning: approve, reject, and find other words for what was moderated."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random

from batchgen.app.output.maintain import opened
from batchgen.app.review.decisions import review
from tests.nights.laws import Slot

PREVIEW = ".preview"
Row = dict[str, str]


def table(folder: Path, name: str) -> list[Row]:
    """Read a table of the last report; nothing where there is none yet."""
    file = folder / "report" / f"{name}.csv"
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def pending_rejections(folder: Path) -> Counter[Slot]:
    """Count images that somebody rejected and that nobody has drawn again: what was said outlives a ledger."""
    rows = [row for row in table(folder, "images") if row["state"] == "stored" and row["review"] == "rejected"]
    return Counter((row["job_key"], int(row["slot"])) for row in rows)


def given_up(folder: Path) -> Counter[Slot]:
    """Count images that were paid and never came, or failed: to ask for them once more is a wish of its own.

    So are those that wait at an address: the run that gives one up may draw it anew.
    """
    rows = [row for row in table(folder, "images") if row["state"] in {"lost_paid", "failed", "uncertain"}]
    with opened(folder, readonly=True) as there:
        waiting = [(one.job_key, one.slot) for one in there.ledger.downloads.waiting()]
    return Counter({*waiting, *((row["job_key"], int(row["slot"])) for row in rows)})


def look(folder: Path, chance: Random, *, staged: bool) -> Counter[Slot]:
    """Approve some images and reject others, of previews most; returns what was rejected."""
    rows = [row for row in table(folder, "images") if row["state"] == "stored"]
    some = chance.sample(rows, min(len(rows), 4))
    if staged:
        some += [row for row in rows if row["job_id"].endswith(PREVIEW) and chance.random() < 0.7 and row not in some]
    return decide(folder, some, lambda row: chance.random() < (0.85 if row["job_id"].endswith(PREVIEW) else 0.5))


def approve_previews(folder: Path) -> int:
    """Approve every preview that is there; how many."""
    stored = [row for row in table(folder, "images") if row["state"] == "stored" and row["review"] != "approved"]
    some = [row for row in stored if row["job_id"].endswith(PREVIEW)]
    decide(folder, some, lambda _row: True)
    return len(some)


def decide(folder: Path, rows: list[Row], good: Callable[[Row], bool]) -> Counter[Slot]:
    """Hand decisions back as the page exports them; returns what was rejected."""
    rejected: Counter[Slot] = Counter()
    decisions = []
    for row in rows:
        told = {"job": row["job_id"], "key": row["job_key"], "slot": int(row["slot"]), "sha256": row["sha256"]}
        approved = good(row)
        decisions.append({**told, "decision": "approved" if approved else "rejected", "note": ""})
        if not approved:
            rejected[row["job_key"], int(row["slot"])] += 1
    if decisions:
        path = folder.parent / "review.json"
        path.write_text(json.dumps({"batchgen_review": 1, "decisions": decisions}), "utf-8")
        review(path, folder)
    return rejected


def reworded(folder: Path) -> Path | None:
    """Find other words for everything that was moderated; the table to hand back, None when nothing was."""
    rows = table(folder, "moderated")
    if not rows:
        return None
    path = folder.parent / "reworded.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("job_key", "prompt"))
        writer.writeheader()
        writer.writerows({"job_key": row["job_key"], "prompt": f"{row['prompt']}, politely"} for row in rows)
    return path


def untold(folder: Path, wanted: Collection[str]) -> int:
    """Count rows of the catalogue without an image of which nobody was told why: theirs, or their preview's."""
    states: dict[str, set[str]] = {}
    for row in table(folder, "images"):
        states.setdefault(row["job_id"].removesuffix(PREVIEW), set()).add(row["state"])
    return sum(not states.get(sku, set()) & {"stored", "moderated", "lost_paid"} for sku in wanted)
