"""A mock provider with its own bill, a manifest, and an outside observer of what dead and living runs left behind."""

import csv
import hashlib
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from batchgen.ledger import Ledger
from batchgen.mock import MockConfig, Rule
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.runtime.clock import SystemClock
from tests.patience import PATIENCE
from tests.process.launcher import Break, Child, Launcher

N, CONCURRENCY = 2, 6

MANIFEST = f"""\
name: torture
defaults: {{model: gpt-image-2.5-flare, size: 1024x1024, quality: low, n: {N}}}
limits: {{concurrency: {CONCURRENCY}, max_cost: 100}}
retry: {{base_seconds: 0.02, cap_seconds: 0.1, deadline_seconds: 10, breaker_probe_seconds: [0.1, 0.1, 0.1]}}
jobs:
  - id: "job-{{{{ number }}}}"
    rows: jobs.csv
    prompt: "Image number {{{{ number }}}} of the catalogue"
"""


@cache
def image() -> bytes:
    """Return a whole PNG of the asked size, in few bytes."""
    out = BytesIO()
    Image.new("RGB", (1024, 1024), (200, 80, 40)).save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Call:
    """A row of the ledger."""

    id: str
    state: str
    counted: int
    asked: int
    brought: int
    job_key: str


@dataclass(frozen=True, slots=True)
class Books:
    """What a ledger says, read by somebody who does not trust its program."""

    calls: dict[str, Call]
    stored: dict[str, tuple[str, int, str]]
    states: Counter[str]
    waiting: int = 0

    def ids(self, *states: str) -> set[str]:
        """Return calls in these states."""
        return {call.id for call in self.calls.values() if call.state in states}


