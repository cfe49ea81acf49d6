"""Scenes drawn by a seed: any jobs, any settings, any weather."""

import random
from dataclasses import replace
from random import Random

from batchgen.model import Budget, Limits, OnMismatch, OnPartial, OnUncertain, Retry, Settings
from batchgen.money import MicroUSD
from batchgen.planner import Choices
from tests.simulation.provider import Weather
from tests.simulation.world import Scene, job

ENDS = (
    "short",
    "none",
    "odd_usage",
    "other_model",
    "unlike",
    "address",
    "blocked_early",
    "blocked_late",
    "limited",
    "overloaded",
    "broken",
    "unreached",
    "silent",
    "cut_off",
    "truncated",
    "error_inside",
    "unconnected",
    "lost",
)


def any_scene(seed: int) -> Scene:
    """Draw a scene; the same seed draws the same scene, and makes the back-off the same."""
    random.seed(seed)
    chance = Random(f"scene {seed}")
    amount = chance.choice((1, 3, 6, 12, 30))
    names = [f"j{number}" for number in range(amount)]
    jobs = tuple(
        job(name, chance.choice((1, 1, 2, 4, 5)), quality=chance.choice(("low", "medium", "high"))) for name in names
    )
    weather = any_weather(chance, names)
    if seed % 5 == 3:  # no dice: every seed's other weather stays as it was
        weather = replace(weather, weights={**weather.weights, "later": 0.3})
    return Scene(
        jobs=jobs,
        weather=weather,
        settings=any_settings(chance, sum(one.n for one in jobs)),
        slow_disk=chance.random() < 0.5,
        signal_at=chance.uniform(0, 600) if chance.random() < 0.1 else None,
        abort_at=chance.uniform(0, 400) if chance.random() < 0.1 else None,
    )


def any_weather(chance: Random, names: list[str]) -> Weather:
    """Mostly fair, sometimes foul, with one or two things that go for good."""
    foulness = chance.choice((0.0, 0.05, 0.2, 0.5, 1.0))
    kinds = chance.sample(ENDS, chance.randint(1, len(ENDS)))
    weights = {"whole": 1.0 - foulness + 0.001} | {name: foulness * chance.random() for name in kinds}
    number = chance.randint(1, max(2, len(names)))

    def some(part: float) -> frozenset[str]:
        return frozenset(name for name in names if chance.random() < part)

    rare = chance.random()
    return Weather(
        weights=weights,
        seconds=chance.choice(((5.0, 60.0), (0.1, 0.2), (30.0, 500.0))),
        no_quota_from=number if rare < 0.06 else None,
        no_key_from=number if 0.06 <= rare < 0.1 else None,
        disk_full_from=number if 0.1 <= rare < 0.13 else None,
        quota_form=chance.randrange(3),
        dear=3 if 0.13 <= rare < 0.16 else 1,
        per_minute=chance.choice((6, 20, 60)) if 0.16 <= rare < 0.26 else None,
        bills_failures=0.26 <= rare < 0.32,
        tells_wait=chance.random() < 0.7,
        doomed=some(0.1) if chance.random() < 0.2 else frozenset(),
        poisoned=some(0.1) if chance.random() < 0.2 else frozenset(),
        blocked=some(0.1) if chance.random() < 0.2 else frozenset(),
    )


def any_settings(chance: Random, images: int) -> Settings:
    """Any policy and any limits, from none at all to what is too little for anything."""
    money = MicroUSD(int(images * chance.choice((3_000, 10_000, 40_000, 200_000)) * chance.random()))
    which = chance.random()
    limits = Limits(
        concurrency=chance.choice((1, 2, 5, 16, 64)),
        images_per_minute=chance.choice((None, None, None, 10, 60)),
        requests_per_minute=chance.choice((None, None, None, 30)),
        max_cost=money if which < 0.4 else None,
        max_images=chance.randint(1, images) if 0.4 <= which < 0.5 else None,
        images_per_day=chance.randint(1, images) if 0.5 <= which < 0.55 else None,
    )
    return Settings(
        "sim",
        limits=limits,
        budget=Budget(day=money) if 0.55 <= which < 0.65 else None,
        retry=Retry(attempts=chance.choice((1, 2, 4, 4)), max_uncertain=chance.choice((0, 1, 1, 2))),
        on_partial=chance.choice((OnPartial.TOP_UP, OnPartial.TOP_UP, OnPartial.ACCEPT, OnPartial.FAIL)),
        on_uncertain=chance.choice((OnUncertain.RETRY, OnUncertain.RETRY, OnUncertain.HOLD)),
        on_mismatch=chance.choice(tuple(OnMismatch)),
        images_per_request=chance.choice((None, None, 1, 2)),
    )


def fair_again(scene: Scene) -> Scene:
    """Return the same jobs in fine weather and without limits, as a later run finds them."""
    limits = Limits(concurrency=scene.settings.limits.concurrency)
    settings = replace(scene.settings, limits=limits, budget=None)
    at_risk = settings.on_uncertain is OnUncertain.RETRY
    choices = replace(scene.choices, on_uncertain=settings.on_uncertain, at_risk=at_risk)
    return replace(scene, weather=Weather(), settings=settings, choices=choices, signal_at=None, abort_at=None)


def with_choices(scene: Scene, **changes: object) -> Scene:
    """Return the same scene with other choices of the user's."""
    return replace(scene, choices=replace(Choices(), **changes))  # type: ignore[arg-type]
