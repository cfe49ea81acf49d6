"""`review`: what people decided about images, read from a file that anybody may have edited, into the ledger."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any
from unicodedata import category

from batchgen import reporter
from batchgen.app.notebook import Facts, Shown
from batchgen.app.output.maintain import opened
from batchgen.app.review.reworded import checked, rows
from batchgen.errors import InputError, Locked, Place, Problem, Severity
from batchgen.ledger import Judged, Ledger, Review
from batchgen.storage import ImageStore, Workspace
from batchgen.text import safe

VERSION = 1
COLUMNS = ("job", "key", "slot", "sha256", "decision", "note")
MOST_NOTE = 4000
"""Characters of a note."""
HEX = re.compile(r"[0-9a-f]{64}")
BETWEEN = re.compile(r"[\s,]*")
NONSENSE = "\0"
"""What stands for a value that no table could hold; nothing takes it."""
SLOT = re.compile(r"\d{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Read:
    """One decision of the file: the job as people call it, and where it stands."""

    job: str
    judged: Judged
    place: Place | None


@dataclass(frozen=True, slots=True, repr=False)
class ReviewResult(Shown):
    """What a file of decisions came to; `left_out` are images that are others by now, or unknown.

    `at_work`: a run is at work here, which writes the report at its end.
    """

    approved: int
    rejected: int
    left_out: tuple[Problem, ...]
    output: Path
    at_work: bool = False

    def _facts(self) -> Facts:
        yield "approved", f"{self.approved:,}"
        yield "rejected", f"{self.rejected:,}"
        yield "left out", f"{len(self.left_out):,}"
        yield "output", self.output


def review(path: Path, output: Path | None = None) -> ReviewResult:
    """Keep the decisions of a file, in one transaction; InputError, and nothing is kept, when one cannot be read.

    A run may be at work meanwhile: a decision about an image needs no lock.
    """
    decisions = read(path)
    with opened(output, readonly=False, locked=False) as (ledger, workspace, store):
        _refuse_foreign(path, ledger, workspace)
        why = record(ledger, workspace, [one.judged for one in decisions])
        at_work = not written(ledger, workspace, store)
    taken = [one.judged.decision for one, out in zip(decisions, why, strict=True) if not out]
    left_out = tuple(
        Problem(f"{one.job} [{one.judged.slot}] is left out: {out}", one.place, Severity.WARNING)
        for one, out in zip(decisions, why, strict=True)
        if out
    )
    counts = (taken.count(Review.APPROVED), taken.count(Review.REJECTED))
    return ReviewResult(*counts, left_out, workspace.root, at_work)


def record(ledger: Ledger, workspace: Workspace, decisions: Sequence[Judged]) -> tuple[str, ...]:
    """Keep decisions, wherever they were made, in one transaction; says of each why it was left out, or nothing."""
    return ledger.reviews.record(decisions, lambda: awaited(ledger, workspace))


def written(ledger: Ledger, workspace: Workspace, store: ImageStore) -> bool:
    """Write the report again, unless a run is at work, which does so at its end; tells whether it was written."""
    try:
        with workspace.lock():
            reporter.write(ledger, workspace, store)
    except Locked:
        return False
    return True


def decide(output: Path, listed: Sequence[Any]) -> list[str]:
    """Keep decisions that a page hands over; says of each why it was left out, or nothing.

    The empty decision takes an earlier one back. One that cannot be read is left out, the others are kept.
    """
    asked = [_read(_cells(one), None, may_be_none=True) for one in listed]
    sound = [one.judged for one in asked if isinstance(one, Read)]
    with opened(output, readonly=False, locked=False) as (ledger, workspace, _):
        why = iter(record(ledger, workspace, sound) if sound else ())
    return [one.message if isinstance(one, Problem) else next(why) for one in asked]


def awaited(ledger: Ledger, workspace: Workspace) -> frozenset[str]:
    """Places that paid images may be on their way to: from an address, or in an answer that a dead run left."""
    places = [one.path("ext") for one in ledger.downloads.waiting()]
    spooled = map(ledger.attempts.find, workspace.spools())
    for call in (*ledger.attempts.orphans(), *ledger.attempts.pending(batches=True), *spooled):
        places += [call.path(slot, "ext") for slot in call.slots] if call else []
    return frozenset(f"images/{place.removesuffix('.ext')}" for place in places)


def read(path: Path) -> tuple[Read, ...]:
    """Decisions as the report page exports them (JSON), or the same as a table; InputError with every fault."""
    found = tuple(_json(path) if path.suffix.lower() == ".json" else _table(path))
    if problems := [one for one in found if isinstance(one, Problem)]:
        raise InputError(*problems)
    return tuple(one for one in found if isinstance(one, Read))


def _table(path: Path) -> Iterator[Read | Problem]:
    """Rows with a decision; the others are not decided yet."""
    for row in rows(path, COLUMNS):
        if isinstance(row, Problem):
            yield row
        elif row[0]["decision"].strip():
            yield _read(*row)


def _refuse_foreign(path: Path, ledger: Ledger, workspace: Workspace) -> None:
    """Refuse what was decided on the page of another output; a file that names none is taken as it is."""
    named = _loaded(path)[1].get("output") if path.suffix.lower() == ".json" else None
    if named and named != ledger.stores.known_identity():
        raise InputError(
            Problem(
                f"these decisions are about another output than {workspace.root}: name its folder behind the file, "
                "or export them again from the page of this one",
                Place(str(path)),
            )
        )


def _json(path: Path) -> Iterator[Read | Problem]:
    text, whole = _loaded(path)
    listed = whole["decisions"]
    for one, line in zip(listed, _lines(text, len(listed)), strict=True):
        place = Place(str(path), line)
        if not isinstance(one, dict):
            yield Problem("a decision is an object", place)
        else:
            yield _read(_cells(one), place)


def _loaded(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of what the page exports, and the object in it; InputError where it is none."""
    try:
        text = checked(path).read_bytes().decode("utf-8-sig")
        whole = json.loads(text)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(Problem("not UTF-8 here", Place(str(path), line))) from error
    except json.JSONDecodeError as error:
        raise InputError(Problem(f"no JSON: {error.msg}", Place(str(path), error.lineno, error.colno))) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"no JSON that can be read: {error}", Place(str(path)))) from error
    listed = whole.get("decisions") if isinstance(whole, dict) else None
    if not isinstance(whole, dict) or whole.get("batchgen_review") != VERSION or not isinstance(listed, list):
        what = f'{{"batchgen_review": {VERSION}, "decisions": [...]}}, as the report page exports it'
        raise InputError(Problem(f"these are no decisions: expected {what}", Place(str(path))))
    return text, whole


