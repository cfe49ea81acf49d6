"""Providers that the program knows beside the compared ones, and what gateways say by now, before small servers."""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from batchgen import catalog
from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview.check import check
from batchgen.app.preview.plan import estimate_manifest
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.errors import Problem
from batchgen.model import Provider
from tests.counting import Answered, Counting, Heard

pytestmark = pytest.mark.sample(8)

KEY = "sk-further-0123456789"
FURTHER = [provider.name for provider in catalog.further()]


def image() -> str:
    """Return a small image as base64."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def answer(heard: Heard) -> Answered:
    """Whatever is asked, in the shape of its endpoint."""
    if heard.path.endswith("/chat/completions"):
        link = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image()}"}}
        message = {"role": "assistant", "content": "", "images": [link]}
        return 200, {"choices": [{"message": message}], "usage": {"cost": 0.03}}
    if heard.path.endswith(":generateContent"):
        parts = [{"inlineData": {"mimeType": "image/png", "data": image()}}]
        usage = {"promptTokenCount": 4, "candidatesTokenCount": 1120, "totalTokenCount": 1124}
        return 200, {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": usage}
    n = heard.body.get("n", 1) if isinstance(heard.body, dict) else 1
    return 200, {"created": 1, "data": [{"b64_json": image()}] * n}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a manifest, and a provider file beside it if its keys are given."""
    monkeypatch.chdir(tmp_path)
    for provider in (*catalog.providers(), *catalog.further()):
        monkeypatch.setenv(provider.key_variable or "NO_KEY", KEY)

    def write(provider: str | Mapping[str, Any], *jobs: Mapping[str, Any], **more: Any) -> Path:
        if not isinstance(provider, str):
            (tmp_path / "own.yaml").write_text(yaml.safe_dump(dict(provider)), "utf-8")
            provider = "./own.yaml"
        path = tmp_path / "scene.yaml"
        about = {"provider": provider, "limits": {"max_cost": 9}, **more, "jobs": [dict(job) for job in jobs]}
        path.write_text(yaml.safe_dump(about, sort_keys=False), "utf-8")
        return path

    return write


def problems(manifest: Path) -> Iterator[Problem]:
    """Everything that check says."""
    yield from check(open_project(manifest, Options())).problems


@pytest.mark.parametrize("name", FURTHER)
def test_each_says_where_it_is_from(name: str) -> None:
    """A date, a source and notes for the doctor."""
    known = catalog.provider(name)
    assert known.as_of
    assert known.source
    assert known.notes


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", FURTHER)
@pytest.mark.parametrize("n", [1, 4])
def test_each_draws_as_planned(told: Callable[..., Path], tmp_path: Path, name: str, n: int) -> None:
    """Calls, money and key as the file says; what needs no key sends none."""
    known = catalog.provider(name)
    with Counting(answer) as server:
        prices = {} if known.prices else {known.default_model: {"per_image": 0.05}}
        manifest = told(
            {"like": name, "base_url": server.base_url}, {"id": "a", "prompt": "A lamp", "n": n}, prices=prices
        )
        estimate = estimate_manifest(manifest, Options(output=tmp_path / "out"))
        result = run_manifest(manifest, Options(output=tmp_path / "out"), Unwatched())
        assert int(result.exit) == 0
        assert estimate.calls == len(server.posts)
        money = result.summary["money"]
        assert money["confirmed_micro_usd"] + money["estimated_micro_usd"] <= estimate.high
        for seen in server.posts:
            assert (KEY in str(seen.headers)) is (known.key_variable is not None)


