"""What must hold after every run, in any weather."""

from collections import Counter
from itertools import groupby

from batchgen.errors import Exit
from batchgen.model import Charge, OnMismatch, OnUncertain, Purpose, Remedy, SlotState, StopKind, Verdict
from batchgen.planner import Action
from tests.simulation.world import Scene, Story, World

MOST_RESENDS = 8
MOST_TOP_UPS = 2


def play(world: World, scene: Scene) -> Story:
    """Run a scene and hold it against every law."""
    story = world.run(scene)
    assert not world.broken, world.broken
    assert world.ledger.accounts.audit() == ()
    everything_ended(world, story)
    everything_is_accounted(world, scene, story)
    outcomes_are_the_ledgers(world, scene, story)
    nothing_is_drawn_twice(world, scene)
    calls_are_bounded(scene, story)
    nothing_is_given_up_early(world, story)
    nothing_leaves_after_a_refusal(story)
    the_status_says_it(scene, story)
    the_next_plan_says_it(world, scene, story)
    return story


def everything_ended(world: World, story: Story) -> None:
    """No call is under way, unless the run was cut off, and none is pending, unless it was stopped."""
    stuck = {stop.kind for stop in story.stops} & {StopKind.STORAGE}
    open_calls = world.ledger.attempts.orphans()
    assert story.aborted or stuck or not open_calls, f"{len(open_calls)} calls were never closed"
    pending = world.ledger.attempts.pending()
    assert story.aborted or story.stops or not pending, f"{len(pending)} calls are still pending"


def everything_is_accounted(world: World, scene: Scene, story: Story) -> None:
    """Images asked are the sum of their states, and every call that was made has its one row."""
    images = story.totals.images
    assert images.wanted == sum(job.n for job in scene.jobs)
    assert images.wanted == (
        images.stored
        + images.moderated
        + images.failed
        + images.uncertain
        + images.lost_paid
        + images.not_started
        + images.submitted
    )
    rows = world.ledger._database.db.execute(
        "SELECT id FROM attempts WHERE run_id = ? AND state != 'not_sent'", (story.run_id,)
    ).fetchall()
    sent = {a.id for a, verdict in story.sky.verdicts if verdict.remedy is not Remedy.RESEND}
    assert sent <= {id_ for (id_,) in rows}
    assert story.aborted or {id_ for (id_,) in rows} <= {call.id for call in story.sky.calls}


def outcomes_are_the_ledgers(world: World, scene: Scene, story: Story) -> None:
    """Say what the run said of each job is what the ledger says of it; none is failed for what stopped the run."""
    not_theirs = {StopKind.UNAVAILABLE, StopKind.CONFIG, StopKind.ACCOUNT} & {stop.kind for stop in story.stops}
    names = {row.job_key: row.outcome for row in world.ledger.report_rows.jobs()}
    said = Counter(outcome.kind.value for outcome in story.outcomes)
    booked = Counter(names[outcome.job.key] for outcome in story.outcomes)
    if not_theirs:  # what was told of a job before the run knew that it was not the job's own
        more = {kind: said[kind] - booked[kind] for kind in ("failed", "held") if said[kind] > booked[kind]}
        said = Counter({**said, **{kind: booked[kind] for kind in more}})
        said["not_started"] += sum(more.values())
    if not ({stop.kind for stop in story.stops} & {StopKind.STORAGE} or story.aborted):
        assert said == booked, f"said {said}, booked {booked}"


def nothing_is_drawn_twice(world: World, scene: Scene) -> None:
    """Return a slot gets one image; a second one only where the user wants a mismatch drawn again."""
    most = 2 if scene.settings.on_mismatch is OnMismatch.RETRY_ONCE else 1
    twice = {slot: given for slot, given in world.given.items() if given > most}
    assert not twice, f"drawn again: {twice}"


