"""Shards of a manifest: together they draw what one run draws, for the same money, within the same limits."""

from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.app.config.options import Options
from batchgen.app.config.project import jobs_of, open_project
from batchgen.app.config.shards import divided
from batchgen.app.output import maintain
from batchgen.app.output.adopt import adopt
from batchgen.app.preview import check
from batchgen.errors import InputError
from batchgen.model import Budget, Job, Limits, Settings, Shard
from batchgen.money import MicroUSD
from batchgen.storage.images import Bucket
from tests.rehearsal import Ended, Rehearsal

ROWS: list[dict[str, Any]] = [{"id": f"lamp-{row}", "prompt": f"A lamp {row}", "n": 1 + row % 2} for row in range(9)]
CHAINED: list[dict[str, Any]] = [
    {"id": f"room-{row}", "images": [f"@lamp-{row}"], "prompt": "In a room"} for row in range(9)
] + [
    {"id": "street", "images": ["@room-3"], "prompt": "In a street"},
    {"id": "pair", "images": ["@lamp-4[0]", "@lamp-5"], "prompt": "Side by side"},
]

amounts = st.one_of(st.none(), st.integers(1000, 10**9))


def parts(manifest: Path, count: int) -> list[list[Job]]:
    """Return the jobs of each shard."""
    found = []
    for index in range(1, count + 1):
        project = open_project(manifest, Options(provider="openai", shard=Shard(index, count)))
        result = check.check(project)
        assert not result.errors
        jobs = list(jobs_of(project, result.manifest_summary))
        assert (result.manifest_summary.planned, result.manifest_summary.images) == (
            len(jobs),
            sum(job.n for job in jobs),
        )
        found.append(jobs)
    return found


@pytest.mark.sample(2)
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("stages", [None, {"preview": {"quality": "low"}, "final": {"quality": "high"}}])
def test_shards_are_a_partition_that_keeps_chains_together(scene: Rehearsal, count: int, stages: Any) -> None:
    """Every job is in exactly one shard, with all jobs whose images it takes, and with its preview."""
    manifest = scene.manifest(CHAINED + ROWS, **({"stages": stages} if stages else {}))
    whole = {job.id for job in parts(manifest, 1)[0]}
    found = [{job.id: job for job in jobs} for jobs in parts(manifest, count)]
    assert sorted(whole) == sorted(name for jobs in found for name in jobs)
    for jobs in found:
        for job in jobs.values():
            assert set(job.waits_for) <= jobs.keys()
            assert job.after is None or job.after in jobs


def test_an_edited_or_moved_row_stays_in_its_shard(scene: Rehearsal) -> None:
    """Only its id says where it is; a chained job is where the job is that it takes from."""

    def places(jobs: list[dict[str, Any]]) -> dict[str, int]:
        return {job.id: index for index, jobs in enumerate(parts(scene.manifest(jobs), 4)) for job in jobs}

    before = places(ROWS + CHAINED)
    edited = [{**job, "prompt": job["prompt"] + " at night", "n": 3} for job in reversed(ROWS + CHAINED)]
    assert places(edited) == before
    assert places(ROWS[3:]).items() <= before.items()
    assert all(before[f"room-{row}"] == before[f"lamp-{row}"] for row in range(9))


def test_rows_that_are_left_out_are_told_by_one_shard(scene: Rehearsal) -> None:
    """Rows read, planned, skipped and rejected add up to those of the whole manifest; what is wrong is told by all."""
    jobs = [*ROWS, {"id": "bad", "prompt": "A lamp", "size": "12x12"}, {"id": "worse", "n": 99, "prompt": "A lamp"}]
    manifest = scene.manifest(jobs)
    for shard in (None, Shard(1, 3), Shard(2, 3), Shard(3, 3)):
        assert len(scene.check(manifest, shard=shard).errors) == 2
    whole = scene.check(manifest, skip_bad_rows=True).manifest_summary
    shares = [scene.check(manifest, skip_bad_rows=True, shard=Shard(index, 3)).manifest_summary for index in (1, 2, 3)]
    assert whole.counts == {name: sum(one.counts[name] for one in shares) for name in whole.counts}
    assert sorted(row.why for one in shares for row in one.bad) == sorted(row.why for row in whole.bad)


@given(st.integers(1, 64), st.lists(amounts, min_size=9, max_size=9))
def test_no_sum_of_shares_is_above_the_whole(count: int, given_: list[Any]) -> None:
    """Of rates, images, money and budgets; what is no limit stays none, and calls side by side stay."""
    rates, (images, a_day, cost, day, month) = given_[:4], given_[4:]
    named = zip(("images", "input_images", "requests", "tokens"), rates, strict=True)
    limits = Limits(images_per_day=a_day, max_cost=cost, max_images=images)
    limits = replace(limits, **{f"{name}_per_minute": rate for name, rate in named})
    whole = Settings("m", limits=limits, budget=Budget(day, month))
    shares = [divided(whole, Shard(index, count)) for index in range(1, count + 1)]
    for name in ("images_per_day", "max_images", "max_cost"):
        _fits([getattr(one.limits, name) for one in shares], getattr(limits, name), count)
    for name in ("day", "month"):
        _fits([getattr(one.budget, name) for one in shares], getattr(whole.budget, name), count)
    for rate in rates:
        assert {one.limits.share(rate) for one in shares} == {None if rate is None else rate / count}
    assert {one.limits.concurrency for one in shares} == {16}


def _fits(shares: list[int | None], whole: int | None, count: int) -> None:
    if whole is None:
        assert set(shares) == {None}
    else:
        assert whole - count < sum(share or 0 for share in shares) <= whole


