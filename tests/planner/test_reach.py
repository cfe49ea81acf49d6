"""Where limits end a plan: a pure function of the plan and of what the limits leave."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.ledger import CapKind, Headroom
from batchgen.model import ImageRequest, Job, Operation, Quote, Stems
from batchgen.money import MicroUSD
from batchgen.planner import Action, Frontier, Planned, Reach
from batchgen.pricing import Cost


def planned(name: str, *, calls: int = 1, each: int = 1, expected: int = 10, high: int = 20, rank: int = 0) -> Planned:
    """Return a job of so many equal calls; money is of one call."""
    slots = tuple(range(calls * each))
    job = Job(name, "ab" * 32, ImageRequest(Operation.GENERATE, "a sofa"), len(slots), Stems(("x-*",)), priority=rank)
    quote = Quote(MicroUSD(0), MicroUSD(expected * calls), MicroUSD(high * calls))
    return Planned(job, Action.NEW, "", slots, Cost(quote, calls, "m", "s", "q", "p"))


def reach(plan: Sequence[Planned], limits: Sequence[Headroom], *, ranked: bool = False) -> Reach | None:
    """Watch a whole plan."""
    frontier = Frontier(limits, ranked=ranked)
    assert list(frontier.watch(plan)) == list(plan)
    return frontier.reach()


PLANS = st.lists(
    st.builds(
        lambda name, calls, each, low, more, rank: planned(
            f"{name}é", calls=calls, each=each, expected=low, high=low + more, rank=rank
        ),
        st.integers(0, 99),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(-2, 2),
    ),
    max_size=12,
)
LIMITS = st.lists(
    st.builds(lambda kind, free: Headroom(kind, 200, free), st.sampled_from(CapKind), st.integers(0, 120)), max_size=3
)


def drawn_one_by_one(plan: Sequence[Planned], limits: Sequence[Headroom], *, at_worst: bool) -> Iterator[Planned]:
    """Say what remains when each call in turn reserves its worst case and then settles."""
    left = {limit: limit.free for limit in limits}
    for item in plan:
        assert item.cost
        calls, quote = item.cost.calls, item.cost.quote
        for _ in range(calls):
            images = len(item.slots) // calls
            need = {one: images if "images" in one.kind else quote.high // calls for one in left}
            if any(need[one] > left[one] for one in left):
                yield item
                break
            used = (quote.high if at_worst else quote.expected) // calls
            left = {one: left[one] - (images if "images" in one.kind else used) for one in left}


@given(PLANS, LIMITS, st.booleans())
def test_what_remains_is_what_no_call_after_another_reaches(
    plan: list[Planned], limits: list[Headroom], ranked: bool
) -> None:
    """In order of priority where there are any; in the expected and in the worst case."""
    found = reach(plan, limits, ranked=ranked)
    order = sorted(plan, key=lambda item: -item.job.priority) if ranked else plan
    for at_worst in (False, True):
        remain = list(drawn_one_by_one(order, limits, at_worst=at_worst))
        end = found and (found.worst if at_worst else found.expected)
        assert (end is None) == (not remain)
        if end:
            assert (end.job, end.jobs) == (remain[0].job.id, len(remain))
            assert end.images <= sum(len(item.slots) for item in remain)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ([Headroom(CapKind.MAX_COST, 100, 45)], (("max_cost", "c", 1, 1), ("max_cost", "c", 1, 1))),
        ([Headroom(CapKind.MAX_COST, 100, 40)], (("max_cost", "c", 1, 1), ("max_cost", "c", 1, 1))),
        ([Headroom(CapKind.MAX_COST, 100, 30)], (("max_cost", "c", 1, 1), ("max_cost", "b", 2, 2))),
        ([Headroom(CapKind.MAX_IMAGES, 2, 2)], (("max_images", "c", 1, 1), ("max_images", "c", 1, 1))),
        ([Headroom(CapKind.DAY, 9, 9), Headroom(CapKind.MAX_COST, 1, 0)], (("max_cost", "a", 3, 3),) * 2),
    ],
)
def test_the_first_job_and_its_limit_are_named(
    limits: list[Headroom], told: tuple[tuple[str, str, int, int], ...]
) -> None:
    """Three jobs of which each costs 10 and at most 20; the last one at most 60. The tighter limit is named."""
    found = reach([planned("a"), planned("b"), planned("c", expected=10, high=60)], limits)
    assert found
    ends = [end and (end.limit.kind.value, end.job, end.jobs, end.images) for end in (found.expected, found.worst)]
    assert tuple(ends) == told


def test_without_limits_nothing_is_said_and_within_them_nothing_remains() -> None:
    """The two are told apart."""
    assert reach([planned("a")], []) is None
    assert reach([planned("a")], [Headroom(CapKind.MONTH, 20, 20)]) == Reach(None, None)


@pytest.mark.parametrize(
    ("free", "able", "first"),
    [
        ({"a": 1, "b": 1}, ["a", "b"], "c"),
        ({"a": 9, "b": 0}, ["b", "a"], None),
        ({"a": 0}, ["a", "b"], None),
        ({"a": 0, "b": 2}, ["a", "b"], "c"),
        ({"a": 1, "b": 9}, ["a"], "b"),
    ],
)
@pytest.mark.parametrize("ranked", [False, True])
def test_where_a_provider_has_no_images_left_the_next_is_asked(
    free: dict[str, int], able: list[str], first: str | None, *, ranked: bool
) -> None:
    """A day's images count for one provider each; the limit that ends it is that of the first one who is able."""
    daily = {name: Headroom(CapKind.IMAGES_PER_DAY, 9, left, name) for name, left in free.items()}
    frontier = Frontier([], daily=daily, able=lambda _job: able, ranked=ranked)
    plan = [planned("a"), planned("b"), planned("c")]
    assert list(frontier.watch(plan)) == plan
    found = frontier.reach()
    assert found
    assert (found.expected and found.expected.job) == first
    if found.expected:
        assert found.expected.limit.provider == able[0]
