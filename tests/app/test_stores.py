"""Images in a store elsewhere: what is paid is there, nothing is bought again, and what is amiss is said."""

import asyncio
import errno
import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from batchgen.app.output import maintain
from batchgen.app.output.adopt import adopt
from batchgen.app.preview.doctor import examine
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.errors import StorageError, Unreachable
from batchgen.storage.images import Bucket
from tests.batch.scene import BATCH, QuickClock, adds_up, jobs, until_collected
from tests.gateway import Passed, gateway
from tests.rehearsal import NO_PACE, Rehearsal
from tests.storage import servers
from tests.storage.proxy import Weather, proxy

pytestmark = pytest.mark.sample(2)

HOUR = 3600.0
JOBS: list[dict[str, Any]] = [{"id": "lamp", "prompt": "A lamp", "n": 2}, {"id": "sofa", "prompt": "A sofa"}]
PATHS = ["images/lamp-0.webp", "images/lamp-1.webp", "images/sofa-0.webp"]
SERVERS: dict[str, Callable[[], servers.Server]] = {
    "moto": servers.moto,
    "s3rver": servers.s3rver,
    "azurite": servers.azurite,
    "google": servers.google,
}


def address() -> str:
    """Return a store in memory that nobody has used."""
    return f"memory:{token_hex(8)}"


def objects(store: str, where: str = "images") -> list[str]:
    """Name what lies in a store in memory."""
    return [one.path for one in Bucket(store, {}, plain_http=False).listing(where)]


