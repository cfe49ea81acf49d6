"""What an answered call cost, whatever the answer says about it; and which price may be believed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batchgen.app.config.project import open_project
from batchgen.app.preview import check, plan
from batchgen.errors import InputError
from batchgen.ledger import AttemptRow
from batchgen.mock.faults import FAULTS
from tests.wire.scene import Scene, Seen, scene

ODD = sorted(name for name in FAULTS if name.startswith("usage_") and name not in {"usage_first", "usage_10x"})
OTHER = {"other_model": "model_mismatch", "other_size": "size_mismatch", "other_quality": "quality_mismatch"}


def charged(here: Scene) -> dict[str, int]:
    """Say what the server charged for each call, by the id that we gave it."""
    return {entry["headers"]["X-Client-Request-Id"]: entry["charged_micro_usd"] for entry in here.bill()}


def test_odd_usages_never_cost_nothing(place_of_work: Path) -> None:
    """Missing, null, zero, negative, NaN or textual: the table's figure for all images, marked estimated."""
    with scene(place_of_work) as here:
        jobs = [
            {"id": f"{name}-{n}", "prompt": f"Lamp {n} [[mock: fault={name}]]", "n": n} for name in ODD for n in (1, 4)
        ]
        seen = here.run(here.manifest([*jobs, {"id": "good", "prompt": "A lamp"}]))
        assert seen.exit == 0
        bill = charged(here)
        for row in seen.attempts:
            assert row.estimated == (row.job_id != "good"), row.job_id
            assert 0 < row.cost == bill[row.id] <= row.high
        assert seen.money["estimated_micro_usd"] == sum(row.cost for row in seen.attempts if row.estimated)
        for image in seen.table("images.csv"):
            doubted = {"usage_missing", "usage_implausible"} & set(image["flags"].split())
            assert len(doubted) == (image["job_id"] != "good"), image["job_id"]


@pytest.mark.parametrize("fault", sorted(OTHER))
def test_something_else_was_drawn(place_of_work: Path, fault: str) -> None:
    """Another model, size or quality than asked settles at the dearer of both, and every such image is flagged."""
    with scene(place_of_work) as here:
        jobs: list[dict[str, Any]] = [
            {"id": "asked", "prompt": "A lamp", "n": 2},
            {"id": "other", "prompt": f"A lamp [[mock: fault={fault}]]", "n": 2},
            *({"id": f"later-{at}", "prompt": f"Lamp {at}"} for at in range(3)),
        ]
        seen = here.run(here.manifest(jobs, limits={"max_cost": 100, "concurrency": 1}))
        assert seen.exit == 0
        costs = {row.job_id: row for row in seen.attempts}
        bill = charged(here)
        asked, other = costs["asked"], costs["other"]
        assert other.cost >= bill[other.id]
        assert other.cost >= asked.cost - 40  # the words of the fault are not those of the lamp
        flags = {row["job_id"]: row["flags"] for row in seen.table("images.csv")}
        assert OTHER[fault] in flags["other"]
        assert OTHER[fault] not in flags["asked"]
        assert here.billed <= seen.charged


@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.slow] if s >= 3 else []) for s in range(30)])
def test_a_price_three_times_the_tables(place_of_work: Path, seed: int) -> None:
    """The overshoot is at most what was in flight, the run stops with exit 4, and the price row is named."""
    parallel = Random(seed).choice([1, 4, 8])
    with scene(place_of_work, seed=seed, price_factor=Decimal(3), latency=(0.0, 0.05)) as here:
        jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": 1 + at % 4} for at in range(40)]
        seen = here.run(here.manifest(jobs, limits={"max_cost": 0.2, "concurrency": parallel}))
        assert seen.exit == 4
        sent = [row for row in seen.attempts if row.state.value != "not_sent"]
        assert 1 <= len(here.bill()) == len(sent) <= parallel
        over = sum(max(0, row.cost - row.high) for row in sent)
        assert here.billed == seen.charged <= 200_000 + over
        why = seen.result.summary["why"]
        assert "gpt-image-2.5-flare" in why
        assert "price row" in why


def shop(root: Path, here: Scene, prices: str, as_of: object = None) -> Path:
    """Return a provider file of one's own."""
    path = root / "shop.yaml"
    dated = as_of or datetime.now(UTC).date()
    path.write_text(
        f"like: openai\nbase_url: {here.handle.base_url}\nkey_variable: OPENAI_API_KEY\n"
        f"models: [gpt-image-2, house-special]\ndefault_model: gpt-image-2\nas_of: {dated}\nprices: {prices}\n",
        "utf-8",
    )
    return path


