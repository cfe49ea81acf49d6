"""One run's memory: what it works with and what it came to, from its first line in the ledger on."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from batchgen.app.config.lanes import Access
from batchgen.app.config.locate import as_kept
from batchgen.app.config.open_files import most_at_once
from batchgen.app.config.options import Options
from batchgen.app.config.project import Project
from batchgen.app.control.event_log import EventLog
from batchgen.app.control.orders import Orders
from batchgen.app.control.progress import Meter, as_json, troubles
from batchgen.app.control.steering import Steering
from batchgen.app.notify.alerts import alert
from batchgen.app.notify.news import News
from batchgen.app.output import sidecars
from batchgen.app.output.derive import Source
from batchgen.app.output.measures import RunDerivatives
from batchgen.app.output.recovery import clear_spool, fallback_spool, leave, put_back
from batchgen.app.preview.check import CheckResult, too_many
from batchgen.app.preview.kept_check import KeptCheck
from batchgen.app.review import reworded
from batchgen.app.run.worklist import Worklist
from batchgen.app.watch import Watch
from batchgen.engine.lane import Part
from batchgen.engine.open_items import LeftOpen
from batchgen.engine.stop_reasons import StopReasons, stop_for
from batchgen.errors import BatchgenError, Exit, InputError, StorageError
from batchgen.executor.protocol import MakeExecutor
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.ledger import Ledger, RunStart
from batchgen.ledger.runs import new_run_id
from batchgen.model import OutcomeKind, RouteChoice, Stop, StopKind
from batchgen.money import MICRO, MicroUSD, exact
from batchgen.planner import Estimate
from batchgen.planner.waiting import as_facts
from batchgen.reporter.thumb_maker import ThumbMaker
from batchgen.runtime.signals import Interrupted
from batchgen.storage import ImageStore, Workspace
from batchgen.text import safe
from batchgen.version import VERSION

ASK_ABOVE = MicroUSD(5 * MICRO)
"""On a terminal, a run that may cost more than this asks once."""


@dataclass
class Run:
    """One run of one manifest, from recovery to its last line; the folder's lock is held around it."""

    project: Project
    options: Options
    watch: Watch
    workspace: Workspace
    store: ImageStore
    ledger: Ledger
    access: tuple[Access, ...]
    kept: KeptCheck
    make_executor: MakeExecutor | None = None
    proxies: Proxies = DIRECT
    stops: StopReasons = field(default_factory=StopReasons)
    signal: Exit | None = None
    refused: str = ""
    occupied: str = ""
    told: set[str] = field(default_factory=set)
    closed: dict[str, dict[Part, Stop]] = field(default_factory=dict)
    """What each provider does not draw, as it said to whoever asked or collected in this run."""
    estimate: Estimate = field(default_factory=Estimate)
    planned: bool = False
    left: LeftOpen = field(default_factory=LeftOpen)
    still_waiting: dict[str, OutcomeKind] = field(default_factory=dict)
    collected: int = 0
    restored: int = 0
    held_up: Sequence[Mapping[str, Any]] = ()
    """What of the run at work waits for what."""
    rates: Mapping[str, Any] = field(default_factory=dict)
    """What of each configured rate was used within the last minute."""

    @property
    def checked(self) -> CheckResult:
        """What is wrong or doubtful in the manifest, and what it holds."""
        return self.kept.result

    def __post_init__(self) -> None:
        clock, limits = self.project.clock, self.project.settings.limits
        self.wording = None if self.options.reworded is None else reworded.read(self.options.reworded)
        self.run_id = new_run_id(clock.now())
        self.event_log = EventLog(self.workspace, self.run_id, clock, self.options.log_json)
        self.meter = Meter(clock, cap=limits.max_cost)
        self.started = clock.monotonic()
        self.orders = Orders(self.workspace, self.run_id)
        self.steering = Steering(
            limits, self.project.settings.budget, most_at_once(), is_ending=lambda: bool(self.stops)
        )
        self.fallback = fallback_spool(self.workspace.root, self.project.variables)
        self.offers = self.project.offers(self.ledger)
        self.derivatives = RunDerivatives.of(self.project, self.workspace, self.store, self.ledger)
        self.small = ThumbMaker(self.workspace, self.store)
        collaborators = (self.project, self.options, self.ledger, self.store, self.offers)
        manifest_summary, manifest = self.checked.manifest_summary, self.project.settings.name
        rejected = tuple(row.why for row in manifest_summary.bad)
        self.news = News(self.ledger, self.run_id, manifest, rejected, strict=self.options.strict)
        self.worklist = Worklist(*collaborators, self.run_id, manifest_summary, self.kept.asked, self.news)

    # ---- before the first call ---------------------------------------------------------------------------------------

    def prepare(self, collect: Callable[[LeftOpen], int]) -> None:
        """Bring the books up to the truth, write down what is wanted, add up what is left to do, and ask.

        `collect` looks once at what earlier runs left open, and says of how much the ledger has news.
        """
        self._begin()
        self.status_file()
        if left := LeftOpen.in_ledger(self.ledger):
            self.collected = collect(left)
        clear_spool(self.ledger, self.workspace, self.fallback)
        if self.wording is not None:
            self.worklist.only(reworded.give(self.wording, self.ledger, self.worklist.notices.append))
        self.estimate = self.worklist.plan()
        self.restored = put_back(self.ledger, self.store, self.note)
        self.fill_sidecars()
        self.left = LeftOpen.in_ledger(self.ledger)
        if self.worklist.strangers:
            raise InputError(*self.worklist.strangers)
        if self.worklist.images != self.checked.manifest_summary.images:
            path = self.project.manifest.path
            raise InputError(f"{path}, or a file that it names, changed while it was read: run the same command again")
        if why := too_many(self.project, self.estimate.images):
            raise InputError(why)
        self.planned = True
        self.ledger.runs.expect(self.run_id, self.estimate.low, self.estimate.expected, self.estimate.high)
        self.meter.jobs_total = self.estimate.jobs
        self.meter.expected, self.meter.high = self.estimate.expected, self.estimate.high
        self.meter.images_wanted = self.meter.images_stored + self.estimate.images
        self.status_file()
        if self.has_work:
            self._ask()

    def fill_sidecars(self) -> None:
        """Write the sidecars that are missing, where they are wanted."""
        if self.project.settings.sidecars:
            sidecars.fill(self.ledger, self.store)

    @property
    def has_work(self) -> bool:
        """Whether anything is left to draw, or to wait for."""
        waits = self.waits and any(row.ended is None for row in self.left.batches)
        return self.estimate.images > 0 or bool(self.left.attempts or self.left.downloads) or waits

    @property
    def waits(self) -> bool:
        """Whether the run stays until every batch is collected."""
        return self.options.wait or self.project.provider.embedded or self.project.settings.route is RouteChoice.AUTO

    @property
    def has_batches(self) -> bool:
        """Whether some of what is left is asked for in batches, or waits in them."""
        waits = self.waits and any(row.ended is None for row in self.left.batches)
        return self.project.settings.route is RouteChoice.BATCH or False in self.worklist.sync or waits

    def _begin(self) -> None:
        budget = self.project.settings.budget
        command = {name: getattr(self.options, name) for name in self.options.__slots__}
        command["manifest"] = as_kept(self.project.manifest.path, self.workspace.root)
        command["budget"] = budget and asdict(budget)
        if len(self.project.lanes) == 1:
            command["base_url"] = self.project.provider.base_url  # wherever it was said
        self.ledger.stores.identity()  # stands on the page and in what it exports
        self.ledger.runs.begin(
            RunStart(
                run_id=self.run_id,
                manifest=self.project.settings.name,
                provider=self.project.providers,
                cap=self.project.settings.limits.max_cost,
                command=json.dumps(command, default=str),
                version=VERSION,
            )
        )

    def _ask(self) -> None:
        cap = self.project.settings.limits.max_cost
        most = min(self.estimate.high, cap) if cap is not None else self.estimate.high
        if self.project.free or not self.watch.attended or most <= ASK_ABOVE:
            return
        about = exact(self.estimate.expected)
        if not self.watch.ask(f"{self.estimate.images} images for about {about}, at most {exact(most)}. Draw them?"):
            raise InputError("not started, nothing was spent")

    # ---- while it works ----------------------------------------------------------------------------------------------

    def note(self, event: str, /, **facts: Any) -> None:
        self._tell(event, facts)
        self.meter.note(event, facts)
        if event == "batch_away":  # that is for people who look now: what the provider said is in the log
            return
        for image in facts.get("stored", ()):
            self.derivatives.deriver.add(Source(image["path"], image["sha256"]))
            self.small.add(image["path"], image["sha256"])
        self.event_log.note(event, **facts)

    def _tell(self, event: str, facts: Mapping[str, Any]) -> None:
        if event == "refused":
            self.refused = self.refused or str(facts["why"])
        if event == "occupied":
            self.occupied = self.occupied or str(facts["why"])
        said = alert(event, facts, self.where)
        if said and said.key not in self.told:
            self.told.add(said.key)
            self.watch.on_note(said.words, urgent=said.urgent)

    def status_file(self, in_flight: int = 0, **more: object) -> None:
        """Write down where the run stands. Blocks."""
        root = self.workspace.root.resolve()
        ledger = os.path.relpath(self.project.ledger_path.resolve(), root)
        facts = as_json(self.meter.snapshot(in_flight))
        waiting = [*self.held_up, *map(as_facts, self.worklist.waiting)]
        about = {"run_id": self.run_id, "ledger": ledger, "pid": os.getpid(), "waiting": waiting}
        about["open_batches"] = [asdict(one) for one in self.meter.batches.values()]
        self.event_log.status({**about, **facts, **self.steered(), **self.of_providers(), **more})

    def where(self, name: str = "") -> str:
        """Say at which address something is wrong: at the only provider's, or the one's of this name."""
        lanes = self.project.lanes
        found = [lane.provider for lane in lanes if len(lanes) == 1 or lane.name == name]
        address = found[0].base_url if found else None
        return f"{safe(address, 200)}: " if address else ""

    def of_providers(self) -> dict[str, Any]:
        """Say what each of several providers drew and cost; nothing of a single one, which the sums are about."""
        names = [lane.name for lane in self.project.lanes]
        return {"providers": self.meter.of_providers(names)} if len(names) > 1 else {}

    def steered(self) -> dict[str, Any]:
        """Say what people may change of the run, and how far."""
        steering = self.steering
        return {
            "paused": steering.paused,
            "takes_redraws": steering.takes_redraws() and not steering.is_ending(),
            "concurrency": steering.concurrency,
            "most_concurrency": steering.most,
            "rates": self.rates,
            "troubles": troubles(self.meter),
            "highest_cap_micro_usd": steering.highest,
        }

    # ---- the end -----------------------------------------------------------------------------------------------------

    def broke(self, error: BatchgenError) -> None:
        """Something that no job can answer for ended the run."""
        if isinstance(error, Interrupted):
            self.signal = error.exit
        self.stops.add(stop_for(error, StopKind.SIGNAL))

    def leave(self) -> None:
        """Let go of what the run held open."""
        self.small.stop()
        with suppress(StorageError):
            self.ledger.queue.clear()
        self.orders.clear()
        self.event_log.close()
        if self.fallback:
            leave(self.fallback)
