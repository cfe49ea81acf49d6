"""Money at risk is settled by closed books of a key that nobody else used, and never on doubt."""

from dataclasses import replace
from random import Random

import pytest

from batchgen.ledger import DifferenceKind as Kind
from batchgen.model import AttemptState, Route
from batchgen.money import MicroUSD
from tests.bill.conftest import COST, KEY, History, fates, kinds


def test_a_lost_answer_that_stands_on_the_books_is_confirmed(history: History) -> None:
    """It costs what the bill has for it, up to its worst case; what is left was never charged."""
    lost = history.ours(3, 10, state="at_risk")
    history.theirs(3, 10, cost=6_400)
    statement = history.compared()
    assert fates(statement) == {lost.id: (6_400, 2 * COST - 6_400)}
    assert statement.differences == ()


def test_a_lost_answer_that_is_not_on_the_books_is_cleared(history: History) -> None:
    """Nobody else used the key, and there is no request for it."""
    lost = history.ours(1, 12, state="at_risk")
    assert fates(history.compared()) == {lost.id: (0, 2 * COST)}


def test_of_several_as_many_are_confirmed_as_stand_there(history: History) -> None:
    """The oldest first."""
    lost = [history.ours(3, 10 + index / 100, state="at_risk") for index in range(3)]
    history.theirs(3, 10)
    statement = history.compared()
    assert fates(statement) == {lost[0].id: (COST, COST), lost[1].id: (0, 2 * COST), lost[2].id: (0, 2 * COST)}


