"""Laws of the accounts: every sum says the same."""

from datetime import UTC, datetime, timedelta

from batchgen.ledger import Caps, JobCounts, Ledger, RunStart
from batchgen.model import (
    NO_REASON,
    AttemptState,
    Charge,
    Job,
    Purpose,
    Reason,
    ReasonCode,
    SlotState,
)
from batchgen.money import MicroUSD
from tests.ledger.conftest import Hands, Make, Open


def draw(
    ledger: Ledger, make: Make, job: Job, *slots: int, cost: int = 50, run_id: str = "", known: bool = True
) -> None:
    """Draw some slots of a job."""
    attempt = make.attempt(job, slots=slots, run_id=run_id)
    assert ledger.reservations.reserve(attempt, Caps()) is None
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(cost, estimated=not known))


def doubt(ledger: Ledger, make: Make, job: Job, code: str = "timeout", charge: Charge = Charge.MAYBE) -> None:
    """Let a call end badly."""
    attempt = make.attempt(job, purpose=Purpose.RETRY)
    ledger.reservations.reserve(attempt, Caps())
    state = AttemptState.AT_RISK if charge is Charge.MAYBE else AttemptState.CHARGED_NO_RESULT
    ledger.attempts.settle(
        make.failure(attempt, charge, code), state, None if charge is Charge.MAYBE else make.cost(80)
    )


def every_outcome(ledger: Ledger, make: Make) -> list[Job]:
    """Give a ledger one job of each outcome."""
    jobs = [make.job(name, n=2) for name in ("done", "partial", "moderated", "failed", "held", "lazy")]
    ledger.jobs.remember([make.wanted(job) for job in jobs])
    done, partial, moderated, failed, held, _ = jobs
    draw(ledger, make, done, 0, 1, cost=101)
    draw(ledger, make, partial, 0, known=False)
    ledger.images.mark(partial.key, {1: (SlotState.MODERATED, NO_REASON)})
    ledger.images.mark(moderated.key, dict.fromkeys((0, 1), (SlotState.MODERATED, NO_REASON)))
    doubt(ledger, make, failed, "empty", Charge.YES)
    ledger.images.mark(failed.key, dict.fromkeys((0, 1), (SlotState.FAILED, NO_REASON)))
    hold(ledger, make, held)
    return jobs


def hold(ledger: Ledger, make: Make, job: Job) -> None:
    """Let a call end badly whose job is not asked for again."""
    doubt(ledger, make, job)
    ledger.images.mark(job.key, {0: (SlotState.UNCERTAIN, Reason(ReasonCode.HELD, "timeout"))})


def test_what_is_asked_for_again_is_not_held(ledger: Ledger, make: Make) -> None:
    """A job that was stopped before its one more try has not started, until somebody, or its last try, holds it."""
    job = make.job("a")
    ledger.jobs.remember([make.wanted(job)])
    doubt(ledger, make, job)
    totals = ledger.accounts.totals()
    assert (totals.jobs.held, totals.jobs.not_started, totals.images.uncertain, totals.images.again) == (0, 1, 1, 1)
    assert [(one.job_id, one.waits) for one in ledger.risk.uncertain()] == [("a", False)]
    assert ledger.risk.undecided() == {"a"}
    hold(ledger, make, job)
    totals = ledger.accounts.totals()
    assert (totals.jobs.held, totals.jobs.not_started, totals.images.uncertain, totals.images.again) == (1, 0, 1, 0)
    assert [(one.job_id, one.waits) for one in ledger.risk.uncertain()] == [("a", True)]
    assert ledger.risk.undecided() == frozenset()


def test_totals_name_every_outcome_once(ledger: Ledger, make: Make) -> None:
    """Jobs and images wanted are the sums of their parts; the money is in four numbers."""
    every_outcome(ledger, make)
    totals = ledger.accounts.totals()
    assert totals.jobs == JobCounts(6, 1, 1, 1, 1, 1, 1)
    images = totals.images
    assert images.wanted == 12
    assert (images.stored, images.moderated, images.failed, images.uncertain) == (3, 3, 2, 1)
    assert images.not_started == 3
    assert (totals.sent, totals.retried) == (4, 2)
    money = totals.money
    assert (money.confirmed, money.estimated, money.at_risk, money.not_charged) == (181, 50, 100, 0)


def test_rows_and_totals_say_the_same_money(ledger: Ledger, make: Make) -> None:
    """Jobs, usage and totals agree to the micro-dollar; images and waste together are what was paid."""
    every_outcome(ledger, make)
    money = ledger.accounts.totals().money
    numbers = (money.confirmed, money.estimated, money.at_risk, money.not_charged)
    names = ("confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd")
    for rows in (list(ledger.report_rows.jobs()), list(ledger.report_rows.usage())):
        assert tuple(sum(getattr(row, name) for row in rows) for name in names) == numbers
    paid = sum(row.cost_micro_usd for row in ledger.report_rows.images())
    wasted = sum(waste.micro_usd for waste in ledger.accounts.waste() if waste.kind != "at_risk")
    assert paid + wasted == money.confirmed + money.estimated