@pytest.mark.parametrize("name", SERVERS)
def test_a_run_puts_its_images_into_a_store(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With report and ledger; the same command draws nothing more, verify finds all, and conditions are told of."""
    server = SERVERS[name]()
    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    store = f"{server.address}/{token_hex(8)}"
    manifest = scene.manifest(JOBS, output={"store": store})
    first, second = scene.run(manifest), scene.run(manifest)
    assert (first.exit, second.exit, len(scene.bill)) == (0, 0, 2)
    ignored = [one.message for one in first.problems if "does not honour conditions" in one.message]
    assert bool(ignored) is (name == "s3rver")
    bucket = Bucket(store, server.variables, plain_http=True)
    assert [one.path for one in bucket.listing("images")] == PATHS
    assert bucket.head("report/report.html")
    assert bucket.head("batchgen/ledger.db")
    assert not (first.folder / "images").exists()
    about = bucket.head(PATHS[0])
    assert about
    assert about.about["Content-Type"] == "image/webp"
    assert about.about["sha256"] == first.images("lamp")[0]["sha256"]
    assert about.about["job_key"] == first.images("lamp")[0]["job_key"]
    for read in (False, True):
        found = maintain.verify(first.folder, read=read)
        assert (found.images, found.damaged, found.missing) == (3, (), ())


def test_what_changes_in_a_store_is_found(scene: Rehearsal) -> None:
    """By a listing: a size, a version, an absence."""
    store = address()
    folder = scene.run(scene.manifest(JOBS), store=store).folder
    bucket = Bucket(store, {}, plain_http=False)
    bucket.replace(PATHS[0], b"short", {})
    data = bucket.read(PATHS[1], 10_000_000)
    assert data
    bucket.replace(PATHS[1], data[:-1] + bytes([data[-1] ^ 1]), {})
    bucket.delete(PATHS[2])
    found = maintain.verify(folder)
    assert [path for path, _ in found.damaged] == PATHS[:2]
    assert found.missing == (PATHS[2],)


def test_a_store_belongs_to_one_ledger(scene: Rehearsal) -> None:
    """Another one is told to adopt it, and afterwards pays for nothing; then the first one has lost it."""
    store, manifest = address(), scene.manifest(JOBS)
    assert scene.run(manifest, store=store).exit == 0
    other = scene.root / "other"
    refused = scene.run(manifest, store=store, output=other)
    assert (refused.exit, f"batchgen adopt {store}" in refused.why) == (2, True)
    Bucket(store, {}, plain_http=False).delete("batchgen/ledger.db")
    assert adopt(other, address=store).images == 3
    assert scene.run(manifest, store=store, output=other).exit == 0
    assert len(scene.bill) == 2
    assert scene.run(manifest, store=store).exit == 2


def test_a_lost_machine_loses_no_image(scene: Rehearsal) -> None:
    """The ledger's copy in the store comes back, with the costs that it knew; what came later is taken in too."""
    store, manifest = address(), scene.manifest(JOBS)
    first = scene.run(manifest, store=store)
    bucket = Bucket(store, {}, plain_http=False)
    snapshot = bucket.read("batchgen/ledger.db", 10_000_000)
    more = scene.manifest([*JOBS, {"id": "chair", "prompt": "A chair"}])
    assert snapshot
    assert scene.run(more, store=store).exit == 0
    bucket.replace("batchgen/ledger.db", snapshot, {})
    new = scene.root / "new"
    assert adopt(new, address=store).images == 1
    again = scene.run(more, store=store, output=new)
    assert (again.exit, len(scene.bill)) == (0, 3)
    assert again.money["confirmed_micro_usd"] == first.money["confirmed_micro_usd"]


def test_another_store_buys_nothing(scene: Rehearsal) -> None:
    """The run says where the images are; --copy-from brings them."""
    one, two, manifest = address(), address(), scene.manifest(JOBS)
    scene.run(manifest, store=one)
    moved = scene.run(manifest, store=two)
    assert any(f"--copy-from {one}" in problem.message for problem in moved.problems)
    assert (objects(two), len(scene.bill)) == ([], 2)
    assert scene.run(manifest, store=two, copy_from=one).exit == 0
    assert (objects(two), len(scene.bill)) == (PATHS, 2)
    assert maintain.verify(moved.folder).missing == ()
    back = scene.run(manifest)
    assert scene.run(manifest, copy_from=two).exit == 0
    assert back.image("sofa").exists()
    assert len(scene.bill) == 2


def test_a_chained_job_takes_its_image_from_the_store(scene: Rehearsal) -> None:
    """Through a copy on this machine."""
    jobs: list[dict[str, Any]] = [
        {"id": "lamp", "prompt": "A lamp"},
        {"id": "night", "prompt": "At night", "images": ["@lamp"]},
    ]
    ended = scene.run(scene.manifest(jobs), store=address())
    assert ended.exit == 0, ended.why
    assert ended.jobs["night"]["state"] == "done"


def test_a_redrawn_image_steps_aside_in_the_store(scene: Rehearsal) -> None:
    """By copy, with its job's key in its name."""
    store = address()
    scene.run(scene.manifest(JOBS[1:]), store=store)
    ended = scene.run(scene.manifest([{**JOBS[1], "prompt": "Another sofa"}]), store=store)
    assert ended.exit == 0
    assert len(objects(store, "superseded")) == 1
    assert maintain.verify(ended.folder).missing == ()


def test_a_folder_can_be_a_store(scene: Rehearsal) -> None:
    """Images, report and owner go there, on this disk or another."""
    shop = scene.root / "shop"
    manifest = scene.manifest(JOBS)
    result = run_manifest(manifest, scene.options(manifest, store=f"file://{shop}"), Unwatched())
    assert (result.exit, result.store) == (0, f"file://{shop}")
    assert result.images() == [shop / path for path in PATHS]
    assert result.output
    assert maintain.read_status(result.output)["store"] == f"file://{shop}"
    assert [path.name for path in sorted((shop / "images").iterdir())] == [Path(path).name for path in PATHS]
    assert (shop / "report" / "report.html").exists()
    assert "ledger" in json.loads((shop / "batchgen" / "owner.json").read_text("utf-8"))
    other = scene.root / "other"
    assert scene.run(manifest, store=f"file://{shop}", output=other).exit == 2


@pytest.mark.parametrize("copy", [True, False], ids=["with the ledger's copy", "from the report"])
def test_a_lost_machine_loses_no_image_of_a_folder(scene: Rehearsal, *, copy: bool) -> None:
    """A folder that is a store is adopted like any other one: from the ledger's copy there, else from the report."""
    shop, manifest, new = scene.root / "shop", scene.manifest(JOBS), scene.root / "new"
    assert scene.run(manifest, store=f"file://{shop}").exit == 0
    if not copy:
        (shop / "batchgen" / "ledger.db").unlink()
    found = adopt(new, address=f"file://{shop}")
    assert (found.unknown, found.images) == ((), 0 if copy else 3)
    again = scene.run(manifest, store=f"file://{shop}", output=new)
    assert (again.exit, len(scene.bill)) == (0, 2)


@pytest.mark.parametrize(
    ("store", "variables", "why"),
    [
        ("https://shop.example/bucket", {}, "AWS_ENDPOINT_URL"),
        ("bucket/folder", {}, "not the address of a store"),
        ("s3://bucket/x", {"AWS_ENDPOINT_URL": "http://store.example.com"}, "not encrypted"),
        ("gs://bucket/x", {"GOOGLE_SERVICE_ACCOUNT_KEY": '{"gcs_base_url": "http://store.example"}'}, "not encrypted"),
    ],
)
def test_what_is_no_store_is_said_before_anything_is_sent(
    scene: Rehearsal, monkeypatch: pytest.MonkeyPatch, store: str, variables: dict[str, str], why: str
) -> None:
    """With what to write instead."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ended = scene.run(scene.manifest(JOBS), store=store)
    assert (ended.exit, why in ended.why, scene.bill) == (2, True, [])


def test_a_store_that_does_not_answer_costs_nothing_and_shows_no_secret(
    scene: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exit 8 before the first call."""
    secret = "secret-of-the-store"
    told: dict[str, Any] = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "eu-central-1"}
    for name, value in {**told, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    ended = scene.run(scene.manifest(JOBS), store="s3://bucket/x")
    assert (ended.exit, scene.bill, secret in ended.why) == (8, [], False)
    assert "no paid image waits" in ended.why


@pytest.mark.parametrize("name", SERVERS)
def test_doctor_tries_a_store(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It leaves nothing there, and tells of conditions that are not honoured."""
    server = SERVERS[name]()
    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    store = f"{server.address}/{token_hex(8)}"
    (found,) = (finding for finding in examine("mock", store=store) if finding.name == "store")
    assert found.level == ("warn" if name == "s3rver" else "ok"), found.text
    assert list(Bucket(store, server.variables, plain_http=True).listing("batchgen")) == []


def test_a_shop_is_told_where_the_store_has_its_images(scene: Rehearsal) -> None:
    """Unless the manifest names an address of its own."""
    store = address()
    ended = scene.run(scene.manifest(JOBS, output={"store": store, "shop": {"sku": "{{ id }}"}}))
    assert [row["image"] for row in ended.table("shop")] == [f"{store}/{path}" for path in PATHS]
    shop = {"sku": "{{ id }}", "image": "small"}
    small = {"small": {"max_edge": 64, "format": "jpeg"}}
    ended = scene.run(scene.manifest(JOBS, output={"store": store, "shop": shop}, derivatives=small))
    listed = [row["image"].removeprefix(f"{store}/") for row in ended.table("shop")]
    assert listed == objects(store, "derivatives")


# ---- outages ---------------------------------------------------------------------------------------------------------


class WaitingClock:
    """A clock on which time passes only while somebody waits, a second in a hundredth: a busy machine costs none."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        end = self.time + seconds
        await asyncio.sleep(seconds / 100)
        self.time = max(self.time, end)


def waiting(scene: Rehearsal, manifest: Path, at: Callable[[str], None], clock: WaitingClock, **options: Any) -> Any:
    """Run on such a clock."""
    return run_manifest(manifest, scene.options(manifest, **options), Unwatched(), at, clock=clock)


def test_derivatives_go_into_the_store_too(scene: Rehearsal) -> None:
    """Beside the images; those that are made again by another recipe take the places of the earlier ones."""
    store = address()

    def sizes(edge: int) -> list[int]:
        derivatives = {name: {"max_edge": edge, "format": "jpeg"} for name in ("other", "small")}
        assert scene.run(scene.manifest(JOBS, derivatives=derivatives), store=store).exit == 0
        below = [
            path.replace("images", f"derivatives/{name}").replace(".webp", ".jpg")
            for name in ("other", "small")
            for path in PATHS
        ]
        assert objects(store, "derivatives") == below
        return [one.bytes for one in Bucket(store, {}, plain_http=False).listing("derivatives")]

    assert sum(sizes(400)) > sum(sizes(100)) > 0


def test_a_store_that_stays_away_ends_the_run_and_gets_everything_later(scene: Rehearsal) -> None:
    """With 8, what waits and where; for an hour runs buy nothing, and the first one after it uploads all."""
    store, manifest, clock = address(), scene.manifest(JOBS), WaitingClock()

    def at(step: str) -> None:
        if clock.time < HOUR and step == "storage.object.before_put":
            raise Unreachable(f"{store}: the store does not answer")

    first = waiting(scene, manifest, at, clock, store=store)
    assert (first.exit, len(scene.bill)) == (8, 2)
    assert "3 paid images wait in" in first.summary["why"]
    while clock.time < HOUR - 1500:
        clock.time += 1500
        again = waiting(scene, manifest, at, clock, store=store)
        assert (again.exit, len(scene.bill)) == (8, 2), again.summary
    clock.time = HOUR
    ended = waiting(scene, manifest, at, clock, store=store)
    assert (ended.exit, len(scene.bill), objects(store)) == (0, 2, PATHS)
    assert ended.summary["money"]["at_risk_micro_usd"] == 0
    assert maintain.verify(first.output).missing == ()


@pytest.mark.parametrize("point", ["ledger.settle.before_commit", "storage.finish.before_answer"])
def test_a_disk_here_that_is_full_is_not_laid_at_the_stores_door(scene: Rehearsal, point: str) -> None:
    """It is what is told, and nothing of what waits for a store that takes everything."""

    def at(step: str) -> None:
        if step == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    ended = scene.run(scene.manifest(JOBS), at, store=address())
    assert (ended.exit, "free some space" in ended.summary["why"]) == (8, True), ended.summary
    assert "paid image" not in ended.summary["why"]


@pytest.mark.slow
def test_an_hour_without_its_server_loses_and_buys_nothing(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real server goes away within a run and for whole runs: when it is back, every paid image is stored."""
    server, store, clock = servers.moto(), f"s3://bucket/{token_hex(8)}", WaitingClock()
    jobs = [{"id": f"lamp-{number}", "prompt": f"A lamp, number {number}"} for number in range(8)]
    manifest = scene.manifest(jobs, limits={**NO_PACE, "concurrency": 2})
    with proxy(server.url, Weather(drop=0, cut=0, slow=0)) as between:
        for name, value in {**server.variables, "AWS_ENDPOINT_URL": between.url}.items():
            monkeypatch.setenv(name, value)
        puts = count(1)

        def at(step: str) -> None:
            if step == "storage.object.before_put" and next(puts) == 3:
                between.weather.down = True

        first = waiting(scene, manifest, at, clock, store=store)
        bought = len(scene.bill)
        assert (first.exit, 2 < bought < 8) == (8, True), first.summary
        while clock.time < HOUR:
            clock.time += 1200
            with pytest.raises(StorageError, match=r"paid images? waits? in"):
                waiting(scene, manifest, at, clock, store=store)
            assert len(scene.bill) == bought
        between.weather.down = False
        ended = waiting(scene, manifest, at, clock, store=store)
    assert (ended.exit, len(scene.bill)) == (0, 8), ended.summary
    found = [one.path for one in Bucket(store, server.variables, plain_http=True).listing("images")]
    assert found == [f"images/lamp-{number}-0.webp" for number in range(8)]
    assert ended.summary["money"]["at_risk_micro_usd"] == 0


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [(403, "RequestTimeTooSkewed", "clock"), (404, "NoSuchBucket", "not there"), (412, "Conflict", "shows nothing")],
)
def test_a_store_that_refuses_says_why_and_gets_everything_later(
    scene: Rehearsal, monkeypatch: pytest.MonkeyPatch, status: int, code: str, word: str
) -> None:
    """In its own words; how many paid images wait is told, and the same command stores them first."""
    server, refuses, words = servers.moto(), [True], f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    def alter(came: Passed) -> Passed | None:
        refused = refuses and came.method == "PUT" and "/images/" in came.path
        return came.saying(status, words) if refused else None

    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    manifest = scene.manifest(JOBS, output={"store": f"{server.address}/{token_hex(8)}"})
    with gateway(server.url, alter, asks=False) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        first = scene.run(manifest, clock=QuickClock())
        refuses.clear()
        second = scene.run(manifest)
    assert (first.exit, second.exit, len(scene.bill)) == (8, 0, 2)
    assert "3 paid images wait in" in first.summary["why"]
    assert word in first.summary["why"]
    assert status == 412 or code in first.summary["why"]
    assert second.summary["images"]["stored"] == 3


def test_a_short_outage_while_a_batch_is_collected_is_not_noticed(
    scene: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a line brought waits in the spool and is put in its place, as what a call brought."""
    server, puts = servers.moto(), count()

    def alter(came: Passed) -> Passed | None:
        busy = came.method == "PUT" and "/images/" in came.path and next(puts) < 7
        return came.saying(503, b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>") if busy else None

    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    store = {"store": f"{server.address}/{token_hex(8)}"}
    manifest = scene.manifest(jobs(2), output=store, **BATCH)
    with gateway(server.url, alter, asks=False) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        ended = until_collected(scene, manifest)
    assert ended.exit == 0, ended.summary
    adds_up(scene, ended)


def test_a_store_that_is_away_while_it_is_tried_is_not_said_to_ignore_conditions(
    scene: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried once more."""
    server, puts = servers.moto(), count()

    def alter(came: Passed) -> Passed | None:
        busy = came.method == "PUT" and came.path.endswith("owner.json") and next(puts) in {1, 2, 3}
        return came.saying(503, b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>") if busy else None

    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    with gateway(server.url, alter, asks=False) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        ended = scene.run(scene.manifest(JOBS, output={"store": f"{server.address}/{token_hex(8)}"}))
    assert (ended.exit, ended.problems) == (0, ())


@pytest.mark.parametrize("cut", [100, 20_000])
def test_a_damaged_copy_of_a_ledger_is_named_where_it_stands(scene: Rehearsal, cut: int) -> None:
    """Without it, what is written beside the images is taken in."""
    store, manifest, new = address(), scene.manifest(JOBS), scene.root / "new"
    scene.run(manifest, store=store)
    bucket = Bucket(store, {}, plain_http=False)
    snapshot = bucket.read("batchgen/ledger.db", 10_000_000)
    assert snapshot
    bucket.replace("batchgen/ledger.db", snapshot[:cut], {})
    with pytest.raises(StorageError, match=re.escape(f"{store}/batchgen/ledger.db: ") + ".*move it away"):
        adopt(new, address=store)
    bucket.delete("batchgen/ledger.db")
    assert adopt(new, address=store).images == 3
    assert scene.run(manifest, store=store, output=new).exit == 0
    assert len(scene.bill) == 2


def test_a_short_outage_is_not_noticed(scene: Rehearsal) -> None:
    """Uploads wait while the run goes on."""
    store, refused = address(), count()

    def at(step: str) -> None:
        if step == "storage.object.before_put" and next(refused) < 6:
            raise Unreachable(f"{store}: the store does not answer")

    ended = waiting(scene, scene.manifest(JOBS), at, WaitingClock(), store=store)
    assert (ended.exit, len(scene.bill), objects(store)) == (0, 2, PATHS)


def test_a_stranger_in_the_way_costs_one_job_its_run(scene: Rehearsal) -> None:
    """It is named, the others go on, the paid image waits, and takes its place once the stranger is gone."""
    store, manifest = address(), scene.manifest(JOBS)
    bucket = Bucket(store, {}, plain_http=False)

    def at(step: str) -> None:
        if step == "storage.object.before_put" and bucket.head(PATHS[2]) is None:
            bucket.replace(PATHS[2], b"mine", {})

    ended = scene.run(manifest, at, store=store)
    assert ended.exit == 8, ended.summary
    assert PATHS[2] in ended.summary["why"]
    assert bucket.read(PATHS[2], 100) == b"mine"
    assert objects(store) == PATHS
    assert ended.jobs["lamp"]["state"] == "done"
    again = scene.run(manifest, store=store)
    assert (again.exit, len(scene.bill), PATHS[2] in again.summary["why"]) == (8, 2, True)
    bucket.delete(PATHS[2])
    last = scene.run(manifest, store=store)
    assert (last.exit, len(scene.bill), objects(store)) == (0, 2, PATHS), last.summary
    assert len(bucket.read(PATHS[2], 10_000_000) or b"") > 4


@pytest.mark.parametrize("step", ["before_put", "after_put", "before_sidecar", "after_sidecar"])
def test_a_kill_with_a_store_loses_and_buys_nothing(scene: Rehearsal, step: str) -> None:
    """Whatever step it comes at: the next run finds all that was paid."""
    store, steps = address(), count(1)
    manifest = scene.manifest(JOBS, output={"store": store, "sidecars": True})

    class Killed(BaseException):
        """The process dies."""

    def at(name: str) -> None:
        if name == f"storage.object.{step}" and next(steps) == 2:
            raise Killed

    with suppress(BaseException):
        scene.run(manifest, at)
    ended = scene.run(manifest)
    assert (ended.exit, objects(store)) == (0, [name for path in PATHS for name in (path, f"{path}.json")])
    assert len(scene.bill) == 2
    assert ended.money["at_risk_micro_usd"] == 0
