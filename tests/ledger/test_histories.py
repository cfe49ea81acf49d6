"""Laws that hold in every history: a model of plain dicts runs beside the ledger."""

import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from batchgen.ledger import Caps, Ledger, RunStart
from batchgen.model import Attempt, AttemptState, Charge, Reason, ReasonCode, Receipt, SlotState
from batchgen.money import MicroUSD, split
from tests.ledger.conftest import Hands, Make

SLOTS = st.sets(st.integers(0, 2), min_size=1).map(lambda slots: tuple(sorted(slots)))


class Crash(BaseException):
    """The process dies here."""


class Books(RuleBasedStateMachine):
    """The ledger beside a model: `calls` holds [reserved, cost, at risk, released] per call, `slots` the images."""

    calls_open = Bundle("calls_open")

    @initialize(cap=st.integers(0, 2000))
    def begin(self, cap: int) -> None:
        """Start with a cap and three jobs."""
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.make, self.clock, self.die_at = Make(), Hands(), ""
        self.caps, self.run = Caps(max_cost=MicroUSD(cap)), 0
        self.calls: dict[str, list[int]] = {}
        self.of: dict[str, Attempt] = {}
        self.slots: dict[tuple[str, int], str] = {}
        self.runs: dict[str, str] = {}
        self.parked: set[str] = set()
        self.jobs = [self.make.job(name, n=3) for name in "abc"]
        self._open()

    def _open(self) -> None:
        self.run += 1
        self.run_id = f"run-{self.run}"
        self.ledger = Ledger.open(self.path, ".", clock=self.clock, at=self._at)
        self.ledger.runs.begin(RunStart(self.run_id, "m", "mock"))
        self.ledger.jobs.remember([self.make.wanted(job) for job in self.jobs])

    def _at(self, name: str) -> None:
        if name == self.die_at:
            raise Crash

    def _spent(self, run_id: str) -> int:
        return sum(sum(self.calls[id_][:3]) for id_, run in self.runs.items() if run == run_id)

    @rule(target=calls_open, job=st.integers(0, 2), slots=SLOTS, high=st.integers(1, 500))
    def reserve(self, job: int, slots: tuple[int, ...], high: int) -> object:
        """Check that a call is let through exactly when it fits."""
        attempt = self.make.attempt(self.jobs[job], high, slots, self.run_id)
        refused = self.ledger.reservations.reserve(attempt, self.caps)
        fits = self._spent(self.run_id) + high <= (self.caps.max_cost or 0)
        assert (refused is None) == fits
        if refused:
            return multiple()
        self._dispatched(attempt)
        return attempt.id

    def _dispatched(self, attempt: Attempt) -> None:
        self.calls[attempt.id] = [attempt.quote.high, 0, 0, 0]
        self.of[attempt.id] = attempt
        self.runs[attempt.id] = self.run_id

    def _settle(self, receipt: Receipt, state: AttemptState, cost: int) -> None:
        self.parked.discard(receipt.attempt_id)
        charged = state in {AttemptState.SETTLED, AttemptState.CHARGED_NO_RESULT}
        self.ledger.attempts.settle(receipt, state, self.make.cost(cost) if charged else None)

    @rule(call=consumes(calls_open), cost=st.integers(0, 700), some=SLOTS)
    def answer(self, call: str, cost: int, some: tuple[int, ...]) -> None:
        """Images came, all or some."""
        if not self._alive(call):
            return
        attempt = self.of[call]
        got = tuple(slot for slot in attempt.slots if slot in some) or attempt.slots
        self._settle(self.make.answer(attempt, *got), AttemptState.SETTLED, cost)
        self.calls[call] = [0, cost, 0, 0]
        self.slots.update(dict.fromkeys(((attempt.job_key, slot) for slot in got), "stored"))

    @rule(call=consumes(calls_open), cost=st.integers(0, 700), remote=SLOTS)
    def answer_with_addresses(self, call: str, cost: int, remote: tuple[int, ...]) -> None:
        """Return some images came, the others wait at an address."""
        if not self._alive(call):
            return
        attempt = self.of[call]
        waiting = tuple(slot for slot in attempt.slots if slot in remote)
        here = tuple(slot for slot in attempt.slots if slot not in remote)
        receipt = replace(self.make.remote(attempt, *waiting), images=self.make.images(attempt, *here))
        self._settle(receipt, AttemptState.SETTLED, cost)
        self.calls[call] = [0, cost, 0, 0]
        self.slots.update({(attempt.job_key, slot): "stored" for slot in here})
        self.slots.update({(attempt.job_key, slot): "waiting" for slot in waiting})

    @rule(call=calls_open, minutes=st.integers(0, 90))
    def park(self, call: str, minutes: int) -> None:
        """Return the provider accepted it and answers later; nothing of the sums moves."""
        if self._alive(call):
            self.ledger.attempts.park(call, f"handle of {call}", self.clock.now() + timedelta(minutes=minutes))
            self.parked.add(call)

    @rule(call=consumes(calls_open))
    def give_up(self, call: str) -> None:
        """Nobody will ever see how it ended, whether it was parked or not."""
        if self._alive(call):
            self.ledger.attempts.to_at_risk(call, "lost")
            self.parked.discard(call)
            self._risk(call)

    @rule(which=st.integers(0, 8), comes=st.booleans())
    def download(self, which: int, comes: object) -> None:
        """Return an image comes from its address, or never will."""
        waiting = self.ledger.downloads.waiting()
        if not waiting:
            return
        one = waiting[which % len(waiting)]
        (job,) = (job for job in self.jobs if job.key == one.job_key)
        if comes:
            self.ledger.downloads.store(one, *self.make.images(job, one.slot))
        else:
            self.ledger.downloads.lose(one, Reason(ReasonCode.DOWNLOAD, detail="refused"))
        self.slots[one.job_key, one.slot] = "stored" if comes else "lost_paid"

    @rule(call=consumes(calls_open))
    def not_charged(self, call: str) -> None:
        """Return the provider said no."""
        if self._alive(call):
            self._settle(self.make.failure(self.of[call], Charge.NO), AttemptState.NOT_CHARGED, 0)
            self.calls[call] = [0, 0, 0, self.of[call].quote.high]

    @rule(call=consumes(calls_open), cost=st.integers(0, 700))
    def charged_and_empty(self, call: str, cost: int) -> None:
        """Paid for nothing."""
        if self._alive(call):
            self._settle(self.make.failure(self.of[call], Charge.YES), AttemptState.CHARGED_NO_RESULT, cost)
            self.calls[call] = [0, cost, 0, 0]

    @rule(call=consumes(calls_open))
    def ambiguous(self, call: str) -> None:
        """Perhaps paid."""
        if self._alive(call):
            self._settle(self.make.failure(self.of[call], Charge.MAYBE), AttemptState.AT_RISK, 0)
            self._risk(call)

    @rule(call=consumes(calls_open), cost=st.integers(0, 700), before=st.booleans())
    def die_while_settling(self, call: str, cost: int, before: object) -> None:
        """Check that a kill around the commit: the call is an orphan, or it is settled; never half of each."""
        if not self._alive(call):
            return
        self.die_at = f"ledger.settle.{'before' if before else 'after'}_commit"
        attempt, parked = self.of[call], call in self.parked
        try:
            self._settle(self.make.answer(attempt), AttemptState.SETTLED, cost)
        except Crash:
            self.die_at = ""
        if not before:
            self.calls[call] = [0, cost, 0, 0]
            self.slots.update(dict.fromkeys(((attempt.job_key, slot) for slot in attempt.slots), "stored"))
        elif parked:
            self.parked.add(call)
        self.crash()

    @rule(target=calls_open, job=st.integers(0, 2), before=st.booleans())
    def die_while_reserving(self, job: int, before: object) -> object:
        """Check that a kill around the intent: nothing was sent yet, and it is written or it is not."""
        attempt = self.make.attempt(self.jobs[job], 1, (0,), self.run_id)
        fits = self._spent(self.run_id) + 1 <= (self.caps.max_cost or 0)
        self.die_at = f"ledger.reserve.{'before' if before else 'after'}_commit"
        with suppress(Crash):
            self.ledger.reservations.reserve(attempt, self.caps)
        self.die_at = ""
        if fits and not before:
            self._dispatched(attempt)
        self.crash()
        return multiple()

    @rule()
    def crash(self) -> None:
        """Return the process dies; the next start turns what was under way into risk, but for what was parked."""
        self.ledger.close()
        self._open()
        orphans = {orphan.id for orphan in self.ledger.attempts.orphans()}
        assert orphans == {id_ for id_, amounts in self.calls.items() if amounts[0]} - self.parked
        for id_ in sorted(orphans):
            self.ledger.attempts.to_at_risk(id_, "killed")
            self._risk(id_)

    @rule(billed=st.integers(0, 3000))
    def reconcile(self, billed: int) -> None:
        """Check that a bill clears or confirms all that is at risk."""
        result = self.ledger.risk.reconcile(MicroUSD(billed))
        assert result.at_risk == sum(amounts[2] for amounts in self.calls.values())
        for finding in result.findings:
            released = self.calls[finding.attempt_id][3] + finding.cleared
            self.calls[finding.attempt_id] = [0, finding.confirmed, 0, released]
        self.slots = {place: state for place, state in self.slots.items() if state != "uncertain"}

    @rule(cap=st.integers(0, 5000))
    def change_cap(self, cap: int) -> None:
        """Return the user changes the limit."""
        self.caps = Caps(max_cost=MicroUSD(cap))

    def _alive(self, call: str) -> bool:
        return self.calls[call][0] > 0

    def _risk(self, call: str) -> None:
        self.calls[call] = [0, 0, self.of[call].quote.high, 0]
        for slot in self.of[call].slots:
            self.slots.setdefault((self.of[call].job_key, slot), "uncertain")

    @invariant()
    def the_sums_are_the_models(self) -> None:
        """Four numbers, the run's exposure and the stored images, after every step."""
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.accounts.audit() == ()
        money = self.ledger.accounts.totals().money
        reserved, cost, at_risk, released = (sum(c[i] for c in self.calls.values()) for i in range(4))
        assert money.confirmed + money.estimated == cost
        assert money.at_risk == at_risk + reserved
        assert money.not_charged == released
        exposure = self.ledger.reservations.exposure(self.run_id)
        assert exposure.spent + exposure.at_risk + exposure.reserved == self._spent(self.run_id)
        stored = sum(state == "stored" for state in self.slots.values())
        assert sum(len(one.with_state(SlotState.STORED)) for one in self.ledger.jobs.known(self.jobs)) == stored

    @invariant()
    def every_call_is_split_over_its_images(self) -> None:
        """Say what is not here costs nothing; what no image bears is waste; without redraws shares are equal parts."""
        if not hasattr(self, "ledger"):
            return
        rows = [row for row in self.ledger.report_rows.images() if row.attempt_id]
        assert not any(row.cost_micro_usd for row in rows if row.path is None)
        wasted = sum(waste.micro_usd for waste in self.ledger.accounts.waste() if waste.kind != "at_risk")
        assert sum(row.cost_micro_usd for row in rows) + wasted == sum(amounts[1] for amounts in self.calls.values())
        for attempt in self.ledger.report_rows.attempts():
            its = [row for row in rows if row.attempt_id == attempt.id]
            shares = tuple(row.cost_micro_usd for row in its if row.path is not None)
            if shares and len(its) == attempt.brought:
                assert shares == split(attempt.cost, len(shares))

    @invariant()
    def what_is_parked_is_waited_for(self) -> None:
        """Check that it is pending and nothing else, in the order of looks; its slots are not drawn again."""
        if not hasattr(self, "ledger"):
            return
        pending = self.ledger.attempts.pending()
        assert {row.id for row in pending} == self.parked
        assert all(row.state is AttemptState.PENDING and row.reserved == self.calls[row.id][0] for row in pending)
        assert list(pending) == sorted(pending, key=lambda row: (row.next_look, row.seq))
        for job, known in zip(self.jobs, self.ledger.jobs.known(self.jobs), strict=True):
            waiting = {slot for id_ in self.parked if self.of[id_].job_key == job.key for slot in self.of[id_].slots}
            unstored = {slot for slot in waiting if (job.key, slot) not in self.slots}
            assert unstored <= known.submitted <= waiting
            assert not known.submitted & set(known.open(job.n))

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()


Books.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBooks = Books.TestCase
