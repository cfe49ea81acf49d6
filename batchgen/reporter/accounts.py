"""Where a run and its output folder stand, in the words of summary.json."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batchgen.ledger import BatchRow, ImageCounts, JobCounts, Ledger, Money, RunRow, Totals, Waste
from batchgen.money import ZERO, MicroUSD
from batchgen.reporter.words import shown

ROWS = ("rows", "planned", "skipped", "rejected")
"""Of what a run counted, what is said of its manifest."""

# What the ledger's kinds of waste mean to a person.
CAUSES = {
    "charged_no_result": "paid, no usable image",
    "replaced": "paid for an image that was drawn again",
    "lost_paid": "paid, the image could not be downloaded",
    "waiting": "paid, the image still waits at its address",
    "at_risk": "unclear",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What calls were expected to cost before they were made."""

    low: MicroUSD = ZERO
    expected: MicroUSD = ZERO
    high: MicroUSD = ZERO


@dataclass(frozen=True, slots=True)
class Block:
    """One account: of the whole output folder, or of one run. `cap` is the run's limit; seconds are wall time."""

    totals: Totals
    waste: tuple[Waste, ...] = ()
    estimate: Estimate = Estimate()
    cap: MicroUSD | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Spell the block out; money is integer micro-dollars."""
        images = asdict(self.totals.images)
        # Counted in not_started, uncertain, failed and moderated: the others add up to wanted without them.
        pending, again, for_now, closed = (images.pop(name) for name in ("pending", "again", "for_now", "closed"))
        return {
            "jobs": asdict(self.totals.jobs),
            "images": images,
            "downloads": {"pending": pending},
            "later": {"uncertain": again, "failed": for_now},
            "closed": {"moderated": closed},
            "attempts": {"sent": self.totals.sent, "retried": self.totals.retried},
            "money": {
                **_micro(self.totals.money),
                "reserved_micro_usd": self.totals.reserved,
                "cap_micro_usd": self.cap,
            },
            "estimate": _micro(self.estimate),
            "seconds": round(self.seconds, 3),
            "waste": [_wasted(waste) for waste in self.waste],
        }


@dataclass(frozen=True, slots=True)
class Commands:
    """What takes decisions to the ledger, and what draws rejected images again.

    They are typed above `output/`, or where the manifest lies.
    """

    review: str = "batchgen review review.json"
    again: str = "batchgen run MANIFEST --rejected"


NO_COMMANDS = Commands()


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended, or how the latest one did. `why` is what stopped it, empty when nothing did."""

    whole: Block
    this_run: Block
    run_id: str | None = None
    exit_code: int | None = None
    why: str = ""
    name: str = ""
    identity: str = ""
    counts: str = ""
    commands: Commands = NO_COMMANDS
    batches: tuple[BatchRow, ...] = ()

    def about(self) -> dict[str, Any]:
        """Say what the page's data begins with; every text is harmless to look at."""
        return {
            "name": shown(self.name),
            "run": shown(self.run_id or ""),
            "output": self.identity,
            "commands": {name: shown(line) for name, line in asdict(self.commands).items()},
        }

    def as_json(self) -> dict[str, Any]:
        """Make the object of `summary.json` and of `run --json`."""
        return {
            "run_id": self.run_id,
            "exit_code": self.exit_code,
            "why": self.why,
            **self.whole.as_json(),
            "batches": _away(self.batches),
            "rows": {name: count for name, count in json.loads(self.counts or "{}").items() if name in ROWS},
            "this_run": self.this_run.as_json(),
        }


