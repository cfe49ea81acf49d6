"""What a manifest says beside its jobs becomes `Settings`."""

import os
from decimal import Decimal
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.errors import InputError
from batchgen.manifest import load
from batchgen.manifest.form import duration
from batchgen.model import (
    Budget,
    Event,
    Limits,
    Notify,
    OnPartial,
    OnUncertain,
    Prepare,
    Retry,
    Settings,
    TokenPrices,
)
from batchgen.money import MicroUSD

FULL = """
name: autumn
provider: mock
limits: {images_per_minute: 50, input_images_per_minute: 40, requests_per_minute: 30, tokens_per_minute: 800000,
         images_per_day: 1000, concurrency: 8, max_cost: 25.00, max_images: 7, max_duration: 2h}
budget: {day: 50, month: $800, timezone: Europe/Berlin}
ledger: ../ledger.db
retry: {attempts: 2, base_seconds: 0.5, cap_seconds: 1m, max_uncertain: 0, deadline_seconds: 90s,
        breaker_probe_seconds: [1, 2]}
on_partial: accept
on_mismatch: retry-once
images_per_request: 4
prepare: {max_edge: 1536, format: jpeg}
notify: {urls: SHOP_URLS, heartbeat: SHOP_BEAT, on: [failed]}
prices: {a: {token_prices: {text_in: 5, image_in: 8, image_out: 30}}, b: {per_image: 0.04}}
jobs: [{prompt: p}]
"""


def test_every_key_arrives(context: Any) -> None:
    """Money is in micro-dollars, durations in seconds, the ledger is found from the manifest's folder."""
    settings = load(context.write("m.yaml", FULL)).settings
    assert settings.limits == Limits(50, 40, 30, 800_000, 1000, 8, MicroUSD(25_000_000), 7, 7200.0)
    assert settings.budget == Budget(MicroUSD(50_000_000), MicroUSD(800_000_000), "Europe/Berlin")
    assert settings.retry == Retry(2, 0.5, 60.0, 0, 90.0, (1.0, 2.0))
    assert settings.ledger is not None
    assert settings.ledger.resolve() == (context.folder.parent / "ledger.db").resolve()
    assert (settings.name, settings.provider, settings.images_per_request) == ("autumn", "mock", 4)
    assert settings.notify == Notify("SHOP_URLS", "SHOP_BEAT", (Event.FAILED,))
    assert (settings.on_partial, settings.on_mismatch, settings.prepare) == (
        "accept",
        "retry-once",
        Prepare(1536, "jpeg"),
    )
    prices = dict(settings.prices)
    assert prices["a"].tokens == TokenPrices(Decimal(5), Decimal(30), Decimal(8))
    assert prices["b"].per_image == (("*", (("*", Decimal("0.04")),)),)


def test_what_is_not_said_has_its_default(context: Any) -> None:
    """An empty section is a section that sets nothing; the name is the file's."""
    path = context.write("my catalogue.yaml", "limits:\nretry:\nbudget:\ndefaults:\nvariables:\njobs: [{prompt: p}]")
    assert load(path).settings == Settings(name="my catalogue")


def test_a_csv_manifest_has_only_defaults(context: Any) -> None:
    """A table by itself says nothing but its jobs."""
    assert load(context.write("m.csv", "prompt\np\n")).settings == Settings(name="m")


@pytest.mark.parametrize("name", ["m.yaml", "m.csv"])
def test_the_command_line_stands_above(context: Any, name: str) -> None:
    """Options replace what the manifest says, and reach settings that it does not mention."""
    path = context.write(name, "prompt\np\n" if name.endswith("csv") else "provider: openai\njobs: [{prompt: p}]")
    given = Options(
        provider="mock",
        max_cost=MicroUSD(3_000_000),
        max_duration=90.0,
        concurrency=2,
        on_uncertain=OnUncertain.HOLD,
    )
    settings = open_project(path, given).settings
    limits = settings.limits
    assert load(path, "mock").settings.provider == settings.provider == "mock"
    assert (limits.max_cost, limits.max_duration, limits.concurrency) == (3_000_000, 90.0, 2)
    assert (settings.on_uncertain, settings.on_partial) == (OnUncertain.HOLD, OnPartial.TOP_UP)


def test_a_provider_file_is_found_from_the_manifest(context: Any) -> None:
    """A path in the manifest is relative to it, one on the command line to where the command runs."""
    path = context.write("m.yaml", "provider: mine.yaml\njobs: [{prompt: p}]")
    assert load(path).settings.provider == str(context.folder / "mine.yaml")
    assert load(path, "./his.yaml").settings.provider == "./his.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("1.5", 1.5), ("2h", 7200), ("1h30m", 5400), ("1 h 30 min", 5400), ("2d", 172_800)],
)
def test_durations_are_read(text: str, expected: float) -> None:
    """Plain numbers are seconds; units may be joined."""
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "h", "2x", "-5", "1e3", "nan", "inf", "2h x", "h2", "1h-5m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="not a duration"):
        duration(text)


def test_the_schema_knows_every_key() -> None:
    """The JSON Schema for editors takes numbers where people write them, and refuses unknown keys."""
    from batchgen.manifest.schema import json_schema

    document = json_schema()
    assert set(document["properties"]) >= {"name", "provider", "defaults", "limits", "jobs", "variables", "prices"}
    assert document["additionalProperties"] is False
    assert "number" in document["$defs"]["RequestForm"]["properties"]["n"]["anyOf"][0]["type"]


@pytest.mark.parametrize(
    "given", [".", "''", "pipe", "m.yaml/ledger.db", "x" * 300, '"a\\0b"', "s3://bucket/ledger.db"]
)
def test_a_ledger_that_can_be_no_file_is_an_error(context: Any, given: str) -> None:
    """A folder, a pipe, an address or a place below a file is refused where it is named, before anything is written."""
    os.mkfifo(context.folder / "pipe")
    with pytest.raises(InputError, match=r"m\.yaml:1:9: error: .* cannot be a file for the ledger"):
        load(context.write("m.yaml", f"ledger: {given}\njobs: [{{prompt: x}}]\n"))


@pytest.mark.parametrize("jobs", ["", " []"])
def test_no_jobs_is_one_error(context: Any, jobs: str) -> None:
    """An empty list of jobs is said once."""
    with pytest.raises(InputError) as caught:
        load(context.write("m.yaml", f"jobs:{jobs}\n"))
    assert ["`jobs` is empty" in problem.message for problem in caught.value.problems] == [True]