def test_rows_keep_the_manifests_order_and_name_every_wanted_image(ledger: Ledger, make: Make) -> None:
    """Also those that nothing is known of."""
    every_outcome(ledger, make)
    rows = list(ledger.report_rows.images())
    assert [(row.job_id, row.slot) for row in rows][:3] == [("done", 0), ("done", 1), ("partial", 0)]
    assert len(rows) == 12
    assert rows[-1].state == "not_started"
    jobs = {row.job_id: row for row in ledger.report_rows.jobs()}
    assert [row.outcome for row in jobs.values()] == ["done", "partial", "moderated", "failed", "held", "not_started"]
    assert jobs["partial"].moderated_slots == "[1]"
    assert (jobs["held"].code, jobs["done"].code) == ("timeout", "")


def test_a_run_alone_is_what_it_did(opened: Open, make: Make) -> None:
    """A second run over the same manifest counts its own work, and the manifest's jobs as a whole."""
    ledger = opened()
    jobs = every_outcome(ledger, make)
    ledger.runs.begin(RunStart("run-2", "catalogue.yaml", "mock"))
    ledger.jobs.remember([make.wanted(job) for job in jobs])
    draw(ledger, make, jobs[-1], 0, 1, run_id="run-2", cost=60)
    whole, alone = ledger.accounts.of_run("run-2")
    assert whole.jobs == JobCounts(6, 2, 1, 1, 1, 1, 0)
    assert whole.money.confirmed == 241
    assert alone.money.confirmed == 60
    assert (alone.jobs.total, alone.jobs.done, alone.jobs.held) == (2, 1, 1)
    assert (alone.images.wanted, alone.images.stored, alone.images.not_started) == (3, 2, 1)
    assert alone.sent == 1


def test_a_finished_manifest_run_again_did_nothing(opened: Open, make: Make) -> None:
    """No job had work, no image was wanted, no money moved."""
    ledger, job = opened(), make.job()
    ledger.jobs.remember([make.wanted(job)])
    draw(ledger, make, job, 0)
    ledger.runs.begin(RunStart("run-2", "catalogue.yaml", "mock"))
    ledger.jobs.remember([make.wanted(job)])
    _, alone = ledger.accounts.of_run("run-2")
    assert (alone.jobs.total, alone.images.wanted, alone.money.confirmed, alone.sent) == (0, 0, 0, 0)
    assert ledger.accounts.totals("run-2").jobs.done == 1


def test_another_manifest_in_the_same_folder_has_its_own_account(opened: Open, make: Make) -> None:
    """Its jobs and its money are not this one's."""
    ledger, one, two = opened(), make.job("one"), make.job("two")
    ledger.jobs.remember([make.wanted(one)])
    draw(ledger, make, one, 0)
    ledger.runs.begin(RunStart("run-2", "other.yaml", "mock"))
    ledger.jobs.remember([make.wanted(two)])
    draw(ledger, make, two, 0, run_id="run-2", cost=60)
    assert ledger.accounts.totals("run-2").money.confirmed == 60
    assert ledger.accounts.totals("run-1").jobs.total == 1
    assert ledger.accounts.totals().money.confirmed == 110


def test_lowering_n_hides_nothing_that_was_paid(ledger: Ledger, make: Make) -> None:
    """The image is not wanted any more, but its row and its money stay."""
    ledger.jobs.remember([make.wanted(make.job(n=2))])
    draw(ledger, make, make.job(n=2), 0, 1, cost=100)
    ledger.jobs.remember([make.wanted(make.job(n=1))])
    assert ledger.accounts.totals().images.wanted == 1
    assert ledger.accounts.totals().jobs.done == 1
    assert sum(row.cost_micro_usd for row in ledger.report_rows.images()) == 100


def test_waste_names_its_causes(ledger: Ledger, make: Make) -> None:
    """Paid without an image, drawn again, at risk, under way: each with its code, the dearest first."""
    job, other = make.job("a"), make.job("b")
    ledger.jobs.remember([make.wanted(job), make.wanted(other)])
    draw(ledger, make, job, 0, cost=90)
    draw(ledger, make, job, 0, cost=70)
    doubt(ledger, make, job, "empty", Charge.YES)
    doubt(ledger, make, other, "timeout")
    ledger.reservations.reserve(make.attempt(other, high=60), Caps())
    assert [(waste.kind, waste.code, waste.micro_usd) for waste in ledger.accounts.waste("run-1")] == [
        ("at_risk", "timeout", 100),
        ("replaced", "drawn_again", 90),
        ("charged_no_result", "empty", 80),
        ("at_risk", "under_way", 60),
    ]


