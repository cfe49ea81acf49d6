"""A month of nightly runs of a living catalogue, against a provider with bad days, on a machine that crashes.

After every night the laws hold; at its end the provider's own bill is explained to the micro-dollar.
"""

import csv
import errno
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import yaml
from PIL import Image

from batchgen.app.bill.reconcile import BooksResult, reconcile_books
from batchgen.app.output.adopt import adopt
from batchgen.app.output.maintain import opened
from batchgen.app.review.decisions import review
from batchgen.ledger import AttemptRow, DifferenceKind, nowhere
from batchgen.ledger.reservations import day_start, month_start
from batchgen.mock import MockConfig
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.model import OnUncertain, RouteChoice
from batchgen.money import MicroUSD
from tests.nights import weather
from tests.nights.almanac import Almanac, Machine
from tests.rehearsal import Ended, Rehearsal

ADMIN = "sk-admin-nights-0123456789abcdef"
KEYS = ("sk-nights-first-0123456789abcdef", "sk-nights-second-0123456789abcdef")
STRANGER, STRANGERS = "key_stranger", 7_777
"""A key of somebody else, and what its one call costs."""
ZONE = "Europe/Berlin"
STARTS = (
    datetime(2026, 10, 12, 21, tzinfo=UTC),
    datetime(2026, 3, 14, 21, tzinfo=UTC),
    datetime(2026, 11, 20, 21, tzinfo=UTC),
)
"""Months in which summer time ends, in which it begins, and over whose end a night goes."""
LOOKS = {"quality": "low", "size": "1024x1024", "output_format": "webp", "model": "gpt-image-2"}
MICRO = 1_000_000
KILLS = (
    "ledger.begin.after_commit",
    "ledger.remember.after_commit",
    "ledger.reserve.after_commit",
    "storage.finish.before_answer",
    "storage.finish.after_answer",
    "storage.publish.before_name",
    "storage.publish.after_sync",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "ledger.prepare.after_commit",
    "ledger.batch_upload.after_commit",
    "ledger.batch_creating.after_commit",
    "ledger.batch_submitted.before_commit",
    "ledger.end.before_commit",
)
INCIDENTS = ("killed", "killed twice", "disk full", "two at once", "clock wrong", "new key", "ledger lost", "tight cap")
FINE = frozenset({0, 3, 4, 5, 6, 7, 8, 9})
"""How a run may end in a bad night: anything but a bug, wrong input or a lock."""


class Died(BaseException):
    """The run ends here, as if killed."""


@dataclass
class Figures:
    """What came of the nights."""

    nights: int = 0
    runs: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    charged_calls: int = 0
    images: int = 0
    lost: int = 0
    bought_twice: int = 0
    billed: int = 0
    ledger: int = 0
    confirmed: int = 0
    cleared: int = 0
    unexplained: int = 0
    differences: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """Say it, a line for each."""
        yield f"nights {self.nights}, runs {self.runs}, kills {self.kills}"
        yield "incidents: " + _listed(self.incidents)
        yield "faults by kind: " + _listed(self.faults)
        yield f"calls {self.calls:,}, charged {self.charged_calls:,}, images stored {self.images:,}"
        yield f"lost {self.lost}, bought twice {self.bought_twice}"
        yield f"billed ${self.billed / MICRO:,.6f}, ledger ${self.ledger / MICRO:,.6f}"
        yield f"at risk: confirmed ${self.confirmed / MICRO:,.6f}, cleared ${self.cleared / MICRO:,.6f}"
        yield "differences: " + (_listed(self.differences) or "none")
        yield f"unexplained ${self.unexplained / MICRO:,.6f}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))


