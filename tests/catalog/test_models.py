"""Models as dated data."""

from datetime import date, timedelta

import pytest

from batchgen import catalog
from batchgen.catalog.models import model_or_stand_in, token_table
from batchgen.model import FixedSizes, Model
from tests.catalog.factory import TODAY

EVERY = pytest.mark.parametrize("model", catalog.models(), ids=lambda model: model.name)


def known(name: str) -> Model:
    """Check that a model that the catalogue has."""
    found = catalog.find_model(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name",
    [
        "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest", "gpt-image-2",
        "gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst",
    ],
)  # fmt: skip
def test_every_model_of_the_api_has_a_dated_price(name: str) -> None:
    """The nine models are there, with a price that says when it was read and where."""
    price = known(name).price
    assert price is not None
    assert price.as_of == date(2026, 11, 20)
    assert name in price.source


@EVERY
def test_a_model_is_whole(model: Model) -> None:
    """Its token table has every quality, its successor is known and live, its words name their source."""
    table = token_table(model.output_tokens)
    assert {"standard", "hd", "auto", *table.qualities} >= set(model.qualities)
    assert model.source
    assert catalog.typical_seconds(model, "auto") > 0
    if model.shutdown:
        assert model.successor
        assert known(model.successor).status == "live"
    if model.status == "live":
        assert model.released
        assert not model.shutdown


def test_a_dated_snapshot_is_its_model() -> None:
    """Aliases lead to the model they are snapshots of, and an unknown name to nothing."""
    assert known("gpt-image-2-2026-04-21") is known("gpt-image-2")
    assert known("gpt-image-2.5-flare-2026-09-08") is known("gpt-image-2.5-flare")
    assert catalog.find_model("gpt-image-9") is None
    assert catalog.find_model(None) is None


def test_what_each_family_takes() -> None:
    """Fidelity, transparency, complexity and qualities differ between the families."""
    assert known("gpt-image-1").input_fidelity == known("gpt-image-1.5").input_fidelity == ("low", "high")
    assert known("gpt-image-1-mini").input_fidelity == ("low",)
    assert known("gpt-image-2").input_fidelity == known("gpt-image-2.6-flare").input_fidelity == ()
    live = [m for m in catalog.models() if m.status == "live"]
    assert [m.name for m in live if not m.transparent and m.vendor == "OpenAI"] == ["gpt-image-2"]
    assert [m.name for m in catalog.models() if m.complexity] == ["gpt-image-2.6-flare", "gpt-image-2.6-sunburst"]
    assert known("gpt-image-2").qualities == ("low", "medium", "high", "auto")
    assert known("gpt-image-2.5-flare").qualities == ("low", "medium", "high", "xhigh", "max", "auto")
    assert isinstance(known("gpt-image-1.5").sizes, FixedSizes)


@pytest.mark.parametrize(
    ("name", "today", "said"),
    [
        ("gpt-image-1", TODAY, "gpt-image-1 was shut down on 2026-10-23; use gpt-image-2.5-flare instead"),
        (
            "gpt-image-1.5",
            TODAY,
            "gpt-image-1.5 will be shut down on 2026-12-01 (in 11 days); use gpt-image-2.6-sunburst",
        ),
        ("gpt-image-1-mini", date(2026, 11, 30), "(tomorrow); use gpt-image-2.6-flare instead"),
        ("chatgpt-image-latest", date(2026, 12, 1), "chatgpt-image-latest was shut down on 2026-12-01"),
        ("dall-e-3", TODAY, "dall-e-3 was shut down on 2026-05-12; use gpt-image-2.5-flare instead"),
    ],
)
def test_an_ended_or_ending_model_is_told_with_date_and_successor(name: str, today: date, said: str) -> None:
    """A person learns when a model ends and what follows it; a gateway may serve it longer."""
    (warning,) = catalog.warnings_for(known(name), today)
    assert said in warning


def test_a_live_model_has_no_warning() -> None:
    """Nothing is said of a model whose end is not announced."""
    assert catalog.warnings_for(known("gpt-image-2.5-flare"), TODAY + timedelta(days=999)) == ()


def test_a_stand_in_takes_everything() -> None:
    """A model that nobody knows is not refused for its sizes or qualities."""
    stand_in = model_or_stand_in("dream-9")
    assert stand_in.price is None
    assert catalog.legal_size(stand_in, "3840x2160") is None
    assert model_or_stand_in("gpt-image-2") is known("gpt-image-2")
