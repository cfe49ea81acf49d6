"""How long to wait, from sixty ways of saying it; nonsense is silence."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.providers.retry_after import duration, in_words, retry_after

DATE = "Fri, 20 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("2.5", 2.5),
        ("0.001", 0.001),
        ("007", 7.0),
        ("300", 300.0),
        ("301", 300.0),
        ("86400", 300.0),
        ("999999999999", 300.0),
        ("1763600000", 300.0),
        ("12s", 12.0),
        ("6m0s", 300.0),
        ("1m30s", 90.0),
        ("120ms", 0.12),
        ("58.891s", 58.891),
        ("1h", 300.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Friday, 20-Nov-26 12:00:30 GMT", 30.0),
        ("Fri Nov 20 12:00:30 2026", 30.0),
        ("Fri, 20 Nov 2026 13:00:30 +0100", 30.0),
        ("Fri, 20 Nov 2026 12:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 300.0),
        ("Fri, 20 Nov 2026 11:59:59 GMT", None),
        ("Fri, 20 Nov 12026 12:00:30 GMT", None),
        ("Fri, 31 Feb 2026 12:00:30 GMT", None),
        ("-1", None),
        ("-0.5", None),
        ("+5", None),
        ("NaN", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("Infinity", None),
        ("1e3", None),
        ("0x10", None),
        ("1_000", None),
        ("1,000", None),
        ("5, 10", None),
        ("\u0661\u0662", None),
        ("\uff11\uff12", None),
        ("", None),
        (" ", None),
        ("soon", None),
        ("null", None),
        ("None", None),
        ("1 2", None),
        ("12;", None),
        ("12 seconds", None),
        ("--5", None),
        (".5", None),
        ("5.", None),
        ("5.5.5", None),
        ("1" * 400, None),
        ("9" * 40 + ".5", None),
        ("\x00", None),
        ("<html>", None),
        ("Fri", None),
        ("Fri, 20 Nov 2026", None),
        ("2026-11-20T12:00:30Z", None),
    ],
)
def test_sixty_forms(text: Any, seconds: Any) -> None:
    """Between 0 and 300 seconds, or no wish at all."""
    found = retry_after({"retry-after": text, "date": DATE})
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_a_date_is_measured_against_the_servers_clock() -> None:
    """Our own clock may be a day off; it only serves where the answer has no date."""
    until = {"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}
    wrong = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    assert retry_after({**until, "date": DATE}, now=wrong) == 30
    assert retry_after(until, now=datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)) == 20
    assert retry_after(until) is None
    assert retry_after({**until, "date": "yesterday"}, now=wrong) is None


def test_the_order_of_wishes() -> None:
    """Milliseconds first, then seconds, then words, then the reset of an exhausted limit."""
    reset = {"x-ratelimit-remaining-images": "0", "x-ratelimit-reset-images": "20s"}
    said = "Please try again in 15s."
    assert retry_after({"retry-after-ms": "534", "retry-after": "1", **reset}, said) == pytest.approx(0.534)
    assert retry_after({"retry-after-ms": "junk", "retry-after": "1", **reset}, said) == 1
    assert retry_after({"retry-after": "-1", **reset}, said) == 15
    assert retry_after(reset) == 20


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [
        ("0", "6m0s", 60.0),
        ("0", "120ms", 0.12),
        ("0", "3", 3.0),
        ("5", "6m0s", None),
        ("-1", "6m0s", None),
        ("0", "-5s", None),
        ("0", "1763600000", None),
        ("0", "", None),
        ("0", "soon", None),
    ],
)
def test_resets_of_limits(remaining: Any, reset: Any, seconds: Any) -> None:
    """Only an exhausted limit asks to wait, at most a minute."""
    headers = {"x-ratelimit-remaining-requests": remaining, "x-ratelimit-reset-requests": reset}
    assert retry_after(headers) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 12s.", 12.0),
        ("Please try again in 2.4s", 2.4),
        ("try again in 15ms", 0.015),
        ("Try again in 1m12.5s.", 72.5),
        ("try again in 2 minutes", 120.0),
        ("Please retry after 20 seconds.", 20.0),
        ("Please wait 500 milliseconds", 0.5),
        ("try again in 1 hour", 3600.0),
        ("try again later", None),
        ("try again in a while", None),
        ("Limit 5, Used 5", None),
    ],
)
def test_words(words: Any, seconds: Any) -> None:
    """What a message says about the wait."""
    assert in_words(words) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_a_sane_wait(header: Any, date: Any, message: Any) -> None:
    """Never negative, never more than five minutes, never an exception."""
    found = retry_after({"retry-after": header, "date": date, "retry-after-ms": message}, message)
    assert found is None or 0 <= found <= 300
    assert (duration(header) or 0.0) >= 0