@dataclass
class Month:
    """One catalogue through its nights."""

    root: Path
    seed: int
    rows: int
    environment: Callable[[str, str], None]
    figures: Figures = field(default_factory=Figures)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.almanac = Almanac(STARTS[self.seed % len(STARTS)])
        self.machine = Machine(self.almanac)
        self.handle: Handle = start_embedded(_config(), self.almanac)
        self.scene = Rehearsal(self.root, self.handle, {"provider": "openai"})
        self.folder = self.root / "output" / "catalogue"
        self.catalogue: dict[str, dict[str, str]] = {}
        self.numbers = count(1)
        self.rejected: Counter[tuple[str, int]] = Counter()
        self.gap = 0
        self.key = KEYS[0]
        self.store = f"memory:nights{self.seed}" if self.seed % 4 == 3 else ""
        self.told: list[str] = []
        self.budget = MicroUSD(max(200_000, self.rows * 12_000))
        self.route = RouteChoice.SYNC
        self.environment("OPENAI_ADMIN_KEY", ADMIN)
        self.environment("OPENAI_API_KEY", self.key)
        (self.root / "photos").mkdir(parents=True)
        for _ in range(self.rows):
            self._new_row()

    # ---- the catalogue -----------------------------------------------------------------------------------------------

    def _new_row(self) -> None:
        sku = f"s{next(self.numbers):05}"
        kind = self.chance.choice(("card", "card", "card", "room"))
        self.catalogue[sku] = {"sku": sku, "name": f"A chair called {sku}", "kind": kind, "photo": f"{sku}.png"}
        if kind == "room":
            self._photo(sku)

    def _photo(self, sku: str) -> None:
        colour = tuple(self.chance.randrange(256) for _ in range(3))
        Image.new("RGB", (64, 64), colour).save(self.root / "photos" / f"{sku}.png")

    def edit(self) -> None:
        """Let a day pass over the catalogue: new, edited, removed and shuffled rows, other photos."""
        many = max(1, self.rows // 40)
        for _ in range(self.chance.randrange(many + 1)):
            self._new_row()
        for sku in self.chance.sample(
            sorted(self.catalogue), min(self.chance.randrange(many + 1), len(self.catalogue))
        ):
            row = self.catalogue[sku]
            if row["kind"] == "room" and self.chance.random() < 0.5:
                self._photo(sku)
            else:
                row["name"] = f"A chair called {sku}, edition {next(self.numbers)}"
        for sku in self.chance.sample(sorted(self.catalogue), self.chance.randrange(many // 2 + 1)):
            del self.catalogue[sku]

    def manifest(self) -> Path:
        """Write the catalogue as it is today, in any order."""
        rows = list(self.catalogue.values())
        self.chance.shuffle(rows)
        for kind in ("card", "room"):
            with (self.root / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ("sku", "name", "kind", "photo"))
                writer.writeheader()
                writer.writerows(row for row in rows if row["kind"] == kind)
        jobs: list[dict[str, Any]] = []
        for kind, more in (("card", {}), ("room", {"images": "photos/{{ photo }}"})):
            if any(row["kind"] == kind for row in rows):
                jobs.append({"id": "{{ sku }}", "rows": f"{kind}.csv", "prompt": "{{ name }}", **more})
        output: dict[str, Any] = {"path": "{{ sku }}.{{ ext }}"}
        manifest = {
            "name": "catalogue",
            "provider": "openai",
            "defaults": LOOKS,
            "limits": {"images_per_minute": 1_000_000, "concurrency": 16},
            "retry": {"base_seconds": 0.2, "cap_seconds": 1, "breaker_probe_seconds": [1, 1, 1]},
            "budget": {"day": self.budget / MICRO, "month": 20 * self.budget / MICRO, "timezone": ZONE},
            "output": output | ({"store": self.store} if self.store else {}),
            "jobs": jobs,
        }
        path = self.root / "catalogue.yaml"
        path.write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")
        return path

    # ---- a night -----------------------------------------------------------------------------------------------------

    def night(self, number: int) -> None:
        """Let one day and its night pass, and hold everything against the laws."""
        self.figures.nights += 1
        self.almanac.turn_to(
            STARTS[self.seed % len(STARTS)] + timedelta(days=number, minutes=self.chance.randrange(180))
        )
        self.told.append(f"night {number}")
        quiet = number > 0 and self.chance.random() < 0.2
        if number and not quiet:
            self.edit()
            self._look()
        kinds = () if quiet else tuple(self.chance.sample(sorted(weather.KINDS), self.chance.choice((0, 1, 1, 2, 3))))
        self._weather(kinds)
        incident = "" if quiet or self.chance.random() < 0.4 else self.chance.choice(INCIDENTS)
        self.route = RouteChoice.BATCH if "batches" in kinds or self.chance.random() < 0.3 else RouteChoice.SYNC
        self.told.append(f"{self.route}: {', '.join(kinds) or 'fine'}; {incident or 'nothing happened'}")
        self._with(incident)
        self.handle.faults.clear()
        self.laws()
        if quiet:
            self._asks_nothing_again()

    def _weather(self, kinds: tuple[str, ...]) -> None:
        self.handle.faults.clear()
        self.handle.faults.add(*weather.rules(self.chance, kinds))

    def _with(self, incident: str) -> None:
        if incident:
            self.figures.incidents[incident] += 1
        acts: dict[str, Callable[[], object]] = {
            "killed": partial(self._crash, 1),
            "killed twice": partial(self._crash, 2),
            "disk full": self._fill_the_disk,
            "two at once": self._two_at_once,
            "clock wrong": self._step_the_clock,
            "new key": self._change_the_key,
            "ledger lost": self._lose_the_ledger,
            "tight cap": lambda: self.run(max_cost=MicroUSD(self.chance.randrange(10_000, 60_000))),
        }
        acts.get(incident, self.run)()

    def _crash(self, times: int) -> None:
        for _ in range(times):
            self.killed(self.chance.choice(KILLS), self.chance.randrange(1, 8))
        self.run()

    def _fill_the_disk(self) -> None:
        self.run(at=_full_at(self.chance.choice(KILLS), self.chance.randrange(1, 8)))
        self.run()

    def _step_the_clock(self) -> None:
        self.machine.wrong = timedelta(hours=self.chance.choice((-3, -1, 1, 3)))
        self.run()
        self.machine.wrong = timedelta()

    def _change_the_key(self) -> None:
        self.key = KEYS[1] if self.key == KEYS[0] else KEYS[0]
        self.environment("OPENAI_API_KEY", self.key)
        self.run()

    def run(self, at: Callable[[str], None] = nowhere, *, ends: frozenset[int] = FINE, **options: Any) -> Ended:
        """Run tonight's command."""
        told: dict[str, Any] = {
            "output": self.folder,
            "base_url": self.handle.base_url,
            "max_cost": MicroUSD(50 * MICRO),
            "route": self.route,
        }
        told |= options
        self.figures.runs += 1
        begun = time.monotonic()
        ended = self.scene.run(self.manifest(), at, clock=self.machine, **told)
        self.told.append(f"{time.monotonic() - begun:.1f} s")
        assert ended.exit in ends, f"exit {ended.exit}: {ended.why or ended.summary.get('why')} after {self.told}"
        self.cap = told["max_cost"]
        self.told.append(f"exit {ended.exit}")
        return ended

    def killed(self, point: str, which: int) -> None:
        """Let a run die at a durable step; it may end before it comes there."""
        times = count(1)

        def at(where: str) -> None:
            if where == point and next(times) == which:
                raise Died(where)

        try:
            self.run(at)
        except BaseException as error:
            if not isinstance(error, Died) and not _carries(error, Died):
                raise
            self.figures.kills += 1
            self.told.append(f"killed at {point} {which}")

    def _two_at_once(self) -> None:
        """Start a second run while the first one works: it is turned away, and asks nothing."""
        statuses: list[int] = []
        times = count(1)
        manifest = self.manifest()

        def second() -> None:
            options: dict[str, Any] = {
                "output": self.folder,
                "base_url": self.handle.base_url,
                "max_cost": MicroUSD(MICRO),
            }
            statuses.append(self.scene.run(manifest, clock=self.machine, **options).exit)

        def at(where: str) -> None:
            if where == "ledger.begin.after_commit" and next(times) == 1:
                thread = Thread(target=second)
                thread.start()
                thread.join()

        self.run(at)
        assert statuses in ([], [75]), f"the second run ended with {statuses}"

    def _lose_the_ledger(self) -> None:
        """Remove the ledger, and rebuild it from what is there; what it knew beyond that is lost with it."""
        self.run()
        if self.store:
            return
        booked = self.booked()
        self.rejected = Counter((row["job_key"], int(row["slot"])) for row in self._images() if _is_rejected(row))
        for path in self.folder.glob("ledger.db*"):
            path.unlink()
        adopt(self.folder, clock=self.machine)
        self.gap += max(0, booked - self.booked())
        self.run()

    def _images(self) -> list[dict[str, str]]:
        """Read what the last report says of every image."""
        file = self.folder / "report" / "images.csv"
        if not file.exists():
            return []
        with file.open(encoding="utf-8", newline="") as opened_file:
            return list(csv.DictReader(opened_file))

    def _look(self) -> None:
        """Approve some images and reject others, whose rows are drawn again."""
        rows = [row for row in self._images() if row["state"] == "stored"]
        if self.chance.random() < 0.5 or not rows:
            return
        decisions = []
        for row in self.chance.sample(rows, min(len(rows), 4)):
            decision = self.chance.choice(("approved", "rejected"))
            told = {"job": row["job_id"], "key": row["job_key"], "slot": int(row["slot"]), "sha256": row["sha256"]}
            decisions.append({**told, "decision": decision, "note": ""})
            if decision == "rejected":
                self.rejected[row["job_key"], int(row["slot"])] += 1
        path = self.root / "review.json"
        path.write_text(json.dumps({"batchgen_review": 1, "decisions": decisions}), "utf-8")
        review(path, self.folder)
        self.run(rejected=True)

    # ---- the laws ----------------------------------------------------------------------------------------------------

    def booked(self) -> int:
        """Return what the ledger says was, or may have been, charged."""
        with opened(self.folder, readonly=True) as there:
            money = there.ledger.accounts.totals().money
        return money.confirmed + money.estimated + money.at_risk

    def laws(self) -> None:
        """Hold the books against the bill and the caps, and each image against what was paid for it."""
        with opened(self.folder, readonly=True) as there:
            ledger = there.ledger
            assert ledger.accounts.audit() == (), self.told
            images, money = ledger.accounts.totals().images, ledger.accounts.totals().money
            states = (images.stored, images.moderated, images.failed, images.uncertain, images.lost_paid)
            assert images.wanted == sum(states) + images.submitted + images.not_started, self.told
            attempts = list(ledger.report_rows.attempts())
            caps = {run.run_id: run.cap for run in ledger.runs.latest_first() if run.cap is not None}
        booked = money.confirmed + money.estimated + money.at_risk
        assert booked + self.gap >= self.scene.billed, f"booked {booked} of {self.scene.billed}: {self.told}"
        drawn = Counter((row.job_key, slot) for row in attempts for slot in row.slots if row.brought)
        twice = {slot: times for slot, times in drawn.items() if times > 1 + self.rejected[slot]}
        assert not twice, f"bought twice: {twice} {self.told}"
        self.figures.bought_twice += len(twice)
        self._caps(attempts, caps)

    def _caps(self, attempts: list[AttemptRow], caps: Mapping[str, int]) -> None:
        """No run, day or month goes beyond its limit; a call that cost more than its bound goes beyond any."""
        spent: Counter[tuple[str, object]] = Counter()
        dear: set[tuple[str, object]] = set()
        for row in attempts:
            moment = row.started if row.handle or row.ended is None else row.ended
            for limit in (
                ("run", row.run_id),
                ("day", day_start(moment, ZONE)),
                ("month", month_start(moment, ZONE)),
            ):
                spent[limit] += row.cost + row.at_risk
                if row.cost > row.high or row.note == "adopted":  # an adopted one has lost its bound
                    dear.add(limit)
        limits = {"day": self.budget, "month": 20 * self.budget}
        for (kind, which), amount in spent.items():
            if (kind, which) not in dear and (cap := caps.get(str(which), limits.get(kind))) is not None:
                assert amount <= cap, f"{amount} of {cap} spent in the {kind} {which}: {self.told}"

    def _asks_nothing_again(self) -> None:
        """Run once more in a quiet night: nothing changed, so nothing is asked and nothing is told."""
        self.run()
        calls = len(self.scene.bill)
        again = self.run()
        fresh = [entry for entry in self.scene.bill[calls:] if entry["charged_micro_usd"]]
        assert not fresh, f"{len(fresh)} calls were paid in a quiet night: {self.told}"
        assert again.exit in {0, 9} or not again.summary["news"], f"{again.exit} tells the same again: {self.told}"

    # ---- its end -----------------------------------------------------------------------------------------------------

    def plant(self) -> None:
        """Let a stranger draw with a key of its own, in the middle of the month."""
        noon = self.almanac.now() - timedelta(days=self.figures.nights // 2)
        call = {"at": noon.timestamp(), "model": LOOKS["model"], "micro_usd": STRANGERS, "key_id": STRANGER}
        self.handle.plant(calls=[call])

    def settle(self) -> BooksResult:
        """Finish in fine weather, wait until the books are closed, and have the bill explained."""
        last = STARTS[self.seed % len(STARTS)] + timedelta(days=self.figures.nights)
        self.handle.faults.clear()
        self.route = RouteChoice.SYNC
        for later in range(2):
            self.almanac.turn_to(last + timedelta(days=later))
            self.run(on_uncertain=OnUncertain.RETRY, retry_failed=True)
        self.plant()
        self.almanac.turn_to(last + timedelta(days=8))
        found = reconcile_books(self.folder, base_url=self.handle.base_url, clock=self.machine)
        summary = self.run(on_uncertain=OnUncertain.RETRY, retry_failed=True).summary
        images = summary["images"]
        # A dead address is told, and somebody decides about it: its image is not lost without a word.
        told = images["stored"] + images["moderated"] + images["lost_paid"] + summary["downloads"]["pending"]
        self.figures.lost = images["wanted"] - told
        self._count(found)
        return found

    def _count(self, found: BooksResult) -> None:
        bill, figures = self.scene.bill, self.figures
        figures.calls, figures.charged_calls = len(bill), sum(bool(one["charged_micro_usd"]) for one in bill)
        figures.faults = Counter(_kind(one["fault"]) for one in bill if one["fault"])
        with opened(self.folder, readonly=True) as there:
            figures.images = there.ledger.accounts.totals().images.stored
        figures.billed, figures.ledger = found.billed, found.ledger
        figures.confirmed, figures.cleared = found.confirmed, found.cleared
        for one in found.differences:
            figures.differences[one.kind.value] += 1
            if one.kind is DifferenceKind.UNEXPLAINED:
                figures.unexplained += abs(one.micro_usd)

    def close(self) -> None:
        """Stop the provider."""
        self.handle.stop()


def _is_rejected(row: Mapping[str, str]) -> bool:
    """Whether somebody rejected an image, and no other came since: what people said outlives a ledger."""
    return row["state"] == "stored" and row["review"] == "rejected"


def _kind(fault: str) -> str:
    return next((kind for kind, names in weather.KINDS.items() if fault in names), fault)


def _config() -> MockConfig:
    return MockConfig(admin_key=ADMIN, batch_seconds=3_600, record=0, fixed_bytes=_image())


def _image() -> bytes:
    file = BytesIO()
    Image.new("RGB", (1024, 1024), (90, 120, 60)).save(file, "WEBP")
    return file.getvalue()


def _carries(error: BaseException, kind: type[BaseException]) -> bool:
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    behind = (error.__cause__, error.__context__)
    return isinstance(error, kind) or any(_carries(one, kind) for one in (*inside, *behind) if one is not None)


def _full_at(point: str, which: int) -> Callable[[str], None]:
    times = count(1)

    def at(where: str) -> None:
        if where == point and next(times) >= which:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return at


@contextmanager
def month(root: Path, seed: int, rows: int, environment: Callable[[str, str], None]) -> Iterator[Month]:
    """Return a month that has not begun."""
    made = Month(root, seed, rows, environment)
    try:
        yield made
    finally:
        made.close()


def through(nights: int, of: Month) -> None:
    """Live through nights, and settle the bill."""
    for number in range(nights):
        of.night(number)
    found = of.settle()
    assert found.billed - found.ledger == sum(one.micro_usd for one in found.differences)
    theirs = [(one.kind, one.micro_usd) for one in found.differences if one.key_id == STRANGER]
    assert theirs == [(DifferenceKind.OTHER_USE, STRANGERS)], (found.differences, of.told)
    assert of.figures.unexplained == 0, (found.differences, of.told)
    assert of.figures.lost == 0, of.told
