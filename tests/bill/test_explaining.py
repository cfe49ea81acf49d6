"""Every difference between a bill and the ledger is named as what it is, and their sum is exact."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from batchgen.ledger import DifferenceKind as Kind
from batchgen.model import Operation, Route
from batchgen.providers.organization import page_of
from tests.bill.conftest import COST, FIRST, KEY, MODEL, History, kinds


def test_books_that_agree_leave_nothing_to_say(history: History) -> None:
    """Bill and ledger are equal to the micro-dollar."""
    statement = history.compared()
    assert (statement.billed, statement.ledger, statement.differences) == (6 * COST, 6 * COST, ())
    assert history.keys.ours == frozenset({KEY})


def test_a_call_by_somebody_else_with_our_key_is_named(history: History) -> None:
    """At an hour when nothing of ours was at work, and in the middle of a run."""
    for hour in (3, 10):
        history.theirs(1, hour, cost=7_000)
        assert [kind for kind, _ in kinds(history.compared())] == [Kind.OTHER_USE]
    assert kinds(history.compared()) == [(Kind.OTHER_USE, 14_000)]


def test_a_call_with_another_key_of_the_project_is_named_with_it(history: History) -> None:
    """Also where the provider tells no costs by key."""
    history.theirs(1, 10, cost=7_000, key_id="key_theirs")
    (found,) = history.compared().differences
    assert (found.kind, found.micro_usd, found.key_id) == (Kind.OTHER_USE, 7_000, "key_theirs")
    (found,) = history.without_keys().compared().differences
    assert (found.kind, found.micro_usd) == (Kind.OTHER_USE, 7_000)


def test_another_project_is_not_on_our_bill(history: History) -> None:
    """Its key and its money are another's."""
    history.theirs(1, 10, cost=7_000, key_id="key_theirs", project_id="proj_theirs")
    history.bill(1, 10, 7_000, project_id="proj_theirs", key_id="key_theirs")
    assert [one.key_id for one in history.compared().differences if one.kind is Kind.OTHER_USE] in ([], ["key_theirs"])


def test_models_that_draw_nothing_are_not_on_the_bill(history: History) -> None:
    """A chat of somebody's is no difference."""
    history.bill(1, 10, 500_000, name="gpt-6-astra, input_tokens")
    assert history.compared().differences == ()


def test_a_price_change_at_noon_is_named_on_its_day(history: History) -> None:
    """As many calls, and another price for those of the afternoon."""
    history.ours(3, 10)
    history.theirs(3, 10)
    history.ours(3, 14)
    history.theirs(3, 14, cost=2 * COST)
    (found,) = history.compared().differences
    assert (found.kind, found.micro_usd, found.begins, found.model) == (
        Kind.PRICE,
        COST,
        FIRST + timedelta(days=3),
        MODEL,
    )


def test_a_call_that_the_bill_lacks_is_named_with_its_cost(history: History) -> None:
    """What it cost stands on the ledger alone."""
    history.ours(3, 10, cost=6_500)
    history.both(3, 11)
    assert kinds(history.compared()) == [(Kind.MISSING_THERE, -6_500)]


def test_a_missing_call_is_no_dearer_than_what_the_bill_lacks(history: History) -> None:
    """Books say how many calls of an hour they have, and not which: the cheap one is missing here, not the dear one."""
    history.ours(3, 10, cost=3_000)
    history.ours(3, 10.01, cost=60_000)
    history.theirs(3, 10, cost=60_000)
    assert kinds(history.compared()) == [(Kind.MISSING_THERE, -3_000)]


def test_a_call_that_the_ledger_took_for_free_is_named(history: History) -> None:
    """It was refused here and charged there."""
    history.ours(3, 10, state="not_charged")
    history.theirs(3, 10)
    assert kinds(history.compared()) == [(Kind.MISSING_HERE, COST)]


@pytest.mark.parametrize("later", [0, 20])
def test_a_call_that_is_to_come_is_nobody_elses(history: History, later: float) -> None:
    """An open batch may be drawn until a day after it was submitted; what it costs is booked when it is collected."""
    history.ours(1, 12, state="pending", ended=None)
    history.theirs(1, 12 + later)
    assert kinds(history.compared()) == [(Kind.MISSING_HERE, COST)]