def _cells(one: object) -> dict[str, str]:
    """Return the cells of a decision as a table would have them."""
    return {name: _text(one.get(name)) if isinstance(one, dict) else NONSENSE for name in COLUMNS}


def _text(value: object) -> str:
    """Return a value as a table would have it; an object is none."""
    return value if isinstance(value, str) else str(value) if type(value) is int else "" if value is None else NONSENSE


def _lines(text: str, count: int) -> list[int]:
    """Return the lines on which the items of the list of decisions begin, for messages."""
    start = re.search(r'"decisions"\s*:\s*\[', text)
    at, decoder, starts = start.end() if start else 0, json.JSONDecoder(), list[int]()
    ends = list(accumulate(len(line) + 1 for line in text.split("\n")))
    try:
        for _ in range(count):
            begin = BETWEEN.match(text, at)
            at = begin.end() if begin else at
            starts.append(bisect_right(ends, at) + 1)
            _, at = decoder.raw_decode(text, at)
    except ValueError:
        return [1] * count
    return starts


def _read(cells: Mapping[str, str], place: Place | None, *, may_be_none: bool = False) -> Read | Problem:
    key, slot, sha256 = (cells[name].strip() for name in ("key", "slot", "sha256"))
    decision, note = cells["decision"].strip().lower(), " ".join(cells["note"].split())
    wrong = next(
        (
            why
            for right, why in (
                (HEX.fullmatch(key), "`key` is the job's key, 64 hexadecimal digits"),
                (SLOT.fullmatch(slot), "`slot` is the number of the image, from 0"),
                (HEX.fullmatch(sha256), "`sha256` is of the image, 64 hexadecimal digits"),
                (decision in set(Review) or (may_be_none and not decision), f"`decision` is {' or '.join(Review)}"),
                (len(note) <= MOST_NOTE, f"the note is longer than {MOST_NOTE:,} characters"),
                (not any(category(sign) in {"Cc", "Cs"} for sign in note), "the note holds control characters"),
            )
            if not right
        ),
        "",
    )
    if wrong:
        return Problem(wrong, place)
    judged = Judged(key, int(slot), sha256, Review(decision) if decision else None, note)
    return Read(safe(cells["job"], 80), judged, place)
