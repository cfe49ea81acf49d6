"""What vendors and gateways published by November 2026, figure by figure."""

from datetime import date
from decimal import Decimal

import pytest

from batchgen import catalog
from batchgen.model import Model, Operation, Provider
from batchgen.pricing.tokens import drawn_tokens, fewest_drawn_tokens
from tests.catalog.factory import ask, quoted

LATEST = ("gpt-image-2.6-flare", "gpt-image-2.6-sunburst")
OFFICIAL = (*LATEST, "gpt-image-2.5-flare", "gpt-image-2.5-sunburst")


def known(name: str) -> Model:
    """Return a model that the catalogue has."""
    found = catalog.find_model(name)
    assert found is not None
    return found


def gateway(name: str, model: str) -> Provider:
    """Return a gateway as it deals with a model."""
    return catalog.provider(name).at(model)


def test_the_measured_low_of_the_latest_family_is_within_its_bound() -> None:
    """664 tokens at 1536x1024, published on 2026-11-05: 4.25 times 2.5's 158, and below the five times reserved."""
    least = fewest_drawn_tokens("gpt-image-2.6", "1536x1024", "low") or 0
    assert least == drawn_tokens("gpt-image-2.5", "1536x1024", "low")
    assert Decimal(664) / least <= Decimal("4.25")
    assert drawn_tokens("gpt-image-2.6", "1536x1024", "low") == 5 * least >= 664


def test_the_latest_large_model_draws_high_when_the_quality_is_left_to_it() -> None:
    """`auto` costs there what high costs; the small one is reserved at the dearest that it may choose."""
    sunburst = quoted(ask("gpt-image-2.6-sunburst", size="1024x1024", quality="auto"))
    high = quoted(ask("gpt-image-2.6-sunburst", size="1024x1024", quality="high"))
    assert sunburst.expected == high.expected
    assert quoted(ask("gpt-image-2.6-flare", size="1024x1024", quality="auto")).high >= high.high


@pytest.mark.parametrize("name", ["gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest"])
def test_three_models_end_on_the_first_of_december_and_have_a_successor_of_2_6(name: str) -> None:
    """As the vendor's page of deprecations says."""
    assert known(name).shutdown == date(2026, 12, 1)
    assert (known(name).successor or "") in LATEST


def test_apiyi() -> None:
    """Edits are served, complexity is passed on, 1,000 characters bind gpt-image-1 alone, two models are closed."""
    apiyi, first = gateway("apiyi", "gpt-image-2.6-flare"), gateway("apiyi", "gpt-image-1")
    assert Operation.EDIT in apiyi.operations
    assert ("complexity" in apiyi.takes(Operation.GENERATE), "complexity" in apiyi.ignored) == (True, False)
    assert (apiyi.prompt_limit, first.prompt_limit) == (None, 1000)
    assert dict(apiyi.retired_models) == dict.fromkeys(("sora_image", "gpt-4o-image"), date(2026, 4, 22))
    assert quoted(ask("gpt-image-2-vip"), 1, "apiyi").expected == 30_000


@pytest.mark.parametrize("model", OFFICIAL)
@pytest.mark.parametrize(("name", "times"), [("apiyi", "1"), ("aihubmix", "1"), ("laozhang", "1.2")])
def test_gateways_resell_the_official_ids(name: str, times: str, model: str) -> None:
    """At OpenAI's list; at LaoZhang 1.2 times of it is reserved, as a token of the group Enterprise pays."""
    request = ask(model, size="1024x1024", quality="high")
    official, here = quoted(request).expected, quoted(request, 1, name).expected
    assert abs(Decimal(here) - official * Decimal(times)) <= 1


def test_laozhang() -> None:
    """Edits on every route, no mask for its VIP models; its pages state no rate limits, so the notes say whose hold."""
    vip, plain = gateway("laozhang", "gpt-image-2.6-flare-vip"), gateway("laozhang", "gpt-image-2.6-flare")
    assert Operation.EDIT in vip.operations & plain.operations
    assert (vip.masks, plain.masks) == (False, True)
    assert "no rate limits of its own" in vip.notes[0]


def test_aihubmix() -> None:
    """At its other address the quality belongs inside `extra`, and the notes give the line to write."""
    assert any("quality: extra.quality" in note for note in catalog.provider("aihubmix").notes)


@pytest.mark.parametrize(
    "name", ["azure", "litellm", "vllm-omni", "sglang", "localai", "stable-diffusion-cpp", "openrouter", "xai",
             "gemini-openai", "gemini"]
)  # fmt: skip
def test_who_speaks_the_images_api_or_nearly_has_a_dated_file(name: str) -> None:
    """With its source, and notes or a model of its own."""
    found = catalog.provider(name)
    assert found.as_of
    assert found.as_of >= date(2026, 11, 1)
    assert found.source
