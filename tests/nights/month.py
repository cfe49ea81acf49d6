"""A month of nightly runs of a living catalogue, against providers with bad days, on a machine that crashes.

After every night the laws hold; at its end the provider's own bill is explained to the micro-dollar.
"""

import errno
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
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

from batchgen.app.bill.finance import month as finance
from batchgen.app.bill.reconcile import BooksResult
from batchgen.app.output.adopt import adopt
from batchgen.app.output.derive import derive_output
from batchgen.app.output.maintain import opened
from batchgen.ledger import DifferenceKind, nowhere
from batchgen.mock import MockConfig, Rule
from batchgen.mock.bill import digest
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.model import OnUncertain, RouteChoice
from batchgen.money import MicroUSD
from tests.nights import antiquity, laws, mortal, people, weather
from tests.nights.almanac import Almanac, Machine
from tests.nights.catalogue import MICRO, SECOND, SUCCESSOR, Catalogue, Form
from tests.nights.figures import Figures
from tests.nights.plants import Plants, explained
from tests.notify.listener import listening
from tests.process.kit import the_launcher
from tests.process.launcher import Break
from tests.rehearsal import Ended, Rehearsal

ADMIN = "sk-admin-nights-0123456789abcdef"
KEYS = ("sk-nights-first-0123456789abcdef", "sk-nights-second-0123456789abcdef")
SECONDS_KEY = "sk-nights-elsewhere-0123456789abcdef"
STARTS = (
    datetime(2026, 10, 12, 21, tzinfo=UTC),
    datetime(2026, 3, 14, 21, tzinfo=UTC),
    datetime(2026, 11, 20, 21, tzinfo=UTC),
)
"""Months in which summer time ends, in which it begins, and over whose end a night goes."""
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
INCIDENTS = (
    *("killed", "killed twice", "disk full", "two at once", "clock wrong", "clock steps", "new key", "ledger lost"),
    "tight cap",
)
FINE = frozenset({0, 3, 4, 5, 6, 7, 8, 9})
"""How a run may end in a bad night: anything but a bug, wrong input or a lock."""
EARLY = 1
"""The night before which somebody copies the ledger, in some months; in others it is that of an older version."""
SURE_TO_DIE = 1
"""In this night a process is killed in every month whose images outlive it."""


TASK = {
    "id": "data.0.task_id",
    "path": "/tasks/{id}",
    "state": "data.status",
    "done": ["completed"],
    "failed": ["failed"],
    "every": 1,
    "life": 6 * 3600,
}
"""How the second provider is asked where it draws later: in half of the months that have one."""


class Died(BaseException):
    """The run ends here, as if killed."""