@dataclass
class World:
    """One trial; every check raises AssertionError with the seed."""

    folder: Path
    launcher: Launcher
    server: Handle
    seed: int
    jobs: int
    hold: bool = False
    drawn: bytes = b""
    changes: int = 0
    in_flight: set[str] = field(default_factory=set)
    kills: int = 0
    _copies: int = 0

    @property
    def output(self) -> Path:
        """The output folder."""
        return self.folder / "out"

    @property
    def wanted(self) -> int:
        """Images that the manifest wants, or wanted before it was changed."""
        return self.jobs * N * (1 + self.changes)

    def change(self) -> None:
        """Change every prompt under the same ids: the images that are there step aside."""
        self.changes += 1
        manifest = self.folder / "m.yaml"
        manifest.write_text(manifest.read_text().replace('prompt: "', 'prompt: "Another '))

    # ---- runs --------------------------------------------------------------------------------------------------------

    @property
    def words(self) -> list[str]:
        """The command."""
        words = ["run", "m.yaml", "--provider", "openai", "--base-url", self.server.base_url, "--output", "out"]
        return [*words, "--on-uncertain", "hold"] if self.hold else words

    def start(self, broken: Break | None = None, *more: str, **how: Any) -> Child:
        """Start a run, perhaps one that breaks."""
        return self.launcher.start(*self.words, *more, cwd=self.folder, broken=broken, **how)

    def begun(self, *more: str, calls: int = CONCURRENCY, **how: Any) -> Child:
        """Check that a run that has so many calls under way."""
        child = self.start(None, *more, **how)
        self.wait_for(lambda: self.calls >= calls or child.ended)
        assert not child.ended, f"{self}: it ended with {child.wait()}\n{child.said}\n{child.told}"
        return child

    def wait_for(self, what: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait until something is true."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"{self}: waited {seconds} s for nothing"
            time.sleep(0.005)

    def kill_at(self, point: str, passing: int = 1) -> bool:
        """Start a run that dies at a passing of a named step, then look at the dead; False when it ended before."""
        status = self.start(Break(point=point, passing=passing)).wait()
        return self._dead(status, f"at {point}, passing {passing}")

    def kill_after(self, seconds: float) -> bool:
        """Start a run and kill it from outside after so long; False when it ended before."""
        child = self.start()
        time.sleep(seconds)
        if not child.ended:
            child.signal(9)
        return self._dead(child.wait(), f"after {seconds:.3f} s")

    def _dead(self, status: int, when: str) -> bool:
        self.say(f"killed {when}" if status == -9 else f"ended with {status} before it was to die {when}")
        assert status in {-9, 0, 3, 7}, f"{self}: exit {status}"
        books = self.look()
        if status == -9:
            self.kills += 1
            self.in_flight |= books.ids("dispatched")
        else:
            assert not books.ids("dispatched"), f"{self}: a run ended with calls under way"
        return status == -9

    def finish(self, most: int = 6) -> int:
        """Run until there is nothing left to do; the exit status of the last run, which makes no call."""
        for _ in range(most):
            calls = self.calls
            child = self.start()
            status = child.wait()
            assert status in {0, 3, 7}, f"{self}: exit {status}\n{child.said}\n{child.told}"
            self.look()
            if self.calls == calls:
                return status
        raise AssertionError(f"{self}: not finished after {most} runs")

    # ---- the observer ------------------------------------------------------------------------------------------------

    @property
    def bill(self) -> list[dict[str, Any]]:
        """The provider's own account, request by request."""
        return list(self.server.bill()["requests"])

    @property
    def calls(self) -> int:
        """Requests for images that the provider has seen."""
        return len(self.bill)

    def look(self) -> Books:
        """Read the folder as it lies there, from a copy, and compare it with the provider's bill."""
        self._copies += 1
        copy = self.folder / f"copy-{self._copies}"
        copy.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            if (self.output / name).exists():
                shutil.copy(self.output / name, copy / name)
        # Calls that the kernel still holds are under way in the books already: the bill may only grow meanwhile.
        bill = self.bill
        if not (copy / "ledger.db").exists():
            assert not bill, f"{self}: calls without a ledger"
            return Books({}, {}, Counter())
        books = self._books(copy / "ledger.db")
        self._compare(books, bill)
        self._files(books)
        shutil.rmtree(copy)
        return books

    def _books(self, path: Path) -> Books:
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", f"{self}: damaged ledger"
            calls = {
                row[0]: Call(*row)
                for row in db.execute(
                    "SELECT id, state, cost + at_risk + reserved, asked, brought, job_key FROM attempts"
                )
            }
            stored = {
                path: (sha256, size, call)
                for path, sha256, size, call in db.execute(
                    "SELECT path, sha256, bytes, attempt_id FROM images WHERE state = 'stored'"
                )
            }
            states = Counter(state for (state,) in db.execute("SELECT state FROM images WHERE url IS NULL"))
            (waiting,) = db.execute("SELECT count(*) FROM images WHERE url IS NOT NULL").fetchone()
        with Ledger.open(path, ".", clock=SystemClock()) as ledger:
            assert ledger.accounts.audit() == (), f"{self}: {ledger.accounts.audit()}"
        return Books(calls, stored, states, waiting)

    def _compare(self, books: Books, bill: list[dict[str, Any]]) -> None:
        """I1 and I5: whatever the provider saw and charged is in the books, call by call, at least at that amount."""
        sent = [name_of(entry) for entry in bill]
        assert len(sent) == len(set(sent)), f"{self}: one call left twice"
        for entry, call in zip(bill, sent, strict=True):
            assert call in books.calls, f"{self}: a call left without an intent"
            charged, counted = entry["charged_micro_usd"], books.calls[call].counted
            assert charged <= counted, f"{self}: charged {charged}, the books have {counted}: {books.calls[call]}"

    def _files(self, books: Books) -> None:
        """I4: every stored row has its whole file; every file has a row, or its call or download is under way."""
        files = {
            path.relative_to(self.output).as_posix(): path
            for folder in ("images", "superseded")
            for path in (self.output / folder).rglob("*")
            if path.is_file()
        }
        for path, (sha256, size, _) in books.stored.items():
            if path not in files and books.ids("dispatched"):
                continue  # it has stepped aside for an image whose call is not settled
            assert path in files, f"{self}: {path} is stored and not there"
            data = files.pop(path).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size), f"{self}: {path} is torn"
        if files:
            assert books.ids("dispatched") or books.waiting, f"{self}: files that no row knows: {sorted(files)}"
            assert all(path.read_bytes() == self.drawn for path in files.values()), f"{self}: torn files"

    def reconcile(self) -> None:
        """After the last run: nothing lost, nothing drawn again, and only what was in flight at a kill paid twice."""
        books, bill = self.look(), {name_of(entry): entry for entry in self.bill}
        assert not books.ids("dispatched"), f"{self}: calls without an end"
        assert not books.waiting, f"{self}: downloads without an end"
        brought = sum(call.brought for call in books.calls.values() if call.state == "settled")
        assert brought == len(books.stored), f"{self}: {brought} images were paid, {len(books.stored)} are stored"
        charged = {name for name, entry in bill.items() if entry["charged_micro_usd"]}
        for_nothing = {name for name in charged - books.ids("settled") if not bill[name]["fault"]}
        assert for_nothing <= self.in_flight, f"{self}: paid for nothing without a kill: {for_nothing - self.in_flight}"
        # A job is asked for once more over all runs; one whose calls were killed twice is held.
        broken = Counter(call.job_key for call in books.calls.values() if call.state == "at_risk")
        held = sum(N for times in broken.values() if self.hold or times > 1)
        assert books.states["uncertain"] <= held, f"{self}: held without need: {books.states}, {broken}"
        explained = books.states["failed"] + books.states["uncertain"]
        assert len(books.stored) + explained == self.wanted, f"{self}: images lost: {books.states}"
        with (self.output / "report" / "images.csv").open(encoding="utf-8", newline="") as file:
            told = sum(row["state"] == "stored" for row in csv.DictReader(file))
        assert self.changes or told == len(books.stored), f"{self}: the report tells of {told} images"
        if self.hold:
            paid = Counter[str]()
            for name in charged:
                paid[bill[name]["prompt"]] += bill[name]["pictures"]
            assert all(count <= N for count in paid.values()), f"{self}: paid twice although held: {paid}"

    def say(self, text: str) -> None:
        """Tell what happens, for whoever reads a failure."""
        print(f"{self}: {text}")  # noqa: T201 - pytest shows it with a failure

    def __str__(self) -> str:
        return f"seed {self.seed}"