def test_of_several_the_dearest_are_confirmed(history: History) -> None:
    """Which one it was nobody says: a line of a batch, at half the price, cannot have cost what the bill has."""
    line = history.ours(3, 10, state="at_risk", cost=COST // 2, most=MicroUSD(COST // 2))
    call = history.ours(3, 10.01, state="at_risk", most=MicroUSD(COST + 100))
    history.theirs(3, 10)
    statement = history.compared()
    assert fates(statement) == {call.id: (COST, 100), line.id: (0, COST // 2)}
    assert statement.differences == ()


def test_a_batch_over_midnight_takes_nothing_from_a_call_at_risk(history: History) -> None:
    """Which of its lines were drawn before nobody says: a dear one taken for a cheap one is the other day's money."""
    for cost in (COST // 2, COST):
        history.ours(2, 23.5, cost=cost, seconds=3_600, route=Route.BATCH)
    lost = history.ours(3, 10, state="at_risk")
    history.theirs(2, 23.6, cost=COST)
    history.theirs(3, 0.1, cost=COST // 2)
    history.theirs(3, 10)
    statement = history.compared()
    assert fates(statement) == {lost.id: (COST, COST)}
    assert kinds(statement) == [(Kind.TIME_ZONE, COST // 2), (Kind.TIME_ZONE, -COST // 2)]


def test_what_a_batch_left_is_given_to_one_day_alone(history: History) -> None:
    """Batches cross two midnights, with a call at risk on either side: only one of them lacks money."""
    for day, costs in ((2, (COST, COST // 2)), (3, (COST // 2, COST))):
        for cost in costs:
            history.ours(day, 23.5, cost=cost, seconds=3_600, route=Route.BATCH)
    lost = [history.ours(day, 10, state="at_risk") for day in (2, 4)]
    for day, hour, cost in ((2, 23.6, COST // 2), (3, 0.1, COST), (3, 23.6, COST // 2), (4, 0.1, COST)):
        history.theirs(day, hour, cost=cost)
    for day in (2, 4):
        history.theirs(day, 10)
    statement = history.compared()
    assert fates(statement) == {one.id: (COST, COST) for one in lost}
    assert statement.billed == statement.ledger
    assert {kind for kind, _ in kinds(statement)} == {Kind.TIME_ZONE}


def test_a_dearer_call_is_no_money_of_the_day_beside(history: History) -> None:
    """One line of a batch over midnight can stand in nobody's place: the difference is a price."""
    history.ours(2, 10, cost=COST)
    history.theirs(2, 10, cost=COST * 3 // 2)
    history.ours(2, 23.5, cost=COST, seconds=3_600, route=Route.BATCH)
    history.theirs(2, 23.6, cost=COST)
    lost = history.ours(3, 10, state="at_risk")
    history.theirs(3, 10)
    statement = history.compared()
    assert fates(statement) == {lost.id: (COST, COST)}
    assert kinds(statement) == [(Kind.PRICE, COST // 2)]


def test_nothing_is_settled_where_somebody_else_used_the_key(history: History) -> None:
    """Which of two requests was ours nobody can know; two days before it is known."""
    doubtful, certain = history.ours(3, 10, state="at_risk"), history.ours(1, 8, state="at_risk")
    history.theirs(3, 10)
    history.theirs(3, 10)
    statement = history.compared()
    assert fates(statement) == {certain.id: (0, 2 * COST)}
    assert doubtful.id not in fates(statement)


def test_a_request_that_a_kept_call_may_be_is_no_strangers(history: History) -> None:
    """Where a clock was wrong, a call at risk is neither cleared, nor is its money put down to somebody else."""
    history.ours(4, 10, state="at_risk")
    history.theirs(4, 13)
    statement = history.compared()
    assert (fates(statement), kinds(statement)) == ({}, [(Kind.MISSING_HERE, COST)])


def test_nothing_is_settled_where_charged_calls_are_missing(history: History) -> None:
    """Books that lack what is certain prove nothing of those hours."""
    history.ours(1, 12)
    history.ours(1, 12, state="at_risk")
    other = history.ours(3, 20, state="at_risk")
    assert fates(history.compared()) == {other.id: (0, 2 * COST)}


def test_books_of_strangers_settle_nothing(history: History) -> None:
    """None of our charged calls stands on them: they may be of another organisation."""
    history.calls = [replace(call, state=AttemptState.AT_RISK, most=call.cost) for call in history.calls]
    assert fates(history.compared()) == {}
    made = History()
    made.ours(1, 12, state="at_risk")
    assert fates(made.compared()) == {}
    made.theirs(2, 3, key_id="key_theirs")
    assert fates(made.compared()) == {}


def test_days_that_are_not_closed_settle_nothing(history: History) -> None:
    """What touches an hour that is not looked at waits."""
    history.ours(4, 23.99, state="at_risk", seconds=600)
    history.ours(5, 3, state="at_risk")
    assert fates(history.compared()) == {}


def test_keys_are_told_by_what_they_did(history: History) -> None:
    """Two that took turns are both ours, a busy stranger is not."""
    history.usage = [
        replace(row, key_id="key_new" if row.begins > history.usage[2].begins else KEY) for row in history.usage
    ]
    for hour in range(20):
        history.theirs(4, hour, key_id="key_busy")
    history.compared()
    assert history.keys.ours == frozenset({KEY, "key_new"})


def test_a_wrong_clock_makes_no_strangers_key_ours(history: History) -> None:
    """A call that stands three hours late on our key's books is not the one that a stranger made at its hour."""
    history.ours(3, 10)
    history.theirs(3, 13)
    history.theirs(3, 10, cost=7_777, key_id="key_stranger")
    statement = history.compared()
    assert history.keys.ours == frozenset({KEY})
    assert kinds(statement) == [(Kind.OTHER_USE, 7_777)]


def test_a_wrong_clock_makes_no_strangers_key_ours_beside_two_of_ours(history: History) -> None:
    """A batch waited for a day, and its books are an hour late: the stranger's call of that day is not it."""
    history.ours(2, 20)
    history.theirs(2, 20, key_id="key_new")
    history.ours(3, 1, seconds=18 * 3600)
    history.theirs(3, 20.5, key_id="key_new")
    history.theirs(3, 12, cost=7_000, key_id="key_theirs")
    statement = history.compared()
    assert history.keys.ours == frozenset({KEY, "key_new"})
    assert (Kind.OTHER_USE, 7_000) in kinds(statement)


def test_keys_that_cannot_be_told_apart_are_named_by_somebody(history: History) -> None:
    """Until then nothing is settled, and no difference is put down to anybody."""
    lost = history.ours(3, 10, state="at_risk")
    history.theirs(3, 10)
    for row in tuple(history.usage):
        history.usage.append(replace(row, key_id="key_twin"))
    assert (fates(history.compared()), history.keys.ours) == ({}, None)
    assert fates(history.compared(key_ids=(KEY,))) == {lost.id: (COST, COST)}
    assert history.keys.ours == frozenset({KEY})


def test_no_money_for_a_request_leaves_it_at_risk(history: History) -> None:
    """It was counted, and the bill has nothing for it yet."""
    history.ours(3, 10, state="at_risk")
    history.theirs(3, 10, cost=0)
    statement = history.compared()
    assert (fates(statement), kinds(statement)) == ({}, [])


@pytest.mark.parametrize("seed", range(60))
def test_what_was_charged_is_never_cleared(seed: int) -> None:
    """In any history of our own key: as many calls at risk are confirmed as were charged, and the sum is the bill."""
    chance = Random(seed)
    made, charged, doubts = History(days=4), 0, 0
    for _ in range(80):
        day, hour, seconds = chance.randrange(4), 0.1 + chance.random() * 22.9, chance.choice([5, 300, 3_000])
        late = hour + chance.random() * seconds / 3600
        cost = chance.choice([COST, 9_000])
        if chance.random() < 0.7:
            made.ours(day, hour, cost=cost, seconds=seconds)
            made.theirs(day, late, cost=cost)
        else:
            made.ours(day, hour, cost=cost, seconds=seconds, state="at_risk")
            doubts += 1
            if chance.random() < 0.5:
                made.theirs(day, late, cost=cost)
                charged += 1
    found = fates(made.compared())
    assert len(found) == doubts
    assert sum(confirmed > 0 for confirmed, _ in found.values()) == charged
    assert sum(cleared > 0 and not confirmed for confirmed, cleared in found.values()) == doubts - charged
