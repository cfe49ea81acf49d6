"""Several ways to draw the same rows, side by side: which belong together, what they cost and what one would save."""

import json

import pytest

from batchgen.app.review.decisions import review
from batchgen.ledger import VariantRow, WayRow
from batchgen.money import MicroUSD
from batchgen.reporter import comparison
from tests.rehearsal import Rehearsal

ROWS = [{"sku": "A", "name": "chair"}, {"sku": "B", "name": "lamp"}]
JOB = {"id": "{{ sku }}-{{ angle }}-{{ way }}", "rows": ROWS, "prompt": "A {{ name }} from the {{ angle }}", "n": 2}
PRICES = {"gpt-image-1": {"per_image": "0.04"}, "gpt-image-1-mini": {"per_image": "0.011"}}


@pytest.fixture(autouse=True)
def quick(scene: Rehearsal) -> None:
    """Have images drawn in the format that is encoded fastest."""
    scene.settings["defaults"]["output_format"] = "jpeg"


def test_qualities_of_the_same_row_stand_side_by_side(scene: Rehearsal) -> None:
    """Each row, slot and angle is compared for itself; the saving is against the dearest, to the micro-dollar."""
    job = {**JOB, "matrix": {"angle": ["front", "side"], "way": ["low", "high"]}, "quality": "{{ way }}"}
    ended = scene.run(scene.manifest([job]))
    table = ended.table("comparison")
    assert len(table) == 16
    assert {len({row["variant"] for row in table if key(row) == one}) for one in map(key, table)} == {2}
    cost = {(row["job_id"], row["slot"]): int(row["cost_micro_usd"]) for row in table}
    for row in table:
        low, high = (cost[row["job_id"].rpartition("-")[0] + f"-{way}", row["slot"]] for way in ("low", "high"))
        assert int(row["saving_micro_usd"]) == (high - low if row["variant"] == "low" else 0)
        assert row["quality"] == row["variant"]
        assert (ended.folder / row["path"]).is_file()
    assert table[0]["row"] == "job 1, row 1, angle front"
    page = (ended.folder / "report" / "report.html").read_text("utf-8")
    assert '<details id="comparison"' in page


def key(row: dict[str, str]) -> tuple[str, str]:
    """Say what is drawn, whatever the way."""
    return row["row"], row["slot"]


def test_models_and_prompts_are_ways_too(scene: Rehearsal) -> None:
    """Models under prices of one's own are compared by them; prompts by an axis that is called so."""
    models = {**JOB, "id": "m-{{ sku }}-{{ m }}", "matrix": {"m": sorted(PRICES)}, "model": "{{ m }}", "n": 1}
    models["prompt"] = "A {{ name }}"
    prompts = {**models, "id": "p-{{ sku }}-{{ prompt }}", "matrix": {"prompt": ["on a beach", "in a studio"]}}
    prompts |= {"prompt": "A {{ name }} {{ prompt }}", "model": "gpt-image-1"}
    ended = scene.run(scene.manifest([models, prompts], prices=PRICES))
    table = ended.table("comparison")
    assert [row["variant"] for row in table] == [
        *["gpt-image-1", "gpt-image-1-mini"] * 2,
        *["on a beach", "in a studio"] * 2,
    ]
    assert [row["saving_micro_usd"] for row in table] == ["0", "29000", "0", "29000", "0", "0", "0", "0"]


def test_what_is_no_alternative_is_not_compared(scene: Rehearsal) -> None:
    """Angles, colours, and rows that name their own model are different images, not ways to draw one."""
    rows = [{**ROWS[0], "m": "gpt-image-1"}, {**ROWS[1], "m": "gpt-image-1-mini"}]
    ended = scene.run(
        scene.manifest(
            [{**JOB, "rows": rows, "matrix": {"angle": ["front", "side"], "way": ["x"]}, "model": "{{ m }}"}]
        )
    )
    assert ended.exit == 0
    assert not (ended.folder / "report" / "comparison.csv").exists()
    assert "Side by side" not in (ended.folder / "report" / "report.html").read_text("utf-8")