def test_history_is_what_calls_really_cost(opened: Open, make: Make, clock: Hands) -> None:
    """Percentiles per image asked, of calls like this one, over all catalogues; nothing without any."""
    ledger, other, job = opened(), opened(catalogue="other"), make.job(n=2)
    assert ledger.accounts.history("gpt-image-2", "1024x1024", "medium") is None
    for book in (ledger, other):
        book.jobs.remember([make.wanted(job)])
        for cost in range(2, 42, 2):
            draw(book, make, job, 0, 1, cost=cost)
            clock.time += timedelta(seconds=1)
    history = ledger.accounts.history("gpt-image-2", "1024x1024", "medium", "mock")
    assert history is not None
    assert (history.count, history.cost_p50, history.cost_p95, history.seconds_p50) == (40, 10, 19, 2.0)
    assert history.counted == (20, 2, 10, 200, 0)
    assert ledger.accounts.history("gpt-image-2", "1024x1024", "high") is None
    assert ledger.accounts.history("gpt-image-2", "1024x1024", "medium", "openai") is None


def test_usage_is_told_apart_by_tags(ledger: Ledger, make: Make) -> None:
    """One row per combination, with its tokens and images."""
    jobs = [make.job(name, tags=(("category", name[0]),)) for name in ("chair-1", "chair-2", "lamp-1")]
    ledger.jobs.remember([make.wanted(job) for job in jobs])
    for job in jobs:
        draw(ledger, make, job, 0)
    rows = [(row.tags, row.jobs, row.images, row.output, row.confirmed_micro_usd) for row in ledger.report_rows.usage()]
    assert rows == [('[["category","c"]]', 2, 2, 400, 100), ('[["category","l"]]', 1, 1, 200, 50)]
    assert ledger.report_rows.tag_names() == ("category",)


def test_tags_of_two_manifests_stand_in_the_order_of_their_jobs(opened: Open, make: Make) -> None:
    """Both manifests have a first job; the one that was there first names its tags first, as its rows come first."""
    for name, tag in (("a", "shelf"), ("b", "aisle"), ("c", "zone")):
        opened(run_id=f"r-{name}").jobs.remember([make.wanted(make.job(name, tags=((tag, "1"),)))])
    assert opened(run_id="r-last").report_rows.tag_names() == ("shelf", "aisle", "zone")


def test_one_view_holds_still_while_others_write(opened: Open, make: Make) -> None:
    """A report over several questions sees one moment."""
    writer, job = opened(), make.job()
    writer.jobs.remember([make.wanted(job)])
    reader = opened(readonly=True)
    with reader.snapshot():
        assert reader.accounts.totals().money.confirmed == 0
        draw(writer, make, job, 0)
        assert reader.accounts.totals().money.confirmed == 0
        assert sum(row.confirmed_micro_usd for row in reader.report_rows.jobs()) == 0
    assert reader.accounts.totals().money.confirmed == 50


def test_runs_are_listed_with_their_ends(opened: Open) -> None:
    """The latest first; a killed one has no end."""
    ledger = opened()
    ledger.runs.begin(RunStart("run-2", "m", "mock", cap=None, command='{"first": 3}'))
    ledger.runs.expect("run-2", MicroUSD(1), MicroUSD(2), MicroUSD(3))
    ledger.runs.end("run-2", 4, "the cost limit", {"rows": 7})
    second, first = ledger.runs.latest_first()
    assert (second.run_id, second.exit_code, second.why, second.counts) == ("run-2", 4, "the cost limit", '{"rows":7}')
    assert (second.low, second.expected, second.high) == (1, 2, 3)
    assert first.ended is None


def test_what_the_provider_has_accepted_is_submitted(ledger: Ledger, make: Make) -> None:
    """Slots of pending attempts are neither not started nor decided, in sums and rows; what was decided stays so."""
    job, other = make.job("later", n=3), make.job("held later", n=1)
    ledger.jobs.remember([make.wanted(job), make.wanted(other)])
    draw(ledger, make, job, 0)
    hold(ledger, make, other)
    for one, slots in ((job, (1,)), (other, (0,))):
        attempt = make.attempt(one, slots=slots)
        assert ledger.reservations.reserve(attempt, Caps()) is None
        ledger.attempts.park(attempt.id, "task", datetime(2026, 11, 20, tzinfo=UTC))
    totals = ledger.accounts.totals()
    assert (totals.jobs.submitted, totals.jobs.held, totals.jobs.not_started) == (1, 1, 0)
    images = totals.images
    assert (images.stored, images.submitted, images.uncertain, images.not_started, images.wanted) == (1, 1, 1, 1, 4)
    states = {(row.job_id, row.slot): row.state for row in ledger.report_rows.images()}
    assert [states["later", slot] for slot in range(3)] == ["stored", "submitted", "not_started"]
    assert states["held later", 0] == "uncertain"
    assert [(row.outcome, row.submitted, row.not_started) for row in ledger.report_rows.jobs()] == [
        ("submitted", 1, 1),
        ("held", 0, 0),
    ]
