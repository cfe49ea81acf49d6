"""Servers that lie in usage, size, count, format, shape and address: random histories, and what holds in them all."""

from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batchgen.mock.faults import BODY, WIRE
from batchgen.mock.field_faults import ADDRESSES, KEYS, MONEY, SHAPES, STREAMS
from tests.wire.fates import FATES
from tests.wire.scene import Scene, Seen, scene

UNREAD = {"cost_dear"}
"""A cost that no provider file says is stated, and above every table: only its own file makes it readable."""
FREE = {"html_200", "html_200_console"}
"""Web pages, which are free by contract before a provider's first image: an honest answer stands for them."""
TOLD = {*BODY, *WIRE, *SHAPES, *STREAMS, *MONEY, *ADDRESSES, *KEYS} - UNREAD
LIES = sorted(
    name
    for name in TOLD
    if name not in FATES or not (FATES[name].slow or FATES[name].stops or FATES[name].deadline != 10.0)
)
PARALLEL = 4
JOBS = 24
RUNS = 3
SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 1 else []) for seed in range(200)]


def histories(chance: Random) -> list[dict[str, Any]]:
    """Draw jobs whose calls meet lies, one after the other, and honest answers between them."""
    found = []
    for at in range(JOBS):
        drawn = [chance.choice([*chance.sample(LIES, 3), "ok", "ok"]) for _ in range(chance.randint(1, 4))]
        faults = ",".join("ok" if name in FREE else name for name in drawn)
        found.append(
            {
                "id": f"job-{at}",
                "prompt": f"Lamp {at} [[mock: fault={faults} slots={chance.choice(['first', 'last', 'all'])}]]",
                "n": chance.choice([1, 1, 2, 4]),
                "quality": chance.choice(["low", "medium", "auto"]),
                "size": chance.choice(["1024x1024", "1536x1024"]),
            }
        )
    return found


def bought_again(here: Scene) -> list[str]:
    """Return images that were here, or had an address, when a call asked for them again."""
    calls = defaultdict[tuple[str, int], list[str]](list)
    with here.ledger() as ledger:
        assert ledger.accounts.audit() == ()
        for row in ledger.report_rows.attempts():
            for slot in row.slots if row.state.value != "not_sent" else ():
                calls[row.job_id, slot].append(row.id)
        brought = ledger._database.db.execute(
            "SELECT j.id, i.slot, i.attempt_id FROM images i JOIN jobs j ON j.key = i.job_key"
            " WHERE i.state IN ('stored', 'lost_paid') OR i.url IS NOT NULL"
        ).fetchall()
    return [f"{job} {slot}" for job, slot, attempt in brought if calls[job, slot][-1] != attempt]


def booked(seen: Seen) -> int:
    """Say what the books hold as charged, or perhaps charged."""
    return seen.charged + seen.money["at_risk_micro_usd"]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_lie_hides_a_cent_passes_the_cap_or_buys_an_image_again(place_of_work: Path, seed: int) -> None:
    """Booked is at least the bill, the bill at most the cap and what was in flight, and what was paid is kept."""
    chance = Random(f"lies {seed}")
    cap = chance.choice([0.05, 0.2, 5])
    with scene(place_of_work, fixed_bytes=None) as here:
        manifest = here.manifest(histories(chance), limits={"max_cost": cap, "concurrency": PARALLEL})
        for _ in range(RUNS):
            before = here.billed
            seen = here.run(manifest)
            dearest = max(int(entry["charged_micro_usd"]) for entry in here.bill())
            assert here.billed <= booked(seen)
            assert here.billed - before <= cap * 1_000_000 + PARALLEL * dearest
            assert bought_again(here) == []
