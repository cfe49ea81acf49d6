"""`estimate --compare`: what the same images cost where they could be drawn, and why they could not be elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview import check
from batchgen.app.preview.compare import CompareRow
from batchgen.app.preview.plan import estimate_manifest
from batchgen.catalog import providers
from batchgen.model import RouteChoice

ROWS = [{"sku": f"s{n}", "name": "chair " * n} for n in range(1, 6)]
PLAIN: dict[str, Any] = {"model": "gpt-image-2.5-flare", "quality": "low", "size": "1024x1024"}
MANIFESTS: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    "two settings": {**PLAIN, "quality": "{{ 'low' if name | length < 18 else 'high' }}", "n": 3},
    "two models": {**PLAIN, "model": "{{ 'gpt-image-1' if name | length < 18 else 'gpt-image-2.5-flare' }}"},
    "a format": {**PLAIN, "output_format": "webp"},
    "clear": {"model": "gpt-image-1.5", "quality": "low", "background": "transparent", "output_format": "png"},
    "long": {**PLAIN, "prompt": "{{ name }}" + "word " * 500},
}
ELSEWHERE = "is not known to serve"
"""What only a comparison says: `check` takes the user's word for what a gateway serves."""


@pytest.fixture(params=MANIFESTS)
def manifest(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a manifest of five jobs, for a provider with batches."""
    monkeypatch.chdir(tmp_path)
    job = {"id": "{{ sku }}", "rows": ROWS, "prompt": "A {{ name }}", **MANIFESTS[request.param]}
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump({"name": "m", "provider": "openai", "jobs": [job]}), "utf-8")
    return path


def own(rows: tuple[CompareRow, ...]) -> Iterator[CompareRow]:
    """Rows at the manifest's own settings."""
    return (row for row in rows if row.own)


@pytest.mark.sample(2)
def test_each_row_says_what_estimate_and_check_say_of_that_provider_and_route(manifest: Path) -> None:
    """The price is that of `estimate --provider P`, and what `check --provider P` refuses is refused here."""
    for row in estimate_manifest(manifest, Options(), compare=True).compare:
        there = Options(provider=row.provider, route=RouteChoice(row.route))
        found = check.check(open_project(manifest, there))
        said = {problem.message for problem in found.errors}
        assert bool(said) <= bool(row.refused), row
        assert {why for why in row.refused if ELSEWHERE not in why and "--base-url" not in why} <= said
        if row.runs:
            assert row.expected == estimate_manifest(manifest, there).expected


@pytest.mark.sample(2)
def test_there_is_one_row_for_each_provider_and_route_and_one_is_yours(manifest: Path) -> None:
    """Every provider but the mock; what can be run stands first, the cheapest at the top."""
    rows = estimate_manifest(manifest, Options(), compare=True).compare
    ways = [(row.provider, row.route) for row in rows]
    assert len(ways) == len(set(ways))
    assert {row.provider for row in rows} == {provider.name for provider in providers() if not provider.embedded}
    assert [(row.provider, row.route) for row in rows if row.yours] == [("openai", "sync")]
    assert [row.runs for row in rows] == sorted((row.runs for row in rows), reverse=True)
    prices = [row.expected for row in rows if row.runs and row.expected is not None]
    assert prices == sorted(prices)


@pytest.mark.sample(2)
def test_other_qualities_come_after_and_only_on_request(manifest: Path) -> None:
    """What stands first is the same with and without them."""
    few = estimate_manifest(manifest, Options(), compare=True).compare
    many = estimate_manifest(manifest, Options(), compare=True, qualities=True).compare
    assert tuple(own(few)) == few == many[: len(few)]
    assert len(many) > len(few)
    assert not any(row.own for row in many[len(few) :])


@pytest.mark.parametrize(
    ("words", "yours"),
    [
        (Options(), [("openai", "sync")]),
        (Options(route=RouteChoice.BATCH), [("openai", "batch")]),
        (Options(provider="apiyi"), [("apiyi", "sync")]),
        (Options(provider="azure"), [("azure", "sync")]),
        (Options(provider="mock"), []),
    ],
    ids=["plain", "batch", "another", "a further one", "mock"],
)
@pytest.mark.parametrize("manifest", ["plain"], indirect=True)
def test_what_a_run_would_take_is_yours(manifest: Path, words: Options, yours: list[tuple[str, str]]) -> None:
    """Also a provider that is not compared otherwise; samples of the mock are no offer."""
    rows = estimate_manifest(manifest, words, compare=True).compare
    assert [(row.provider, row.route) for row in rows if row.yours] == yours