def test_an_edit_of_xai_is_bounded_with_what_goes_in(told: Callable[..., Path], tmp_path: Path) -> None:
    """Each image that goes in has a price beside each that is drawn."""
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    job = {"id": "a", "prompt": "A hat", "images": ["a.png", "a.png"], "n": 3, "aspect_ratio": "16:9"}
    with Counting(answer) as server:
        manifest = told({"like": "xai", "base_url": server.base_url}, job)
        estimate = estimate_manifest(manifest, Options(output=tmp_path / "out"))
        run_manifest(manifest, Options(output=tmp_path / "out"), Unwatched())
        (seen,) = server.posts
    assert estimate.high == 3 * 20_000 + 3 * 2 * 20_000
    assert seen.body["aspect_ratio"] == "16:9"
    assert [image["type"] for image in seen.body["images"]] == ["image_url"] * 2


@pytest.mark.parametrize(("model", "words", "fits"), [("gpt-image-1", 1001, False), ("gpt-image-2", 1001, True)])
def test_the_prompt_limit_of_apiyi_is_that_of_one_model(
    told: Callable[..., Path], model: str, words: int, fits: bool
) -> None:
    """1,000 characters for gpt-image-1 and 32,000 for the others."""
    manifest = told("apiyi", {"id": "a", "prompt": "x" * words, "model": model})
    assert ("prompt" not in " ".join(problem.message for problem in problems(manifest))) is fits


def test_complexity_is_passed_on_by_apiyi_to_what_has_it(told: Callable[..., Path]) -> None:
    """It was ignored once."""
    job = {"id": "a", "prompt": "A lamp", "complexity": "low", "model": "gpt-image-2.6-flare"}
    assert not [problem for problem in problems(told("apiyi", job)) if "complexity" in problem.message]


@pytest.mark.parametrize("model", ["sora_image", "gpt-4o-image"])
def test_what_apiyi_closed_is_told_with_the_day(told: Callable[..., Path], model: str) -> None:
    """A warning, since a gateway may serve it all the same."""
    said = [problem.message for problem in problems(told("apiyi", {"id": "a", "prompt": "A lamp", "model": model}))]
    assert f"apiyi closed {model} on 2026-04-22" in said


def test_vip_routes_take_no_mask(told: Callable[..., Path], tmp_path: Path) -> None:
    """At LaoZhang; its other routes do."""
    for name in ("a.png", "m.png"):
        Image.new("RGBA", (64, 64), "red").save(tmp_path / name)
    job = {"id": "a", "prompt": "A hat", "images": ["a.png"], "mask": "m.png"}
    refused = {
        model: any(
            "takes no mask" in problem.message for problem in problems(told("laozhang", {**job, "model": model}))
        )
        for model in ("gpt-image-2.6-flare-vip", "gpt-image-2.6-flare")
    }
    assert refused == {"gpt-image-2.6-flare-vip": True, "gpt-image-2.6-flare": False}


def test_quality_stands_inside_extra_where_a_file_says_so(told: Callable[..., Path], tmp_path: Path) -> None:
    """AIHubMix on its newer path."""
    with Counting(answer) as server:
        file = {"like": "aihubmix", "base_url": f"{server.origin}/ai/v1", "fields": {"quality": "extra.quality"}}
        job = {"id": "a", "prompt": "A lamp", "size": "1024x1024", "quality": "low"}
        assert int(run_manifest(told(file, job), Options(output=tmp_path / "out"), Unwatched()).exit) == 0
        (seen,) = server.posts
    assert (seen.body["extra"], seen.body.get("quality")) == ({"quality": "low"}, None)


def test_official_ids_at_laozhang_are_reserved_at_the_enterprise_price(told: Callable[..., Path]) -> None:
    """1.2 times the list: whoever pays less is charged less."""
    job = {"id": "a", "prompt": "A lamp", "size": "1024x1024", "quality": "low", "model": "gpt-image-2.5-flare"}
    here, there = (estimate_manifest(told(name, job), Options()).high for name in ("laozhang", "openai"))
    assert here == -(-there * 12 // 10)


def test_a_provider_of_rules_is_one_value() -> None:
    """What a provider is for a model does not depend on whether it was asked before."""
    known: Provider = catalog.provider("apiyi")
    assert known.at("flux-pro").params == ()
    assert known.at("gpt-image-2") == known.at("gpt-image-2").at("gpt-image-1")
