"""A living catalogue: rows that come, change and go, photos, and the manifest that asks for them each night."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import yaml
from PIL import Image

ZONE = "Europe/Berlin"
LOOKS = {"quality": "low", "size": "1024x1024", "output_format": "webp", "model": "gpt-image-2"}
ANTIQUE, SUCCESSOR = "gpt-image-1.5", "gpt-image-2"
"""A model that is retired in the middle of the month, and what takes its place."""
KINDS: Mapping[str, Mapping[str, Any]] = {
    "card": {},
    "pair": {"n": 2},
    "room": {"images": "photos/{{ photo }}"},
    "antique": {"model": ANTIQUE},
}
OFTEN = ("card", "card", "card", "pair", "room", "room", "antique")
SECOND = "second"
MICRO = 1_000_000


@dataclass
class Form:
    """What the manifest says beside its rows; money in micro-dollars."""

    budget: int
    store: str = ""
    staged: bool = False
    derivatives: bool = False
    several: bool = False
    antiques_by: str = ANTIQUE
    prices: dict[str, Any] = field(default_factory=dict)
    more: list[dict[str, Any]] = field(default_factory=list)

    def settings(self) -> Iterator[tuple[str, Any]]:
        """Give the manifest's keys but `jobs`."""
        yield "name", "catalogue"
        yield from (("providers", ["openai", f"{SECOND}.yaml"]),) if self.several else (("provider", "openai"),)
        yield "defaults", LOOKS
        yield "limits", {"images_per_minute": 1_000_000, "concurrency": 16}
        yield "retry", {"base_seconds": 0.2, "cap_seconds": 1, "breaker_probe_seconds": [1, 1, 1]}
        yield "budget", {"day": self.budget / MICRO, "month": 20 * self.budget / MICRO, "timezone": ZONE}
        yield "batch", {"ready_by": 2 * 3600}
        yield "output", {"path": "{{ id }}-{{ index }}.{{ ext }}", **({"store": self.store} if self.store else {})}
        if self.prices:
            yield "prices", self.prices
        if self.staged:
            yield "stages", {"preview": {"quality": "low"}, "final": {"quality": "medium"}}
        if self.derivatives:
            yield "derivatives", {"web": {"max_edge": 48, "format": "webp"}}


class Catalogue:
    """Rows by their number of stock."""

    def __init__(self, root: Path, chance: Random, rows: int, form: Form) -> None:
        self._root, self._chance, self.form = root, chance, form
        self._many = max(1, rows // 40)
        self._numbers = count(1)
        self.rows: dict[str, dict[str, str]] = {}
        (root / "photos").mkdir(parents=True)
        for _ in range(rows):
            self.add()

    def add(self, kind: str = "") -> str:
        """Add one row; returns its number."""
        sku = f"s{next(self._numbers):05}"
        kind = kind or self._chance.choice(OFTEN)
        self.rows[sku] = {"sku": sku, "name": self._name(sku, kind), "kind": kind, "photo": f"{sku}.png"}
        if kind == "room":
            self._photo(sku)
        return sku

    def _name(self, sku: str, kind: str) -> str:
        """Say what a row is; what a retired model drew has another name when another one draws it."""
        word = kind if kind != "antique" or self.form.antiques_by == ANTIQUE else "old one"
        return f"A chair called {sku}, {word}"

    def _photo(self, sku: str) -> None:
        colour = tuple(self._chance.randrange(256) for _ in range(3))
        Image.new("RGB", (64, 64), colour).save(self._root / "photos" / f"{sku}.png")

    def edit(self) -> None:
        """Let a day pass: new, edited, removed rows, other photos."""
        for _ in range(self._chance.randrange(self._many + 1)):
            self.add()
        edited = min(self._chance.randrange(self._many + 1), len(self.rows))
        for sku in self._chance.sample(sorted(self.rows), edited):
            row = self.rows[sku]
            if row["kind"] == "room" and self._chance.random() < 0.5:
                self._photo(sku)
            else:
                row["name"] = f"{self._name(sku, row['kind'])}, edition {next(self._numbers)}"
        for sku in self._chance.sample(sorted(self.rows), self._chance.randrange(self._many // 2 + 1)):
            del self.rows[sku]

    def write(self) -> Path:
        """Write the manifest as it is today, its rows in any order."""
        rows = list(self.rows.values())
        self._chance.shuffle(rows)
        jobs = list(self.form.more)
        for kind, own in KINDS.items():
            some = [row for row in rows if row["kind"] == kind]
            with (self._root / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ("sku", "name", "kind", "photo"))
                writer.writeheader()
                writer.writerows(some)
            told = {**own, "model": self.form.antiques_by} if kind == "antique" else own
            if some:
                entry = {"id": "{{ sku }}", "rows": f"{kind}.csv", "prompt": "{{ name }}", "tags": {"kind": kind}}
                jobs.append({**entry, **told})
        path = self._root / "catalogue.yaml"
        path.write_text(yaml.safe_dump({**dict(self.form.settings()), "jobs": jobs}, sort_keys=False), "utf-8")
        return path