def test_calls_of_a_lost_ledger_are_missing_here(history: History) -> None:
    """What happened before a ledger was rebuilt from images may be ours, though no call is known."""
    history.theirs(1, 10)
    assert kinds(history.compared(rebuilt=FIRST + timedelta(days=2))) == [(Kind.MISSING_HERE, COST)]


def test_cached_input_is_named_by_what_it_saved(history: History) -> None:
    """The ledger settles input at the full price."""
    history.ours(3, 10, cost=6_500)
    history.theirs(3, 10, cost=6_000)
    history.bill(3, 10, 125, name=f"{MODEL}, cached_input_text_tokens", quantity=Decimal(100), unit="tokens")
    assert kinds(history.compared()) == [(Kind.CACHED_INPUT, -375)]


def test_rounding_up_each_call_is_named(history: History) -> None:
    """A bill in fractions is a little less than calls that are rounded up one by one."""
    for minute in range(10):
        history.ours(3, 10 + minute / 60)
        history.theirs(3, 10 + minute / 60, cost=Decimal("5999.4"))
    assert kinds(history.compared()) == [(Kind.ROUNDING, -6)]


def test_another_currency_is_named_and_never_converted(history: History) -> None:
    """What stands there in euros is no dollar."""
    history.ours(3, 10)
    history.theirs(3, 10, currency="eur")
    (found,) = history.compared().differences
    assert (found.kind, found.micro_usd, found.detail) == (Kind.CURRENCY, -COST, "eur")


def test_money_on_the_day_before_is_named_twice_and_sums_to_nothing(history: History) -> None:
    """A clock that was wrong by hours shifts calls over midnight."""
    history.ours(3, 1)
    history.theirs(2, 22)
    history.both(3, 12)
    assert kinds(history.compared()) == [(Kind.TIME_ZONE, COST), (Kind.TIME_ZONE, -COST)]


def test_what_was_cached_is_named_on_days_of_a_wrong_clock_too(history: History) -> None:
    """What it saved is no money of another day."""
    history.ours(3, 1)
    history.theirs(2, 22, cost=COST - 500)
    history.bill(2, 22, 125, name=f"{MODEL}, cached_input_text_tokens", quantity=Decimal(100), unit="tokens")
    history.both(3, 12)
    found = history.compared()
    assert kinds(found) == [(Kind.CACHED_INPUT, -375), (Kind.TIME_ZONE, COST), (Kind.TIME_ZONE, -COST)]


def test_days_of_a_wrong_clock_are_told_from_calls_that_are_rounded_up(history: History) -> None:
    """Each of its calls cost a fraction less on the bill than on the ledger."""
    for minute in range(6):
        history.ours(3, 1 + minute / 60, cost=6_501)
        history.theirs(2, 22 + minute / 60, cost=Decimal("6500.3"))
    statement = history.compared()
    assert kinds(statement) == [(Kind.TIME_ZONE, 39_002), (Kind.TIME_ZONE, -39_006)]


def test_a_lower_price_is_named_beside_a_strangers_call(history: History) -> None:
    """What somebody else draws only adds to a bill."""
    history.ours(3, 10, cost=60_000)
    history.theirs(3, 10)
    history.theirs(3, 3)
    assert kinds(history.compared()) == [(Kind.PRICE, -48_000)]


def test_a_clock_that_was_wrong_on_one_day_makes_no_difference(history: History) -> None:
    """The books have the call at another hour, for the same money."""
    history.ours(3, 10)
    history.theirs(3, 13)
    assert history.compared().differences == ()


def test_days_that_begin_at_another_hour_are_taken_as_they_are(history: History) -> None:
    """Calls stand in the provider's days, wherever these begin."""
    history.shift = 8 * 3600
    assert history.compared().differences == ()


def test_calls_over_midnight_stand_on_the_side_where_the_books_have_them(history: History) -> None:
    """Nobody can know where a call was counted that touched both days."""
    history.ours(3, 23.995, seconds=120)
    history.theirs(4, 0.01)
    history.both(3, 12)
    history.both(4, 12)
    assert history.compared().differences == ()


