"""The providers of a manifest, each with its key's variable, limits and weight, and the label that tells it apart."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from batchgen import catalog
from batchgen.app.config.environment import FREE_KEY, MOCK, Secret, headers_for, key_for
from batchgen.errors import InputError, Place, Problem
from batchgen.manifest import Manifest
from batchgen.model import Limits, Provider, ProviderEntry, Settings
from batchgen.model.settings import EACH

OFFICIAL_BASE_URL = "OPENAI_BASE_URL"
"""Honoured for the provider `openai`, as by the vendor's own clients."""


@dataclass(frozen=True)
class LaneConfig:
    """A provider as the manifest sets it up: named by its label, with the manifest's settings as they are there.

    `free`: images cost nothing there, so that neither a key nor a limit is needed. `most` is how many calls at once its
    entry allows, whatever a command asks for.
    """

    provider: Provider
    settings: Settings
    weight: int = 1
    free: bool = False
    place: Place | None = field(default=None, compare=False)
    most: int | None = None

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return self.provider.name

    def narrowed(self, concurrency: int) -> "LaneConfig":
        """Return it with so many calls at once, but for what its entry does not allow."""
        limits = replace(self.settings.limits, concurrency=min(concurrency, self.most or concurrency))
        return replace(self, settings=replace(self.settings, limits=limits))


@dataclass(frozen=True)
class Access:
    """What opens a provider: its key, and the headers of its file; all of them secrets."""

    key: Secret | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)


def access_to(lane: LaneConfig, variables: Mapping[str, str]) -> Access:
    """Return the key and headers of a provider. AccountError when one is not set; see `key_for`."""
    key = FREE_KEY if lane.free else key_for(lane.provider, variables)
    return Access(key, headers_for(lane.provider, variables))


def lanes_of(loaded: Manifest, variables: Mapping[str, str], base_url: str | None) -> tuple[LaneConfig, ...]:
    """Return the providers of a manifest, with its settings as they are at each.

    InputError, with every problem at its place, when one cannot be used.
    """
    settings = loaded.settings
    entries = settings.providers or (ProviderEntry(settings.provider, place=loaded.provider_place),)
    if base_url and len(entries) > 1:
        raise InputError("--base-url is for one provider: write the base_url of each into its provider file")
    found, problems = list[Provider](), list[Problem]()
    for entry in entries:
        try:
            catalog.provider(entry.name)
        except InputError as error:
            problems += (replace(one, place=one.place or entry.place) for one in error.problems)
        else:
            found.append(_provider(entry, address_of(entry.name, base_url, variables)))
    if problems:
        raise InputError(*problems)
    labels = _labels(entries, found) if settings.providers else [one.name for one in found]
    if twice := list(_repeated(entries, labels)):
        raise InputError(*twice)
    return tuple(
        LaneConfig(
            replace(provider, name=label),
            settings_at(provider, settings, entry.limits),
            entry.weight,
            provider.name == MOCK,
            entry.place,
            dict(entry.limits).get("concurrency"),
        )
        for entry, provider, label in zip(entries, found, labels, strict=True)
    )


def address_of(name: str, given: str | None, variables: Mapping[str, str]) -> str | None:
    """Return the address that stands above a provider's own: the given one, or that of the vendor's variable."""
    return given or (variables.get(OFFICIAL_BASE_URL) if name == "openai" else None)


def _provider(entry: ProviderEntry, base_url: str | None) -> Provider:
    """Return the provider of an entry, with its own variable for the key."""
    provider = catalog.provider(entry.name, base_url)
    return replace(provider, key_variable=entry.key) if entry.key else provider


def _labels(entries: Sequence[ProviderEntry], found: Sequence[Provider]) -> list[str]:
    """Tell providers apart: by their labels, their names or files, and by the keys where one stands twice."""
    names = [Path(entry.name).stem for entry in entries]
    often = Counter(names)
    several = [
        f"{name}:{provider.key_variable}" if often[name] > 1 and provider.key_variable else name
        for name, provider in zip(names, found, strict=True)
    ]
    return [entry.label or name for entry, name in zip(entries, several, strict=True)]


def _repeated(entries: Sequence[ProviderEntry], labels: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, Place | None] = {}
    for entry, label in zip(entries, labels, strict=True):
        if label in first:
            why = f"{label} stands twice, first at {first[label]}: give one of the two a label, and its own key"
            yield Problem(why, entry.place)
        first.setdefault(label, entry.place)


def settings_at(provider: Provider, stated: Settings, own: Sequence[tuple[str, int]] = ()) -> Settings:
    """Return a manifest's settings as they are at one provider.

    Of each kind, the limit that its entry states holds, else the manifest's, else the provider's own.
    """
    limits, unset = replace(stated.limits, **dict[str, Any](own)), Limits()
    theirs: dict[str, Any] = {
        kind: most for kind, most in provider.limits if getattr(limits, kind) == getattr(unset, kind)
    }
    return replace(stated, limits=replace(limits, **theirs))


def together(lanes: Sequence[LaneConfig]) -> Limits:
    """Return what all providers allow together; without a limit of a kind where one has none."""
    limits = [lane.settings.limits for lane in lanes]
    sums: dict[str, Any] = {}
    for kind in EACH:
        each = [getattr(one, kind) for one in limits]
        sums[kind] = None if None in each else sum(each)
    return replace(limits[0], concurrency=sum(one.concurrency for one in limits), **sums)