def name_of(entry: dict[str, Any]) -> str:
    """Return the call that a line of the bill belongs to."""
    headers: dict[str, str] = entry["headers"]
    return next(value for name, value in headers.items() if name.lower() == "x-client-request-id")


@contextmanager
def world(
    folder: Path,
    launcher: Launcher,
    seed: int,
    *,
    jobs: int = 18,
    hold: bool = False,
    rules: tuple[Rule, ...] = (),
    latency: tuple[float, float] = (0.01, 0.12),
    settings: str = "",
    **config: Any,
) -> Iterator[World]:
    """Check that a trial in an empty folder; `settings` are more lines of the manifest, `config` is the provider's."""
    numbers = "\n".join(map(str, range(jobs)))
    (folder / "m.yaml").write_text(MANIFEST + settings, encoding="utf-8")
    (folder / "jobs.csv").write_text(f"number\n{numbers}\n", encoding="utf-8")
    config = {"seed": seed, "latency": latency, "fixed_bytes": image(), "rules": rules, **config}
    server = start_embedded(MockConfig(**config))
    try:
        yield World(folder, launcher, server, seed, jobs, hold, config["fixed_bytes"])
    finally:
        server.stop()


FAULTS = (
    # Some are charged and some are not; some bring less than they cost.
    Rule("status_500", rate=0.05),
    Rule("status_503_json", rate=0.05),
    Rule("429_rate", rate=0.05),
    Rule("reset_mid_body", rate=0.04),
    Rule("fewer_1", rate=0.1),
)
