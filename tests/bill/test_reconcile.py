"""`reconcile --from openai` over real sockets: the mock's own books against a ledger, admin keys, waits, refusals."""

import asyncio
import csv
import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batchgen.app.bill.fetch import BooksReader, books_address
from batchgen.app.bill.reconcile import BooksResult, reconcile_books
from batchgen.app.config.environment import Secret
from batchgen.cli.main import main
from batchgen.errors import AccountError, InputError, UnavailableError
from batchgen.ledger import DifferenceKind as Kind
from batchgen.mock import MockConfig
from batchgen.mock.embedded import start_embedded
from batchgen.runtime.clock import SystemClock
from tests.gateway import Passed, gateway
from tests.rehearsal import KEYS, Rehearsal

ADMIN = "sk-admin-rehearsal-0123456789abcdef"
LOOKS = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
MODEL = "gpt-image-2.5-flare"
EVENING = datetime(2026, 11, 10, 20, tzinfo=UTC)


class Calendar(SystemClock):
    """The machine's clock, with a date that a test sets, and waits that nobody waits for."""

    def __init__(self) -> None:
        self.date = EVENING
        self.waits: list[float] = []
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self.date + timedelta(seconds=time.monotonic() - self._began)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await super().sleep(min(seconds, 0.01))


class Year(Rehearsal):
    """A rehearsal whose days a test chooses."""

    calendar: Calendar

    def drawn(self, jobs: Mapping[str, str], day: int = 0, hour: int = 0, **options: Any) -> Path:
        """Draw jobs on a day after the first, so many hours after the evening; returns the output folder."""
        self.calendar.date = EVENING + timedelta(days=day, hours=hour)
        manifest = self.manifest([{"id": name, "prompt": prompt} for name, prompt in jobs.items()])
        ended = self.run(manifest, clock=self.calendar, **options)
        assert ended.exit in {0, 7}, ended.why
        return ended.folder

    def reconciled(self, output: Path, day: int = 9, **more: Any) -> BooksResult:
        """Reconcile so many days later."""
        self.calendar.date = EVENING + timedelta(days=day)
        found = reconcile_books(output, base_url=self.handle.base_url, clock=self.calendar, **more)
        with (output / found.file).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert sum(int(row["difference_micro_usd"]) for row in rows) == found.billed - found.ledger
        return found


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    """Return a mock and a folder under one calendar."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", ADMIN)
    calendar = Calendar()
    handle = start_embedded(MockConfig(), calendar)
    scene = Year(tmp_path, handle, {"provider": "openai", "defaults": LOOKS})
    scene.calendar = calendar
    yield scene
    handle.stop()


LAMPS = {"a": "A lamp", "b": "A chair"}


def test_planted_differences_are_each_named_and_sum_up(year: Year) -> None:
    """A lost answer is confirmed, one that never was is cleared; a stranger's call and a new price are named."""
    lost = {**LAMPS, "lost": "A stool [[mock: fault=reset_before_headers charged=yes]]"}
    lost |= {"never": "A desk [[mock: fault=reset_before_headers charged=no]]"}
    output = year.drawn(lost, on_uncertain="hold")
    noon = EVENING.replace(hour=12) + timedelta(days=2)
    year.handle.plant(price={"since": noon.timestamp(), "times": 2})
    year.drawn({**lost, "c": "A bench"}, day=2)
    stranger = {"at": (EVENING + timedelta(days=4)).timestamp(), "model": MODEL, "micro_usd": 7_000}
    books = year.handle.plant(calls=[stranger])
    found = year.reconciled(output)
    assert found.billed == int(books)
    assert found.at_risk == 0
    assert found.confirmed > 0
    assert found.cleared > 0
    named = {one.kind: one for one in found.differences}
    assert named.keys() == {Kind.PRICE, Kind.OTHER_USE}
    assert named[Kind.OTHER_USE].micro_usd == 7_000
    begins = named[Kind.PRICE].begins
    assert begins is not None
    assert begins.date() == noon.date()


def test_books_are_read_in_whatever_order_their_days_come(year: Year) -> None:
    """The latest first, say."""
    output = year.drawn(LAMPS)
    year.drawn({**LAMPS, "c": "A bench"}, day=2)

    def turned(came: Passed) -> Passed | None:
        told = came.json if came.status == 200 and "/organization/costs" in came.path else {}
        return came.saying(200, told | {"data": told["data"][::-1]}) if told else None

    as_they_come = year.reconciled(output)
    with gateway(year.handle.base_url, turned) as base_url:
        found = reconcile_books(output, base_url=base_url, clock=year.calendar)
    assert (found.billed, found.ledger, found.differences) == (as_they_come.billed, as_they_come.ledger, ())
    assert (found.begins, found.ends) == (as_they_come.begins, as_they_come.ends)


def test_a_second_look_changes_nothing(year: Year) -> None:
    """Books that were read are read again alike."""
    output = year.drawn(
        {**LAMPS, "lost": "A stool [[mock: fault=reset_before_headers charged=yes]]"}, on_uncertain="hold"
    )
    first, second = year.reconciled(output), year.reconciled(output)
    assert (second.confirmed, second.cleared, second.differences) == (0, 0, ())
    assert (first.billed, first.ledger) == (second.billed, second.ledger)


