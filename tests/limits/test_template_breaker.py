"""A template whose jobs are moderated or fail, one after the other, stops alone."""

import pytest

from batchgen.limits import TemplateBreaker


def told(outcomes: str) -> list[bool]:
    """Tell a breaker how the jobs of one template end, `x` in vain; when it gives the template up."""
    breaker = TemplateBreaker()
    return [breaker.note("t", in_vain=one == "x") for one in outcomes]


@pytest.mark.parametrize("outcomes", ["x" * 9, "x." * 30, "." * 30 + "x" * 10, "xxxx" + "." * 30])
def test_half_of_the_jobs_or_few_jobs_in_vain_stop_nothing(outcomes: str) -> None:
    """Single rows are moderated in every catalogue."""
    assert not any(told(outcomes))


@pytest.mark.parametrize("outcomes", ["x" * 10, "xx." * 4, "." * 100 + "x" * 14])
def test_two_thirds_of_the_last_jobs_in_vain_give_a_template_up_once(outcomes: str) -> None:
    """However many were good before, and however few there were."""
    found = told(outcomes + "x" * 5)
    assert sum(found) == 1
    assert found.index(True) < len(outcomes)


def test_each_template_stands_for_itself_and_a_row_without_one_for_nothing() -> None:
    """A CSV manifest has no templates."""
    breaker = TemplateBreaker()
    for _ in range(30):
        breaker.note("bad", in_vain=True)
        breaker.note("good", in_vain=False)
        breaker.note("", in_vain=True)
    assert list(breaker.given_up) == ["bad"]
