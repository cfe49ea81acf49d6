"""What a shard may do: its share of every limit and budget, in a folder of its own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchgen.errors import InputError
from batchgen.ledger import Ledger
from batchgen.model import Budget, Limits, Settings, Shard
from batchgen.money import MicroUSD

COUNTS = ("max_images", "images_per_day")
FACT = "shard"
"""What the facts of a run call the shard that it was about."""


def divided(settings: Settings, shard: Shard) -> Settings:
    """Return the settings of one shard: what all of them may do together is no more than what the manifest allows."""
    if settings.ledger:
        raise InputError(
            f"`ledger: {settings.ledger}` is one for all, and each shard has a ledger of its own: leave `ledger` out "
            "with --shard"
        )
    budget = settings.budget and replace(settings.budget, **_wholes(settings.budget, ("day", "month"), shard))
    return replace(settings, limits=shared(settings.limits, shard), budget=budget)


def shared(limits: Limits, shard: Shard) -> Limits:
    """Return one shard's share of limits; calls side by side are of one machine, and stay."""
    return replace(limits, shards=shard.count, **_wholes(limits, (*COUNTS, "max_cost"), shard))


def _wholes(limits: Limits | Budget, names: tuple[str, ...], shard: Shard) -> dict[str, Any]:
    """Divide what has no fractions, rounded down; InputError where nothing would be left of it."""
    found: dict[str, Any] = {}
    for name in names:
        whole: int | None = getattr(limits, name)
        if not whole:
            continue
        if whole < shard.count:
            raise InputError(f"{name} is less than one for each of {shard.count} shards; allow more, or fewer shards")
        found[name] = MicroUSD(whole // shard.count)
    return found


def shard_of(ledger: Ledger) -> Shard | None:
    """Return the shard that the runs of a folder were about; None for the whole manifest, or without runs."""
    text = _facts(ledger).get(FACT)
    try:
        return Shard.read(text) if isinstance(text, str) else None
    except ValueError:
        return None


def check_folder(output: Path, ledger: Ledger, shard: Shard | None) -> None:
    """Refuse a folder in which another shard was drawn, or all of a manifest: images would be paid twice."""
    if not _facts(ledger) or (held := shard_of(ledger)) == shard:
        return
    holds, advice = "the whole manifest", "leave --shard out" if held is None else f"give --shard {held}"
    raise InputError(f"{output} holds {f'shard {held}' if held else holds}: {advice}, or choose another --output")


def _facts(ledger: Ledger) -> dict[str, Any]:
    """Return what the latest run that drew a manifest was asked to do; nothing where there is none."""
    for run in ledger.runs.latest_first():
        facts = json.loads(run.command or "{}")
        if isinstance(facts, dict) and "manifest" in facts:
            return facts
    return {}
