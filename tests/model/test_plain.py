"""Plain nouns: a job and an attempt come back from text and from a pickle as they were."""

import json
import pickle
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchgen.model import (
    Attempt,
    Charge,
    Echo,
    FileImage,
    ImageRequest,
    Job,
    JobImage,
    Mismatch,
    Operation,
    Phase,
    Purpose,
    Quote,
    Receipt,
    Remedy,
    RemoteImage,
    Stems,
    StoredImage,
    UrlImage,
    Usage,
    Verdict,
)
from batchgen.model.plain import dump, load, read
from batchgen.money import ZERO

# Of half characters, those that stand for bytes of a file name that is no UTF-8; JSON joins two halves to one.
st.register_type_strategy(
    str,
    st.text(
        st.characters(exclude_categories=["Cs"])
        | st.characters(categories=["Cs"], min_codepoint=0xDC80, max_codepoint=0xDCFF)
    ),
)
st.register_type_strategy(Decimal, st.decimals(allow_nan=False))
st.register_type_strategy(float, st.floats(allow_nan=False))
some = settings(suppress_health_check=[HealthCheck.too_slow])


@some
@given(st.from_type(Attempt))
def test_an_attempt_comes_back_from_text(attempt: Attempt) -> None:
    """Whatever an attempt holds, its text is JSON in ASCII and brings it back; so does a pickle."""
    text = dump(attempt)
    assert text.isascii()
    assert load(Attempt, text) == attempt
    assert pickle.loads(pickle.dumps(attempt)) == attempt


@some
@given(st.from_type(Job))
def test_a_job_comes_back_from_text(job: Job) -> None:
    """Nothing of a job is lost, also where two jobs count as equal without it."""
    for again in (load(Job, dump(job)), pickle.loads(pickle.dumps(job))):
        assert again == job
        assert asdict(again) == asdict(job)


@pytest.mark.parametrize(
    "image",
    [FileImage("a.png", "ab" * 32, 3, 2, 1), UrlImage("https://x.test/a?b=1"), JobImage("hat"), JobImage("hat", 2)],
)
def test_every_kind_of_input_image_keeps_its_kind(image: FileImage | UrlImage | JobImage) -> None:
    """An image of another job without a slot is no address, and a file no other job."""
    request = ImageRequest(Operation.EDIT, "a \ud83e\ude91\udcff\0\u2028", images=(image,), mask=image)
    attempt = Attempt("a", "r", "k" * 64, "id", request, Stems(("id-*",)), "m", "p", (0,), Quote(ZERO, ZERO, ZERO))
    again = load(Attempt, dump(attempt)).request
    assert (again.images, again.mask) == ((image,), image)


def test_the_text_of_an_attempt_reads_by_itself() -> None:
    """Names of fields, and of a type only where one of several may stand."""
    request = ImageRequest(Operation.EDIT, "hat", images=(JobImage("cat", 1),))
    attempt = Attempt("a", "r", "k", "id", request, Stems(("id-*",)), "m", "p", (0,), Quote(ZERO, ZERO, ZERO))
    told = json.loads(dump(attempt))
    assert told["request"]["images"] == [{"JobImage": {"job_id": "cat", "slot": 1}}]
    assert told["stems"] == {"usual": ["id-*"]}


def test_what_is_usual_is_not_told() -> None:
    """A text of a version that knew fewer fields is read: what it does not tell is as it is by default."""
    request = ImageRequest(Operation.GENERATE, "hat")
    attempt = Attempt("a", "r", "k", "id", request, Stems(("id-*",)), "m", "p", (0,), Quote(ZERO, ZERO, ZERO))
    assert {"purpose", "deadline", "replaces", "inherited"}.isdisjoint(json.loads(dump(attempt)))
    assert load(Attempt, dump(attempt)).purpose is Purpose.FIRST


def test_days_and_prices_keep_every_digit() -> None:
    """A price is what was written, and a day a day."""
    price = Quote(ZERO, ZERO, ZERO).price
    assert load(type(price), dump(price)) == price
    exact = type(price)(per_call=Decimal("0.0400"), as_of=date(2026, 1, 31))
    assert str(load(type(price), dump(exact)).per_call) == "0.0400"
    assert load(type(price), dump(exact)).as_of == date(2026, 1, 31)


def spoilt(value: Any) -> Iterator[Any]:
    """Put something else into each place of JSON, one at a time."""
    yield from (None, True, 5, 0.5, "x", [], [None], ["x"], [[1, 2]], {}, {"x": 1}, {"FileImage": None})
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        for other in spoilt(inner):
            again = value.copy()
            again[name] = other
            yield again


RECEIPT = Receipt(
    "a",
    Phase.COMPLETE,
    Verdict(Charge.YES, Remedy.NONE, categories=("x",)),
    images=(StoredImage(0, "images/a.png", "ab", 1, 2, 3, "png", (Mismatch.SIZE,)),),
    remote=(RemoteImage(1, "https://x.test/a"),),
    usage=Usage(output=1),
    echo=Echo(model="m"),
    headers=(("a", "b"),),
)
JOB = ImageRequest(Operation.EDIT, "hat", images=(JobImage("cat", 1), UrlImage("https://x.test/a")))
PRICE = type(Quote(ZERO, ZERO, ZERO).price)(per_call=Decimal("0.04"), as_of=date(2026, 1, 31))


@pytest.mark.parametrize(
    "noun",
    [
        RECEIPT,
        Attempt("a", "r", "k", "i", JOB, Stems(("i-*",)), "m", "p", (0,), Quote(ZERO, ZERO, ZERO, price=PRICE)),
    ],
)
def test_what_is_no_text_of_a_noun_is_told_in_three_kinds_of_errors(noun: Any) -> None:
    """Whatever stands in whichever place: nobody has to know how it is read."""
    for other in spoilt(json.loads(dump(noun))):
        with suppress(KeyError, TypeError, ValueError):
            read(type(noun), other)