def calls_are_bounded(scene: Scene, story: Story) -> None:
    """No slot is tried more often than the policy allows."""
    retry = scene.settings.retry
    per_slot: dict[tuple[str, int], list[tuple[Purpose, Remedy]]] = {}
    for attempt, verdict in story.sky.verdicts:
        for number in attempt.slots:
            per_slot.setdefault((attempt.job_key, number), []).append(
                (attempt.purpose, _remedy(attempt.purpose, verdict))
            )
    again = 1 if scene.settings.on_mismatch is OnMismatch.RETRY_ONCE else 0
    held = scene.settings.on_uncertain is OnUncertain.HOLD
    for slot, calls in per_slot.items():
        ends = Counter(remedy for _, remedy in calls)
        rounds = sum(1 for _ in groupby(calls, key=lambda call: call[0] is Purpose.TOP_UP))
        tries = [r for p, r in calls if p is not Purpose.TOP_UP and r not in {Remedy.WAIT, Remedy.RESEND}]
        assert len(tries) <= retry.attempts * (1 + again), f"{slot}: {calls}"
        assert ends[Remedy.UNCERTAIN] <= (0 if held else retry.max_uncertain) + 1 + again, f"{slot}: {calls}"
        assert ends[Remedy.MODERATED] <= 2 + again, f"{slot}: {calls}"
        answered = [r for p, r in calls if p is Purpose.TOP_UP and r in {Remedy.NONE, Remedy.EMPTY}]
        assert len(answered) <= MOST_TOP_UPS, f"{slot}: {calls}"
        assert ends[Remedy.RESEND] <= MOST_RESENDS * (1 + MOST_TOP_UPS + again), f"{slot}: {calls}"
        assert rounds <= 3, f"{slot}: {calls}"
        assert ends[Remedy.FAIL_JOB] <= 1 + MOST_TOP_UPS + again, f"{slot}: {calls}"
    assert story.sky.most_in_flight <= scene.settings.limits.concurrency


def nothing_is_given_up_early(world: World, story: Story) -> None:
    """Return a slot counts as moderated when the provider said so, or when it stayed empty in a call and both top-ups.

    Or in two calls, of which the last left out every image.
    """
    rows = world.ledger._database.db.execute(
        "SELECT job_key, slot FROM images WHERE state = 'moderated' AND run_id = ?", (story.run_id,)
    )
    for key, slot in rows:
        met = [verdict for attempt, verdict in story.sky.verdicts if attempt.job_key == key and slot in attempt.slots]
        said = any(verdict.remedy is Remedy.MODERATED for verdict in met)
        empty = sum(verdict.charge is Charge.YES for verdict in met)
        blank = sum(verdict.remedy is Remedy.EMPTY for verdict in met)
        assert said or empty > MOST_TOP_UPS or blank > 1, f"{key[:6]} {slot}: {met}"


def _remedy(purpose: Purpose, verdict: Verdict) -> Remedy:
    """Say what a verdict comes to: in doubt whatever was perhaps charged, and a top-up whatever was charged in vain."""
    if purpose is Purpose.TOP_UP and verdict.charge is Charge.YES and verdict.remedy is not Remedy.NONE:
        return Remedy.EMPTY
    if verdict.charge is Charge.MAYBE and verdict.remedy is Remedy.RETRY:
        return Remedy.UNCERTAIN
    return verdict.remedy


def nothing_leaves_after_a_refusal(story: Story) -> None:
    """Once quota or key are refused, only what was under way still ends."""
    sky = story.sky
    assert sky.after_refusal == 0, f"{sky.after_refusal} calls left after the first refusal"


def the_status_says_it(scene: Scene, story: Story) -> None:
    """Check that the exit status is what the books and the reasons to stop make it."""
    if story.aborted:
        return
    jobs, images, status = story.totals.jobs, story.totals.images, story.status
    stops = {stop.kind for stop in story.stops}
    assert (status is Exit.OK) == (not stops and images.stored == images.wanted), f"{status} with {images}"
    if status is Exit.SOME_FAILED:
        pending = images.pending > 0
        assert jobs.failed + jobs.moderated + jobs.partial or pending
        assert not stops
    if status is Exit.HELD:
        assert jobs.held or images.again
        assert not stops
    if status is Exit.LIMIT and not stops:
        assert jobs.not_started or jobs.held or jobs.partial
    if jobs.held and not stops and not story.refused:
        assert status is Exit.HELD
    if not stops and not story.refused and status is not Exit.HELD:
        assert jobs.not_started == 0 or images.pending


def the_next_plan_says_it(world: World, scene: Scene, story: Story) -> None:
    """Ask the next plan for nothing that the books call held, and for all else that may be paid."""
    if story.aborted or {stop.kind for stop in story.stops} & {StopKind.STORAGE}:
        return
    planned = {item.job.key: item for item in world.plan(scene)}
    outcomes = {row.job_key: row.outcome for row in world.ledger.report_rows.jobs()}
    for one in world.ledger.risk.uncertain():
        if one.job_key not in planned:
            continue
        item = planned[one.job_key]
        asked = set(item.slots) & set(one.slots)
        assert asked == set(one.again), f"{item.job.id}: {one.again} would be asked for again, but {asked} are planned"
        assert (outcomes[one.job_key] == "held") == (len(one.again) < len(one.slots)), item.job.id
        assert item.action is not Action.HELD or outcomes[one.job_key] == "held", item.job.id


def states(world: World, job_key: str) -> list[SlotState]:
    """Return the states of a job's slots, as far as something is known of them."""
    rows = world.ledger._database.db.execute("SELECT state FROM images WHERE job_key = ? ORDER BY slot", (job_key,))
    return [SlotState(state) for (state,) in rows]