def test_estimated_calls_differ_as_estimates(history: History) -> None:
    """Their cost came from the price table."""
    history.ours(3, 10, estimated=True)
    history.theirs(3, 10, cost=5_000)
    assert kinds(history.compared()) == [(Kind.ESTIMATED, -1_000)]


def test_money_without_calls_is_unexplained(history: History) -> None:
    """Nothing on the books says what it was for."""
    history.bill(4, 10, 9_999)
    assert kinds(history.compared()) == [(Kind.UNEXPLAINED, 9_999)]


def test_snapshots_and_routes_are_the_same_model(history: History) -> None:
    """The bill names a dated snapshot, or the batch."""
    history.ours(3, 10, route=Route.BATCH)
    history.theirs(3, 10, model=f"{MODEL}-2026-04-21")
    history.items[-1] = (history.items[-1][0], history.items[-1][1])
    history.ours(3, 12, operation=Operation.EDIT)
    history.theirs(3, 12, source="image.edit")
    assert history.compared().differences == ()


def test_a_size_that_nobody_knows_is_matched_by_model(history: History) -> None:
    """`auto` is drawn in a size that a lost answer does not tell."""
    history.ours(3, 10, size=None)
    history.theirs(3, 10, size="1536x1024")
    assert history.compared().differences == ()


def test_several_differences_of_one_week_are_each_named(history: History) -> None:
    """A stranger's call, a price change, a lost answer and a call that the bill lacks."""
    history.theirs(0, 3, cost=7_000)
    history.ours(3, 10)
    history.theirs(3, 10, cost=2 * COST)
    history.ours(4, 10, cost=6_500)
    history.both(4, 11)
    lost = history.ours(2, 20, state="at_risk")
    history.theirs(2, 20)
    statement = history.compared()
    named = dict(kinds(statement))
    assert named == {Kind.OTHER_USE: 7_000, Kind.PRICE: COST, Kind.MISSING_THERE: -6_500}
    assert [finding.attempt_id for finding in statement.findings] == [lost.id]


@pytest.mark.parametrize("seed", range(30))
def test_any_history_sums_up_to_the_micro_dollar(seed: int) -> None:
    """Whatever happened, the differences are the bill less the ledger: `compared` asserts it."""
    chance = Random(seed)
    made = History(days=4)
    for _ in range(60):
        day, hour = chance.randrange(5) - 0.5, chance.random() * 24
        cost = chance.randrange(1, 20_000)
        act = chance.choice(["both", "both", "both", "ours", "theirs", "doubt", "other"])
        if act in {"both", "ours"}:
            made.ours(int(day), hour, cost=cost, size=chance.choice(["1024x1024", "1536x1024"]))
        if act in {"both", "theirs", "other"}:
            made.theirs(
                int(day),
                hour + chance.random() / 100,
                cost=Decimal(cost) + Decimal(chance.randrange(-9, 9)) / 10,
                key_id=KEY if act != "other" else "key_other",
            )
        if act == "doubt":
            made.ours(int(day), hour, state="at_risk")
    made.compared()
    made.without_keys().compared()


@pytest.mark.parametrize(
    ("told", "following"),
    [
        ({"has_more": True, "next_page": "p2"}, "p2"),
        ({"next_page": "p2"}, "p2"),
        ({"has_more": False, "next_page": None}, None),
        ({"has_more": False, "next_page": "p2"}, None),
        ({}, None),
    ],
)
def test_a_page_says_where_the_next_one_is(told: dict[str, object], following: str | None) -> None:
    """A cursor alone says that there is more."""
    page = page_of({"data": [{"start_time": 1}], **told})
    assert page is not None
    assert page.following == following


@pytest.mark.parametrize("cursor", [None, "", 7])
def test_a_page_that_hides_the_next_one_is_no_page(cursor: object) -> None:
    """Nothing is settled by books of which a part is missing."""
    assert page_of({"data": [{"start_time": 1}], "has_more": True, "next_page": cursor}) is None