def test_a_stale_price_is_named_with_its_date(place_of_work: Path) -> None:
    """A price row older than 60 days is a warning of check, plan and run; a younger one is not."""
    with scene(place_of_work) as here:
        today = datetime.now(UTC).date()
        for days, expected in ((59, False), (61, True)):
            old = today - timedelta(days=days)
            path = shop(place_of_work, here, "{gpt-image-2: {per_image: 0.01}}", old)
            manifest = here.manifest([{"id": "lamp", "prompt": f"A lamp {days}"}], f"m{days}", provider=str(path))
            options = here.options(manifest.stem, base_url=None)
            seen = here.run(manifest, base_url=None)
            for problems in (
                check.check(open_project(manifest, options)).problems,
                plan.plan_manifest(manifest, options).warnings,
                seen.result.problems,
            ):
                said = any(str(old) in str(problem) and "price" in str(problem) for problem in problems)
                assert said is expected, (days, problems)


def test_an_unpriced_model_is_refused(place_of_work: Path) -> None:
    """Nobody states a price: exit 2, nothing is sent; a price in the manifest, or in the provider's file, is enough."""
    with scene(place_of_work) as here:
        path = shop(place_of_work, here, "{gpt-image-2: {official: true}}")
        told: dict[str, Any] = {"provider": str(path)}
        lamp = {"id": "lamp", "prompt": "A lamp", "model": "house-special"}
        manifest = here.manifest([lamp], **told)
        with pytest.raises(InputError, match="house-special") as refused:
            here.run(manifest, base_url=None)
        assert "prices:" in str(refused.value)
        with pytest.raises(InputError, match="house-special"):
            plan.estimate_manifest(manifest, here.options(base_url=None))
        assert here.bill() == []
        priced = here.manifest([lamp], **told, prices={"house-special": {"per_image": 0.03}})
        estimate = plan.estimate_manifest(priced, here.options(base_url=None))
        assert estimate.expected == estimate.high == 30_000


def test_prices_of_the_manifest_win(place_of_work: Path) -> None:
    """One's own price is what is estimated, reserved and settled."""
    with scene(place_of_work) as here:
        own = {"gpt-image-2.5-flare": {"token_prices": {"text_in": 10, "image_in": 16, "image_out": 60}}}
        lamp = {"id": "lamp", "prompt": "A lamp", "n": 2}
        plain, dear = here.manifest([lamp], "plain"), here.manifest([lamp], "dear", prices=own)
        at_list, twice = (plan.estimate_manifest(path, here.options(path.stem)) for path in (plain, dear))
        assert twice.expected == 2 * at_list.expected
        first, second = here.run(plain), here.run(dear)
        assert second.charged == 2 * first.charged


def row_of(seen: Seen, job_id: str) -> AttemptRow:
    """Return the one call of a job."""
    (row,) = (row for row in seen.attempts if row.job_id == job_id)
    return row


def test_estimates_learn_from_what_calls_did_cost(place_of_work: Path) -> None:
    """After runs the median of such calls is what the next ones are expected to cost; the worst case stays."""
    with scene(place_of_work, price_factor=Decimal("0.5")) as here:
        jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}"} for at in range(5)]
        fine = {"id": "fine", "prompt": "L", "quality": "medium"}
        more: list[dict[str, Any]] = [*jobs, {"id": "new", "prompt": "Lamp 9", "n": 3}, fine]
        manifest = here.manifest(more)
        before = plan.estimate_manifest(manifest, here.options())
        seen = here.run(manifest, only=("lamp-*",))
        costs = sorted(row.cost for row in seen.attempts)
        after = plan.estimate_manifest(manifest, here.options())
        assert (before.images, after.images) == (9, 4)
        rows = {row.quality: row for row in after.rows}
        assert rows["low"].expected == 3 * costs[len(costs) // 2]
        earlier = {row.quality: row for row in before.rows}
        assert rows["medium"] == earlier["medium"]
        assert rows["low"].high * 8 > earlier["low"].high * 2.9
        real = here.run(manifest)
        assert abs(row_of(real, "new").cost - rows["low"].expected) <= rows["low"].expected * 0.05