def read(ledger: Ledger, run_id: str | None = None, *, name: str = "", root: Path | None = None) -> Summary:
    """Read the accounts of a run, or of the latest one, out of the ledger.

    `name` is the output's, for people; with its folder `root` there is more to say to them.
    """
    runs, identity = ledger.runs.latest_first(), ledger.stores.known_identity()
    run = next((row for row in runs if run_id in {None, row.run_id}), None)
    if run is None:
        whole = Block(ledger.accounts.totals(), ledger.accounts.waste())
        return Summary(whole, Block(Totals()), name=name, identity=identity)
    totals, its_own = ledger.accounts.of_run(run.run_id)
    alone = Block(
        its_own, ledger.accounts.waste(run.run_id), Estimate(run.low, run.expected, run.high), run.cap, _seconds([run])
    )
    whole = Block(
        totals,
        ledger.accounts.waste(),
        _in_all(alone, totals.money),
        run.cap,
        _seconds([row for row in runs if row.manifest == run.manifest]),
    )
    then = _commands(root, run) if root else NO_COMMANDS
    away = ledger.batches.open()
    return Summary(whole, alone, run.run_id, run.exit_code, run.why, name, identity, run.counts, then, away)


def summary(ledger: Ledger, run_id: str | None = None) -> dict[str, Any]:
    """Make the object of `summary.json` and `run --json`: the whole folder, and `this_run`, or the latest run."""
    with ledger.snapshot():
        return read(ledger, run_id).as_json()


def nothing(
    cap: MicroUSD | None = None, jobs: int = 0, images: int = 0, rows: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Make the same object for a folder in which nothing is known to have been done; `rows` are of the manifest."""
    totals = Totals(JobCounts(total=jobs, not_started=jobs), ImageCounts(wanted=images, not_started=images))
    block = Block(totals, cap=cap)
    return Summary(block, block, counts=json.dumps(dict(rows or {}))).as_json()


def wasted_words(waste: Waste) -> str:
    """Say why calls were paid, or perhaps paid, for nothing."""
    if (waste.kind, waste.code) == ("at_risk", "submitted"):
        return "submitted, the image comes later"
    cause = CAUSES.get(waste.kind, waste.kind.replace("_", " "))
    return f"{cause}: {waste.code.replace('_', ' ')}" if waste.code else cause


def _away(batches: Sequence[BatchRow]) -> dict[str, int]:
    """Say what waits in batches at the provider."""
    sums = {name: sum(getattr(row, name) for row in batches) for name in ("lines", "images", "completed", "failed")}
    return {"open": len(batches), **sums, "reserved_micro_usd": sum(row.reserved for row in batches)}


def _wasted(waste: Waste) -> dict[str, Any]:
    unclear = waste.kind == "at_risk"
    return {
        "why": wasted_words(waste),
        "attempts": waste.attempts,
        "paid_micro_usd": 0 if unclear else waste.micro_usd,
        "at_risk_micro_usd": waste.micro_usd if unclear else 0,
    }


def _in_all(alone: Block, whole: Money) -> Estimate:
    """Say what the manifest costs in all: what earlier runs paid (and risk), and what this one was expected to."""
    now = alone.totals.money
    before = whole.confirmed + whole.estimated - now.confirmed - now.estimated
    estimate = alone.estimate
    return Estimate(
        MicroUSD(before + estimate.low),
        MicroUSD(before + estimate.expected),
        MicroUSD(before + whole.at_risk - now.at_risk + estimate.high),
    )


def _seconds(runs: Sequence[RunRow]) -> float:
    return sum(row.seconds for row in runs if row.seconds is not None)


def _micro(money: Money | Estimate) -> dict[str, int]:
    return {f"{name}_micro_usd": value for name, value in asdict(money).items()}


def _commands(root: Path, run: RunRow) -> Commands:
    """Write the commands for an output folder whose latest run is known."""
    root = root.absolute()
    kept = json.loads(run.command or "{}").get("manifest") or ""
    if not kept:
        return Commands(f"{NO_COMMANDS.review} {shlex.quote(root.name)}")
    manifest = Path(os.path.normpath(root / kept))
    here = root.parent.parent if root.parent.name == "output" else manifest.parent
    output, again = (
        os.path.relpath(root, here),
        f"batchgen run {shlex.quote(os.path.relpath(manifest, here))} --rejected",
    )
    if output != f"output/{run.manifest}":
        again += f" --output {shlex.quote(output)}"
    return Commands(f"{NO_COMMANDS.review} {shlex.quote(output)}", again)