def test_a_way_that_brought_nothing_is_not_compared(scene: Rehearsal) -> None:
    """Where only one way has an image there is nothing to compare, and nothing is saved."""
    job = {**JOB, "n": 1, "matrix": {"angle": ["front"], "way": ["low", "high"]}, "quality": "{{ way }}"}
    first = scene.run(scene.manifest([job]), only=("*-low",))
    assert not (first.folder / "report" / "comparison.csv").exists()
    second = scene.run(scene.manifest([job]))
    assert len(second.table("comparison")) == 4


def test_the_page_shows_some_and_counts_all() -> None:
    """Sums hold every image, however few of them are shown."""
    kept = comparison.Comparison()
    things = [tuple(shown(thing, way, cost) for way, cost in (("a", 30), ("b", 10))) for thing in range(200)]
    kept.add(things[:150])
    kept.add(things[150:])
    assert (len(kept.things), kept.total) == (comparison.MOST_THINGS, 200)
    assert {name: (way.images, way.cost, way.saving) for name, way in kept.ways.items()} == {
        "a": (200, 6000, 0),
        "b": (200, 2000, 4000),
    }


@pytest.mark.parametrize(
    ("approved", "rejected", "advice"),
    [
        (24, 1, "b is 3 times cheaper than a, 96% accepted (24 of 25)"),
        (4, 0, ""),  # too few were looked at
        (20, 5, ""),  # too few were taken
    ],
)
def test_the_comparison_says_which_way_to_go(approved: int, rejected: int, advice: str) -> None:
    """The cheapest that people take, and only when enough was looked at."""
    kept = comparison.Comparison({"b": WayRow("b", approved, rejected), "a": WayRow("a", 30, 0)})
    kept.add([tuple(shown(thing, way, cost) for way, cost in (("a", 30), ("b", 10))) for thing in range(25)])
    assert kept.advice() == advice
    assert (advice in str(comparison.section(kept, ()))) is True


def test_what_was_accepted_is_told_by_what_draws_and_what_is_drawn(scene: Rehearsal) -> None:
    """Rates are of what was decided about, costs of all that was drawn; nothing is told before anybody decided."""
    ways = [(sku, quality) for sku in "ab" for quality in ("low", "medium")]
    jobs = [{"id": f"{sku}-{q}", "prompt": sku, "quality": q, "tags": {"sku": sku}} for sku, q in ways]
    path = scene.manifest(jobs)
    ended = scene.run(path)
    assert not (ended.folder / "report/accepted.csv").exists()
    told = [
        {"job": row["job_id"], "key": row["job_key"], "slot": 0, "sha256": row["sha256"], "decision": decision}
        for row, decision in zip(ended.table("images"), ("approved", "approved", "rejected", "approved"), strict=True)
    ]
    decided = scene.root / "review.json"
    decided.write_text(json.dumps({"batchgen_review": 1, "decisions": told}), "utf-8")
    review(decided, ended.folder)
    rows = {(row["by"], row["value"]): row for row in ended.table("accepted")}
    assert {by: rows[by]["accept_rate"] for by in rows if by[0] in {"quality", "tag sku"}} == {
        ("quality", "low"): "0.5",
        ("quality", "medium"): "1.0",
        ("tag sku", "a"): "1.0",
        ("tag sku", "b"): "0.5",
    }
    assert sum(int(row["cost_micro_usd"]) for (by, _), row in rows.items() if by == "model") == scene.billed
    assert len([by for by, _ in rows if by == "template"]) == 4


def shown(thing: int, way: str, cost: int) -> comparison.Shown:
    """One way among others, of which the dearest costs 30."""
    row = VariantRow(
        f"{thing}", 0, way, "id", "k" * 64, "images/x.png", "ab" * 32, "png", "m", "s", "q", "A chair", MicroUSD(cost)
    )
    return comparison.Shown(row, MicroUSD(30 - cost))