def test_days_that_may_still_change_wait(year: Year) -> None:
    """Within 48 hours of their end nothing is compared and nothing settled."""
    output = year.drawn(
        {**LAMPS, "lost": "A stool [[mock: fault=reset_before_headers charged=no]]"}, on_uncertain="hold"
    )
    early = year.reconciled(output, day=1)
    assert (early.billed, early.cleared, early.at_risk > 0) == (0, 0, True)
    assert year.reconciled(output, day=3).cleared > 0


def test_the_books_are_asked_again_after_a_wait(year: Year) -> None:
    """429 and 5xx are waited for as the provider says; what never ends is told, and settles nothing."""
    output = year.drawn(LAMPS)
    year.handle.plant(refusals=3, status=429, wait=7)
    assert year.reconciled(output).differences == ()
    assert [wait for wait in year.calendar.waits if wait > 5] == [7, 7, 7]
    year.handle.plant(refusals=99, status=500)
    with pytest.raises(UnavailableError, match="nothing was settled"):
        year.reconciled(output)


def test_only_an_admin_key_opens_the_books(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawing key is never taken for one, and no message shows either."""
    output = year.drawn(LAMPS)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEYS["OPENAI_API_KEY"])
    with pytest.raises(AccountError, match="admin key") as told:
        year.reconciled(output)
    assert KEYS["OPENAI_API_KEY"] not in str(told.value)
    monkeypatch.delenv("OPENAI_ADMIN_KEY")
    with pytest.raises(AccountError, match="OPENAI_ADMIN_KEY"):
        year.reconciled(output)


@pytest.mark.parametrize(
    "address", ["https://gateway.example/v1", "http://10.0.0.7/v1", "http://api.openai.com/v1", "https://api.openai.com.example/v1",
                "https://127.0.0.1.example/v1", "ftp://127.0.0.1/v1", "https://user@evil.example/v1"]
)  # fmt: skip
def test_an_admin_key_goes_to_the_vendor_or_this_machine(address: str) -> None:
    """Any other address is refused before anything is sent."""
    with pytest.raises(InputError, match="an admin key goes nowhere else"):
        books_address(address)


def test_a_base_url_in_the_environment_is_not_asked(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENAI_BASE_URL is for keys that draw."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert books_address(None) == "https://api.openai.com/v1"
    assert year.reconciled(year.drawn(LAMPS)).differences == ()


def test_the_admin_key_stays_where_it_is_used(year: Year) -> None:
    """It reaches the books alone: no drawing call and no file has it, though it stands in the environment."""
    output = year.drawn(LAMPS)
    year.reconciled(output)
    assert ADMIN in os.environ["OPENAI_ADMIN_KEY"]
    for path in output.rglob("*"):
        assert not path.is_file() or ADMIN.encode() not in path.read_bytes()
    assert ADMIN not in json.dumps(year.handle.requests())


def test_the_command_prints_one_object(year: Year, capsys: pytest.CaptureFixture[str]) -> None:
    """Money in micro-dollars, and the sum of the differences."""
    output = year.drawn(LAMPS)
    status = main(["reconcile", str(output), "--from", "openai", "--base-url", year.handle.base_url, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert told["difference_micro_usd"] == sum(one["difference_micro_usd"] for one in told["differences"])
    assert told.keys() >= {"billed_micro_usd", "ledger_micro_usd", "confirmed_micro_usd", "cleared_micro_usd", "file"}
    assert main(["reconcile", str(output), "--from", "openai", "--base-url", year.handle.base_url]) == 0
    assert "difference" in capsys.readouterr().out
    assert main(["reconcile", str(output), "--from", "openai", "--billed", "3"]) == 2


class _Odd(BaseHTTPRequestHandler):
    """A server whose books are none."""

    body = b"{}"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


BUCKET = {"object": "bucket", "start_time": 1_793_000_000, "end_time": 1_793_086_400}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"data": 3}',
        b'{"data": [{"start_time": "x"}]}',
        json.dumps({"data": [{**BUCKET, "results": 7}], "has_more": False}).encode(),
        json.dumps({"data": [{**BUCKET, "results": [{"num_model_requests": -1, "amount": {"value": "x"}}]}]}).encode(),
        json.dumps({"data": [BUCKET | {"results": []}], "has_more": True, "next_page": "again"}).encode(),
    ],
)
def test_what_is_no_page_of_books_is_told(body: bytes) -> None:
    """Whatever comes with 200, it is told, and nothing is made of it."""
    server = HTTPServer(("127.0.0.1", 0), type("Odd", (_Odd,), {"body": body}))
    Thread(target=server.serve_forever, daemon=True).start()
    reader = BooksReader(f"http://127.0.0.1:{server.server_port}/v1", Secret(ADMIN), Calendar())
    try:
        for question in (reader.usage, reader.costs):
            with pytest.raises(UnavailableError, match="books"):
                asyncio.run(question(1_793_000_000, 1_793_086_400))
    finally:
        server.shutdown()
        server.server_close()


def test_a_ledger_without_a_call_there_has_nothing_to_reconcile(year: Year) -> None:
    """Nor has a day in the future."""
    output = year.drawn(LAMPS)
    with pytest.raises(InputError, match="no books since"):
        year.reconciled(output, since=date(2027, 1, 1))
