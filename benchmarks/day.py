"""A day of very many images over several keys and nodes, in virtual time: `python -m benchmarks.day --help`.

Each call waits for the pace of its key, for its turn on the driver, and for a place on the node with the most room; the
provider answers after a random time, and the node decodes and stores. What is used most is the bottleneck.
"""

import argparse
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from random import Random

DAY = 86_400.0
SPREAD = 0.4
"""The deviation of the logarithm of a provider's time."""


@dataclass(frozen=True)
class Plan:
    """What is drawn, by what, and what each call costs there."""

    images: int = 1_000_000
    keys: int = 20
    images_per_minute: float = 50.0
    nodes: int = 4
    per_node: int = 64
    cores: int = 4
    provider_seconds: float = 30.0
    driver_ms: float = 2.5
    node_ms: float = 15.0
    image_mb: float = 2.0
    again: float = 0.02


@dataclass(frozen=True)
class Used:
    """How long it took, and the share of its time that each part was busy."""

    hours: float
    keys: float
    places: float
    driver: float
    node_cpu: float
    megabits: float

    def rows(self) -> Iterator[tuple[str, float]]:
        """Name the parts that can be the bottleneck, with how busy they were."""
        yield "limits of the keys", self.keys
        yield "places on the nodes (per_node)", self.places
        yield "the driver's core", self.driver
        yield "the nodes' cores", self.node_cpu


def simulate(plan: Plan, seed: int = 1) -> Used:
    """Draw everything."""
    chance = Random(seed)
    pace = 60.0 / plan.images_per_minute
    keys = [(0.0, number) for number in range(plan.keys)]
    places = [(0.0, number) for number in range(plan.nodes * plan.per_node)]
    cores = [[0.0] * plan.cores for _ in range(plan.nodes)]
    driver = end = waiting = 0.0
    middle = math.log(plan.provider_seconds) - SPREAD**2 / 2
    calls = math.ceil(plan.images * (1 + plan.again))
    for _ in range(calls):
        may, key = keys[0]
        free, place = places[0]
        # Half of the driver's work is before a call (permit, reservation), half after it (settlement).
        driver = max(driver, may, free) + plan.driver_ms / 1000
        heapq.heapreplace(keys, (max(driver, may) + pace, key))
        answered = driver + chance.lognormvariate(middle, SPREAD)
        core = cores[place % plan.nodes]
        soonest = core.index(min(core))
        core[soonest] = max(core[soonest], answered) + plan.node_ms / 1000
        heapq.heapreplace(places, (core[soonest], place))
        waiting += core[soonest] - driver
        end = max(end, core[soonest])
    return Used(
        hours=end / 3600,
        keys=calls * pace / plan.keys / end,
        places=waiting / (plan.nodes * plan.per_node) / end,
        driver=calls * plan.driver_ms / 1000 / end,
        node_cpu=calls * plan.node_ms / 1000 / (plan.nodes * plan.cores) / end,
        megabits=calls * plan.image_mb * 8 * (4 / 3 + 1) / plan.nodes / end,
    )


def main() -> None:
    """Simulate what was asked for, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    for field in fields(Plan):
        kind = int if isinstance(field.default, int) else float
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    plan = Plan(**vars(parser.parse_args()))
    used = simulate(plan)
    first, _ = max(used.rows(), key=lambda row: row[1])
    print(f"{plan.images:,} images in {used.hours:.1f} h; {used.megabits:.0f} Mbit/s in and out of each node")
    for name, share in used.rows():
        print(f"  {share:6.1%}  {name}{'  <- first' if name == first else ''}")


if __name__ == "__main__":
    main()