@dataclass
class Month:
    """One catalogue through its nights."""

    root: Path
    seed: int
    many: int
    environment: Callable[[str, str], None]
    figures: Figures = field(default_factory=Figures)

    def __post_init__(self) -> None:
        seed = self.seed
        self.chance = Random(seed)
        self.field_chance = Random(f"the field of {seed}")
        self.begins = STARTS[seed % len(STARTS)]
        self.almanac = Almanac(self.begins)
        self.machine = Machine(self.almanac)
        self.handle: Handle = start_embedded(_config(), self.almanac)
        self.draws_later = seed % 8 in {4, 6}
        second = _config("tasks" if self.draws_later else "openai")
        self.elsewhere: Handle | None = start_embedded(second, self.almanac) if seed % 2 == 0 else None
        self.elsewhere_billed = 0
        self.scene = Rehearsal(self.root, self.handle)
        self.folder = self.root / "output" / "catalogue"
        self.folder.parent.mkdir(parents=True)
        store = {2: f"file://{self.root}/store", 3: f"memory:nights{seed}"}.get(seed % 4, "")
        dear = 12 if seed % 5 == 2 else 1
        budget = max(200_000, self.many * 14_000) * dear
        form = Form(budget, store=store, staged=seed % 5 == 2)
        self.with_derivatives = seed % 3 == 1
        self.catalogue = Catalogue(self.root, self.chance, self.many, form)
        self.rejected: Counter[laws.Slot] = Counter()
        self.ever_rejected: Counter[laws.Slot] = Counter()
        self.gap = 0
        self.tonight: tuple[str, ...] = ()
        self.told: list[str] = []
        self.route = RouteChoice.SYNC
        self.cut_off = False
        self.key = ""
        self._take_key(KEYS[0])
        self.environment("OPENAI_ADMIN_KEY", ADMIN)
        self.environment("OPENAI_BASE_URL", self.handle.base_url)
        self._provide_second()
        if seed % 5 == 0 and not store:
            self._bring_antiquity()

    def _take_key(self, key: str) -> None:
        self.key = key
        self.environment("OPENAI_API_KEY", key)

    def _provide_second(self) -> None:
        if self.elsewhere:
            file = {"like": "openai", "base_url": self.elsewhere.base_url, "key_variable": "SECOND_KEY"}
            told = file | ({"task": TASK} if self.draws_later else {})
            (self.root / f"{SECOND}.yaml").write_text(yaml.safe_dump(told), "utf-8")
            self.environment("SECOND_KEY", SECONDS_KEY)

    def _bring_antiquity(self) -> None:
        """Begin with what version 0.1.0 left, and put its calls on the provider's books."""
        origin = self.handle.base_url.removesuffix("/v1")
        self.catalogue.form.more = antiquity.bring(self.folder, origin, self.begins - timedelta(hours=2))
        self._keep_a_copy()
        with opened(self.folder, readonly=False):
            pass
        self.rejected += antiquity.rejected(self.folder)
        ours = [{**call, "key_id": f"key_{digest(self.key)}"} for call in antiquity.charged(self.folder)]
        self.handle.plant(calls=ours)
        self.figures.incidents["older ledger"] += 1

    # ---- a night -----------------------------------------------------------------------------------------------------

    def night(self, number: int, of: int) -> None:
        """Let one day and its night pass, and hold everything against the laws."""
        self.figures.nights += 1
        self.told.append(f"night {number}")
        self.almanac.turn_to(self.begins + timedelta(days=number, minutes=self.chance.randrange(180)))
        sure = number == SURE_TO_DIE and self._outlives_a_process
        quiet = number not in {0, of // 2} and not sure and self.chance.random() < 0.2
        if number and not quiet:
            self.catalogue.edit()
            self._morning()
        if number == EARLY and self.seed % 5 == 1:
            self._keep_a_copy()
        if number == of // 2 + 1:
            self._put_the_copy_back()
        self._retire(number, of)
        kinds = () if quiet else tuple(self.chance.sample(sorted(weather.KINDS), self.chance.choice((0, 1, 1, 2, 3))))
        kinds += () if quiet else weather.of_the_field(self.field_chance)
        self._weather(kinds)
        incident = "" if quiet or self.chance.random() < 0.4 else self.chance.choice(INCIDENTS)
        self._set_out(kinds, "killed" if sure else incident)
        self.told.append(f"{self.route}: {', '.join(kinds) or 'fine'}; {incident or 'nothing happened'}")
        self._with("killed" if sure else incident)
        self._weather(())
        self.laws()
        if quiet:
            self._asks_nothing_again()

    def _set_out(self, kinds: tuple[str, ...], incident: str) -> None:
        """Choose tonight's route and providers."""
        routes = (RouteChoice.SYNC, RouteChoice.SYNC, RouteChoice.BATCH, RouteChoice.AUTO)
        self.route = RouteChoice.BATCH if "batches" in kinds else self.chance.choice(routes)
        if incident.startswith("killed") and self.route is RouteChoice.AUTO:
            self.route = RouteChoice.BATCH
        form = self.catalogue.form
        form.derivatives = self.with_derivatives and self.chance.random() < 0.3
        several = self.elsewhere is not None and not self.cut_off and self.chance.random() < 0.5
        form.several = several
        if several:
            self.route = RouteChoice.SYNC
            self.figures.incidents["a gateway of tasks" if self.draws_later else "two providers"] += 1

    def _weather(self, kinds: tuple[str, ...]) -> None:
        self.tonight = kinds
        self.handle.faults.clear()
        main = [kind for kind in kinds if kind in weather.KINDS]
        self.handle.faults.add(*weather.rules(self.chance, main))
        self.handle.faults.add(*weather.rules(self.field_chance, [kind for kind in kinds if kind not in main]))
        if self.elsewhere:
            self.elsewhere.faults.clear()
            if kinds and self.draws_later:
                self.elsewhere.faults.add(*weather.of_tasks(self.field_chance))
        if self.figures.incidents["model retired"]:
            self.handle.faults.add(Rule("404_model", prompt="antique", options={}))

    def _retire(self, number: int, of: int) -> None:
        """In the middle a model ends, and in half of the months a provider; people follow a day later."""
        if number == of // 2:
            self.figures.incidents["model retired"] += 1
            self.catalogue.add("antique")
            if self.elsewhere:
                self.figures.incidents["provider retired"] += 1
                self._leave_second()
        if number == of // 2 + 1:
            self._follow()

    def _follow(self) -> None:
        """Let another model draw what the retired one did, and name the retired provider no more."""
        self.catalogue.form.antiques_by = SUCCESSOR
        self.cut_off = True
        for row in self.catalogue.rows.values():
            if row["kind"] == "antique":
                row["name"] = row["name"].replace("antique", "old one")

    def _leave_second(self) -> None:
        if self.elsewhere:
            self.elsewhere_billed = int(self.elsewhere.bill()["total_micro_usd"])
            bill = self.elsewhere.bill()["requests"]
            self.figures.elsewhere = len(bill)
            self.elsewhere.stop()

    def _with(self, incident: str) -> None:
        if incident:
            self.figures.incidents[incident] += 1
        acts: dict[str, Callable[[], object]] = {
            "killed": partial(self._crash, 1),
            "killed twice": partial(self._crash, 2),
            "disk full": self._fill_the_disk,
            "two at once": self._two_at_once,
            "clock wrong": self._set_the_clock_wrong,
            "clock steps": self._step_the_clock,
            "new key": self._change_the_key,
            "ledger lost": self._lose_the_ledger,
            "tight cap": lambda: self.run(max_cost=MicroUSD(self.chance.randrange(10_000, 60_000))),
        }
        acts.get(incident, self.run)()

    @property
    def _may_end(self) -> frozenset[int]:
        """How a run may end: with 2 also, where a manifest asks for a retired model, or an address leads elsewhere."""
        retired = self.figures.incidents["model retired"] and not self.cut_off
        return FINE | {2} if retired or "wrong way" in self.tonight else FINE

    def run(self, at: Callable[[str], None] = nowhere, **options: Any) -> Ended:
        """Run tonight's command."""
        told: dict[str, Any] = {
            "output": self.folder,
            "base_url": None,
            "max_cost": MicroUSD(50 * MICRO),
            "route": self.route,
        }
        told |= options
        self.figures.runs += 1
        begun = time.monotonic()
        ended = self.scene.run(self.catalogue.write(), at, clock=self.machine, **told)
        self.told.append(f"{time.monotonic() - begun:.1f} s")
        assert ended.exit in self._may_end, (
            f"exit {ended.exit}: {ended.why or ended.summary.get('why')} after {self.told}"
        )
        self.told.append(f"exit {ended.exit}")
        return ended

    # ---- what happens in it ------------------------------------------------------------------------------------------

    @property
    def _outlives_a_process(self) -> bool:
        """Whether what a process stored is still there when it is dead."""
        return not self.catalogue.form.store.startswith("memory:")

    def _crash(self, times: int) -> None:
        for number in range(times):
            if self._outlives_a_process and not number:
                self._killed_for_real()
            else:
                self._killed(self.chance.choice(KILLS), self.chance.randrange(1, 8))
        self.run()

    def _killed_for_real(self) -> None:
        """Let a process run, and die by SIGKILL at the so many-th durable step; it may end before it comes there."""
        manifest, wrong = self.catalogue.write(), self.machine.wrong
        words = mortal.words(manifest, self.folder, self.route, 50 * MICRO, self.almanac, wrong)
        names = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "SECOND_KEY")
        env = {name: os.environ[name] for name in names if name in os.environ}
        broken = Break(passing=self.chance.randrange(1, 10 + self.many // 2))
        self.figures.runs += 1
        child = the_launcher().start(words, cwd=self.root, env=env, broken=broken, program=mortal.PROGRAM)
        status = child.wait(240)
        assert status in self._may_end | {-9}, f"exit {status} of a process: {child.said[-2000:]} after {self.told}"
        if status == -9:
            self.figures.kills += 1
            self.figures.real_kills += 1
            self.told.append(f"killed at step {broken.passing}")

    def _killed(self, point: str, which: int) -> None:
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

    def _fill_the_disk(self) -> None:
        self.run(at=_full_at(self.chance.choice(KILLS), self.chance.randrange(1, 8)))
        self.run()

    def _set_the_clock_wrong(self) -> None:
        self.machine.wrong = timedelta(hours=self.chance.choice((-3, -1, 1, 3)))
        self.run()
        self.machine.wrong = timedelta()

    def _step_the_clock(self) -> None:
        """Let the clock step while a run is at work, there and back."""
        steps = count(1)
        when, hours = self.chance.randrange(3, 20), self.chance.choice((-2, -1, 1, 2))

        def at(_where: str) -> None:
            number = next(steps)
            if number in {when, 3 * when}:
                self.machine.wrong = timedelta(hours=hours if number == when else 0)

        self.run(at)
        self.machine.wrong = timedelta()

    def _change_the_key(self) -> None:
        self._take_key(KEYS[1] if self.key == KEYS[0] else KEYS[0])
        self.run()

    def _two_at_once(self) -> None:
        """Start a second run while the first one works: it is turned away, and asks nothing."""
        statuses: list[int] = []
        times = count(1)
        manifest = self.catalogue.write()

        def second() -> None:
            options: dict[str, Any] = {"output": self.folder, "base_url": None, "max_cost": MicroUSD(MICRO)}
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
        if self.catalogue.form.store:
            return
        booked = self._books.booked
        self.ever_rejected |= self.rejected + people.given_up(self.folder)
        self.rejected = people.pending_rejections(self.folder)
        self._forget(booked)
        self.run()

    def _forget(self, booked: int, instead: Path | None = None) -> None:
        """Put another ledger in the place of this one, or none, and take in what the folder tells."""
        for path in self.folder.glob("ledger.db*"):
            path.unlink()
        if instead:
            shutil.copy(instead, self.folder / "ledger.db")
        adopt(self.folder, clock=self.machine)
        self.gap += max(0, booked - self._books.booked)

    def _keep_a_copy(self) -> None:
        if not self.catalogue.form.store:
            self.folder.parent.joinpath("copy.db").write_bytes(_copied(self.folder / "ledger.db"))

    def _put_the_copy_back(self) -> None:
        """Restore a ledger that knows nothing of the nights since; of an older version it is upgraded once more.

        What waited at an address since is not known to it: that image is drawn again.
        """
        copy = self.folder.parent / "copy.db"
        if copy.exists():
            self.figures.incidents["older copy of the ledger"] += 1
            self.ever_rejected |= self.rejected + people.given_up(self.folder)
            self._forget(self._books.booked, copy)
            self.rejected = self.ever_rejected

    def _morning(self) -> None:
        """Look at what was drawn, and at what was moderated."""
        form = self.catalogue.form
        if form.staged or self.chance.random() < 0.5:
            rejected = people.look(self.folder, self.chance, staged=form.staged)
            self.rejected += rejected
            if rejected:
                self.run(rejected=True)
        words = people.reworded(self.folder)
        if words and self.chance.random() < 0.5:
            self.figures.incidents["reworded"] += 1
            self.run(reworded=words)

    # ---- the laws ----------------------------------------------------------------------------------------------------

    @property
    def _books(self) -> laws.Books:
        return laws.books(self.folder)

    @property
    def billed(self) -> int:
        """What both providers charged."""
        alive = self.elsewhere is not None and not self.figures.incidents["provider retired"]
        second = int(self.elsewhere.bill()["total_micro_usd"]) if alive and self.elsewhere else self.elsewhere_billed
        return self.scene.billed + second

    def laws(self) -> None:
        """Hold the books against the bill and the caps, and each image against what was paid for it."""
        found = self._books
        assert found.audit == (), (found.audit, self.told)
        assert found.wanted == found.told, self.told
        assert found.booked + self.gap >= self.billed, f"booked {found.booked} of {self.billed}: {self.told}"
        twice = laws.bought_twice(found.attempts, self.rejected)
        self.figures.bought_twice += len(twice)
        assert not twice, f"bought twice: {twice} {self.told}"
        budget = self.catalogue.form.budget
        assert not (over := laws.beyond(found, budget, 20 * budget)), f"{over} {self.told}"
        sure, most = laws.at_second(found.attempts)
        if self.elsewhere:
            billed = self.billed - self.scene.billed
            assert sure <= billed <= most + self.gap, f"the second provider: {sure}, {billed}, {most}: {self.told}"

    def _asks_nothing_again(self) -> None:
        """Run once more in a quiet night: nothing changed, so nothing is asked and nothing is told."""
        self.run()
        calls = len(self.scene.bill)
        with listening() as somebody:
            self._tell(somebody.variables)
            again = self.run()
            self._tell(dict.fromkeys(somebody.variables, ""))
        fresh = [entry for entry in self.scene.bill[calls:] if entry["charged_micro_usd"]]
        assert not fresh, f"{len(fresh)} calls were paid in a quiet night: {self.told}"
        assert again.exit in {0, 9} or not again.summary["news"], f"{again.exit} tells the same again: {self.told}"
        if not again.summary["news"] or not again.exit:
            assert not somebody.messages, f"{somebody.messages}: {self.told}"
            assert somebody.endings == ["/start", ""], f"{somebody.endings}: {self.told}"

    def _tell(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self.environment(name, value)

    # ---- its end -----------------------------------------------------------------------------------------------------

    def finish(self) -> Plants:
        """Finish in fine weather, draw on with what is planted, and wait until the books are closed."""
        last = self.begins + timedelta(days=self.figures.nights)
        self._weather(())
        self.catalogue.form.several = False
        self.route = RouteChoice.SYNC
        self.catalogue.form.derivatives = False
        plants = Plants(self, last + timedelta(days=4))
        plants.stranger(self.begins + timedelta(days=self.figures.nights // 2, hours=-9))
        for later in range(3):
            self.almanac.turn_to(last + timedelta(days=later))
            self._draw_everything()
        plants.all()
        return plants

    def _draw_everything(self) -> Ended:
        if self.catalogue.form.staged:
            people.approve_previews(self.folder)
        self.rejected += people.given_up(self.folder)
        return self.run(on_uncertain=OnUncertain.RETRY, retry_failed=True)

    def settle(self, plants: Plants) -> BooksResult:
        """Have the bill explained, and see that what was planted is named."""
        found = explained(self)
        self._count(found)
        assert self.figures.unexplained == 0, (found.differences, self.told)
        plants.named(found)
        plants.otherwise(found)
        return found

    def nothing_lost(self) -> None:
        """Draw what the books cleared: every image that is wanted is there, or somebody was told why not."""
        if self.catalogue.form.staged:
            self._draw_everything()
        summary = self._draw_everything().summary
        images = summary["images"]
        # A dead address is told, and somebody decides about it: its image is not lost without a word.
        told = images["stored"] + images["moderated"] + images["lost_paid"] + summary["downloads"]["pending"]
        self.figures.lost = images["wanted"] - told
        if self.catalogue.form.staged:
            # An approved preview stays as it was drawn, whatever its row says by now: rows are counted, not wishes.
            pending = summary["downloads"]["pending"]
            self.figures.lost = max(0, people.untold(self.folder, self.catalogue.rows) - pending)
        self.figures.images = images["stored"]
        assert self.figures.lost == 0, (images, self.told)
        self.laws()

    def derivatives(self) -> None:
        """See that every stored image has its derivative, made for nothing."""
        if not self.with_derivatives:
            return
        self.catalogue.form.derivatives = True
        self.run()
        made = derive_output(self.folder, None, ())
        assert not made.failed, (made.failed, self.told)
        again = derive_output(self.folder, None, ())
        assert (again.made, again.kept) == (0, made.made + made.kept), self.told
        self.figures.derivatives = again.kept

    def finance(self) -> None:
        """Write the months for finance: together they have all the money of the ledger."""
        days = range((self.machine.now() - self.begins).days + 2)
        names = {f"{self.begins + timedelta(days=day):%Y-%m}" for day in days}
        spent = 0
        for name in sorted(names):
            finance(name, [self.folder])
            for row in people.table(self.folder, f"month-{name}"):
                spent += sum(int(row[f"{kind}_micro_usd"]) for kind in ("confirmed", "estimated", "at_risk"))
        assert spent == self._books.booked, f"{spent} of {self._books.booked} in {names}: {self.told}"

    def no_admin(self) -> None:
        """See that the key of the books stands in no file and drew nothing."""
        for path in self.folder.rglob("*"):
            if path.suffix in {".jsonl", ".json", ".csv", ".html", ".db", ""} and path.is_file():
                assert ADMIN.encode() not in path.read_bytes(), path
        assert all(one["status"] != 401 or one["fault"] for one in self.scene.bill), "a key was refused by itself"

    def _count(self, found: BooksResult) -> None:
        bill, figures = self.scene.bill, self.figures
        figures.calls, figures.charged_calls = len(bill), sum(bool(one["charged_micro_usd"]) for one in bill)
        figures.calls += figures.elsewhere
        if self.elsewhere:
            bill += self.elsewhere.bill()["requests"]
        figures.faults = Counter(weather.kind_of(one["fault"]) for one in bill if one["fault"])
        figures.billed, figures.ledger = found.billed, found.ledger
        figures.confirmed, figures.cleared, figures.still_at_risk = found.confirmed, found.cleared, found.at_risk
        for one in found.differences:
            figures.differences[one.kind.value] += 1
            if one.kind is DifferenceKind.UNEXPLAINED:
                figures.unexplained += abs(one.micro_usd)

    def close(self) -> None:
        """Stop the providers."""
        self.handle.stop()
        if self.elsewhere:
            self.elsewhere.stop()


def _config(dialect: str = "openai") -> MockConfig:
    return MockConfig(dialect=dialect, admin_key=ADMIN, batch_seconds=3_600, record=0, fixed_bytes=_image())


def _image() -> bytes:
    file = BytesIO()
    Image.new("RGB", (1024, 1024), (90, 120, 60)).save(file, "WEBP")
    return file.getvalue()


def _carries(error: BaseException, kind: type[BaseException]) -> bool:
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    behind = (error.__cause__, error.__context__)
    return isinstance(error, kind) or any(_carries(one, kind) for one in (*inside, *behind) if one is not None)


def _copied(ledger: Path) -> bytes:
    """Copy a ledger as its users are told to: with what is not yet in its file."""
    with closing(sqlite3.connect(ledger)) as db, closing(sqlite3.connect(":memory:")) as copy:
        db.backup(copy)
        return copy.serialize()


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
        of.night(number, nights)
    plants = of.finish()
    of.settle(plants)
    of.nothing_lost()
    of.derivatives()
    of.finance()
    of.no_admin()