def test_a_limit_that_leaves_nothing_to_a_shard_is_refused(scene: Rehearsal) -> None:
    """And so is one ledger for all: neither could be kept."""
    manifest = scene.manifest(ROWS)
    with pytest.raises(InputError, match="max_images is less than one for each of 8 shards"):
        scene.check(manifest, shard=Shard(1, 8), max_images=7)
    with pytest.raises(InputError, match="leave `ledger` out with --shard"):
        divided(Settings("m", ledger=Path("ledger.db")), Shard(1, 2))
    settings = divided(Settings("m", limits=Limits(max_cost=MicroUSD(25_000_001))), Shard(3, 8))
    assert settings.limits.max_cost == 3_125_000


def drawn(ended: Ended) -> set[str]:
    """Return the paths of stored images."""
    return {row["path"] for row in ended.table("images") if row["state"] == "stored"}


def test_all_shards_draw_what_one_run_draws(scene: Rehearsal) -> None:
    """The same images for the same money; the same command again asks for nothing."""
    manifest = scene.manifest(ROWS + CHAINED)
    whole, alone = scene.run(manifest), scene.billed
    folders = {index: scene.root / f"part-{index}" for index in (1, 2, 3)}
    ended = [scene.run(manifest, shard=Shard(index, 3), output=folder) for index, folder in folders.items()]
    assert {one.exit for one in (whole, *ended)} == {0}
    assert scene.billed == 2 * alone
    assert sum(one.charged for one in ended) == whole.charged
    pieces = [drawn(one) for one in ended]
    assert sorted(path for piece in pieces for path in piece) == sorted(drawn(whole))
    asked = len(scene.bill)
    again = scene.run(manifest, shard=Shard(2, 3), output=folders[2])
    assert (again.exit, len(scene.bill)) == (0, asked)
    assert maintain.read_status(folders[2])["shard"] == "2/3"
    assert "shard" not in maintain.read_status(whole.folder)


def test_a_folder_belongs_to_one_shard(scene: Rehearsal) -> None:
    """Another shard, another number of them, and the whole manifest are refused there before anything is paid."""
    manifest, folder = scene.manifest(ROWS), scene.root / "part"
    assert scene.run(manifest, shard=Shard(1, 2), output=folder).exit == 0
    asked = len(scene.bill)
    for other in (Shard(2, 2), Shard(1, 3), None):
        refused = scene.run(manifest, shard=other, output=folder)
        assert (refused.exit, "holds shard 1/2: give --shard 1/2" in refused.why) == (2, True)
        with pytest.raises(InputError, match="holds shard 1/2"):
            scene.plan(manifest, shard=other, output=folder)
    whole = scene.root / "whole"
    assert scene.run(manifest, output=whole, only=("lamp-1",)).exit == 0
    refused = scene.run(manifest, shard=Shard(1, 2), output=whole)
    assert (refused.exit, "holds the whole manifest: leave --shard out" in refused.why) == (2, True)
    assert len(scene.bill) == asked + 1


def test_each_shard_has_a_folder_of_its_own(scene: Rehearsal) -> None:
    """Without --output it is named by the shard."""
    project = open_project(scene.manifest(ROWS), Options(shard=Shard(3, 8)))
    assert project.output == Path("output/scene-3-of-8")


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_shards_share_a_store(scene: Rehearsal, kind: str) -> None:
    """Each owns its part, no two write one path, a lost ledger comes back, and nothing is drawn twice."""
    store = f"memory:{token_hex(8)}" if kind == "memory" else f"file://{scene.root}/kept"
    manifest = scene.manifest(ROWS, output={"store": store})
    folders = {index: scene.root / f"part-{index}" for index in (1, 2)}
    ended = [scene.run(manifest, shard=Shard(index, 2), output=folder) for index, folder in folders.items()]
    assert [one.exit for one in ended] == [0, 0]
    assert drawn(ended[0]).isdisjoint(drawn(ended[1]))
    asked = len(scene.bill)
    for shard in (None, Shard(1, 3)):
        refused = scene.run(manifest, shard=shard, output=scene.root / "other")
        assert refused.exit == 2
    if kind == "memory":
        bucket = Bucket(store, {}, plain_http=False)
        found = {one.path for one in bucket.listing("")}
        assert {"batchgen/1-of-2/owner.json", "batchgen/2-of-2/ledger.db", "report-2-of-2/report.html"} <= found
        new = scene.root / "new"
        lost = scene.run(manifest, shard=Shard(1, 2), output=new)
        assert (lost.exit, "--shard 1/2" in lost.why) == (2, True)
        assert adopt(new, address=store, shard=Shard(1, 2)).images == 0
        bucket.delete("batchgen/2-of-2/ledger.db")
        assert adopt(scene.root / "newer", address=store, shard=Shard(2, 2)).images == len(drawn(ended[1]))
        assert scene.run(manifest, shard=Shard(1, 2), output=new).exit == 0
    assert len(scene.bill) == asked


def test_a_share_of_a_call_is_no_smaller_call(scene: Rehearsal) -> None:
    """How many images one call asks for is a matter of the provider, so that shards pay what one run pays."""
    limits = {"images_per_minute": 12, "max_cost": 100}
    manifest = scene.manifest([{"id": "lamps", "prompt": "Lamps", "n": 8}], limits=limits)
    whole, _ = scene.plan(manifest)
    halves = [scene.plan(manifest, shard=Shard(index, 6))[0] for index in range(1, 7)]
    (planned,) = [planned for half in halves for planned in half.values()]
    expected = whole["lamps"]
    assert planned.cost
    assert expected.cost
    assert (planned.cost.calls, planned.cost.quote) == (expected.cost.calls, expected.cost.quote)
