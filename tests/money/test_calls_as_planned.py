"""Whatever a provider file says, a run makes the planned calls and is charged no more than planned."""

import base64
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchgen.app.config.options import Options
from batchgen.app.preview import plan
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from tests.counting import Answered, Counting, Heard
from tests.wire.scene import dot

MODELS = ("draws-1", "gpt-image-2.5-flare", "sora_image")
IMAGE = base64.b64encode(dot(64, 64, "PNG")).decode()


@dataclass(frozen=True)
class Case:
    """A provider file, as far as calls and money depend on it, and what is asked of it."""

    file: dict[str, Any]
    price: dict[str, str]
    jobs: tuple[dict[str, Any], ...]
    told: dict[str, Any]


def _file(draw: st.DrawFn) -> dict[str, Any]:
    some = st.lists(st.sampled_from(MODELS), unique=True)
    file: dict[str, Any] = {
        "default_model": draw(st.sampled_from(MODELS)),
        "max_n": draw(st.integers(1, 10)),
        "model_max_n": {name: draw(st.integers(1, 12)) for name in draw(some)},
        "chat_models": draw(some),
        "dialect": draw(st.sampled_from(["images", "chat"])),
    }
    return {name: value for name, value in file.items() if draw(st.booleans()) or name == "default_model"}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return providers of all sorts, and a few jobs."""
    price = draw(
        st.sampled_from([{"per_call": "0.01"}, {"per_image": "0.02"}, {"per_image": "0.03", "per_call": "0.01"}])
    )
    jobs = tuple(
        {"id": f"j{at}", "prompt": f"A dot {at}", "n": draw(st.integers(1, 10))}
        for at in range(draw(st.integers(1, 3)))
    )
    named = ({**job, "model": draw(st.sampled_from(MODELS))} if draw(st.booleans()) else job for job in jobs)
    told = {"images_per_request": draw(st.integers(1, 10))} if draw(st.booleans()) else {}
    return Case(_file(draw), price, tuple(named), {**told, "limits": {"max_cost": 100}})


def answer(heard: Heard) -> Answered:
    """As many images as were asked, one a message, and no word about tokens."""
    if heard.path.endswith("/chat/completions"):
        words = f"![one](data:image/png;base64,{IMAGE})"
        return 200, {"choices": [{"message": {"role": "assistant", "content": words}}]}
    return 200, {"created": 1, "data": [{"b64_json": IMAGE}] * heard.body["n"]}


def charged(price: dict[str, str], heard: list[Heard]) -> int:
    """Say what the server takes for these calls, in micro-dollars."""
    images = sum(one.body.get("n", 1) for one in heard)
    each, call = (Decimal(price.get(name, 0)) for name in ("per_image", "per_call"))
    return int((each * images + call * len(heard)) * 1_000_000)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(case=cases())
@example(
    case=Case(
        {"default_model": "draws-1", "chat_models": ["draws-1"]},
        {"per_call": "0.01"},
        ({"id": "j0", "prompt": "A dot", "n": 4},),
        {"limits": {"max_cost": 100}},
    )
)
def test_planned_calls_are_made_and_cost_no_more_than_planned(case: Case) -> None:
    """Check, plan, run and bill agree over the number of calls, and the bill is never above the worst case."""
    with TemporaryDirectory() as place, Counting(answer) as server:
        root = Path(place)
        prices = dict.fromkeys(MODELS, case.price)
        about = {"base_url": server.base_url, "key_variable": None, "prices": prices, **case.file}
        (root / "p.yaml").write_text(yaml.safe_dump(about), "utf-8")
        manifest = root / "m.yaml"
        manifest.write_text(yaml.safe_dump({"provider": "./p.yaml", **case.told, "jobs": list(case.jobs)}), "utf-8")
        options = Options(output=root / "out")
        estimate = plan.estimate_manifest(manifest, options)
        assert not server.heard
        result = run_manifest(manifest, options, Unwatched())
        assert int(result.exit) == 0, result.summary["why"]
        assert estimate.calls == len(server.posts)
        assert charged(case.price, server.posts) <= estimate.high
        money = result.summary["money"]
        assert money["confirmed_micro_usd"] + money["estimated_micro_usd"] == charged(case.price, server.posts)
