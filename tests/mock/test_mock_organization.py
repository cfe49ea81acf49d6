"""The organisation's books at the mock: the vendor's fields, pages, keys, and what can be planted."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, PermissionDeniedError
from openai.types.admin.organization import usage_costs_response, usage_images_response

from batchgen.mock import MockConfig
from batchgen.mock.server import MockServer
from tests.mock.conftest import MODEL

ADMIN = "sk-admin-rehearsal-0123456789"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def wall() -> Wall:
    """Return the server's wall clock."""
    return Wall()


@pytest.fixture
async def books(wall: Wall) -> AsyncIterator[MockServer]:
    """Serve an organisation with three calls: two on one day, one on the next, with another key."""
    async with MockServer(MockConfig(), wall) as server:
        for key, hours in (("sk-one-0123456789", 0), ("sk-one-0123456789", 1), ("sk-two-0123456789", 24)):
            wall.at = NOON + timedelta(hours=hours)
            client = AsyncOpenAI(api_key=key, base_url=server.base_url, max_retries=0)
            await client.images.generate(model=MODEL, prompt=f"A lamp {hours}", size="1024x1024", quality="low")
            await client.close()
        wall.at = NOON + timedelta(days=3)
        yield server


@pytest.fixture
async def admin(books: MockServer) -> AsyncIterator[Any]:
    """Ask for them with the official client."""
    client = AsyncOpenAI(api_key="", admin_api_key=ADMIN, base_url=books.base_url, max_retries=0)
    yield client.admin.organization.usage
    await client.close()


def fields(result: type[Any]) -> set[str]:
    """Name the fields that the official client knows of a result."""
    return set(result.model_fields)


START = int(datetime(2026, 11, 10, tzinfo=UTC).timestamp())


async def test_buckets_have_exactly_the_vendors_fields(books: MockServer, admin: Any) -> None:
    """Counts and no money in the one, money and no counts in the other; what is not grouped is null."""
    used = await admin.images(start_time=START, group_by=["api_key_id", "model", "size", "source"])
    day, next_day, empty, _ = used.data
    assert [(row.images, row.num_model_requests) for row in (*day.results, *next_day.results)] == [(2, 2), (1, 1)]
    assert empty.results == []
    (row,) = day.results
    kind = usage_images_response.DataResultOrganizationUsageImagesResult
    assert set(row.to_dict()) == fields(kind)
    assert (row.model, row.size, row.source, row.project_id) == (MODEL, "1024x1024", "image.generation", None)
    assert row.api_key_id != next_day.results[0].api_key_id
    costs = await admin.costs(start_time=START, group_by=["project_id", "line_item"])
    listed = [row for bucket in costs.data for row in bucket.results]
    assert set(listed[0].to_dict()) == fields(usage_costs_response.DataResultOrganizationCostsResult)
    assert math.isclose(sum(row.amount.value for row in listed) * 1e6, books.bill()["total_micro_usd"])
    assert {row.line_item.partition(",")[0] for row in listed} == {MODEL}


@pytest.mark.parametrize(("width", "seconds"), [("1m", 60), ("1h", 3600), ("1d", 86_400)])
async def test_buckets_come_in_three_widths(admin: Any, width: str, seconds: int) -> None:
    """Each begins at a whole minute, hour or day."""
    first = int(NOON.timestamp()) + 7
    page = await admin.images(start_time=first, end_time=first + 3 * seconds, bucket_width=width)
    assert page.data[0].start_time == first // seconds * seconds
    assert {bucket.end_time - bucket.start_time for bucket in page.data} == {seconds}
    assert sum(row.num_model_requests for row in page.data[0].results) >= 1


async def test_books_come_in_pages(admin: Any) -> None:
    """As many as a limit says, the rest under a cursor, nothing twice and nothing left out."""
    seen, page, pages = [], None, 0
    while True:
        more: dict[str, Any] = {"page": page} if page else {}
        got = await admin.costs(start_time=START, end_time=START + 5 * 86_400, limit=2, **more)
        seen += [bucket.start_time for bucket in got.data]
        page, pages = got.next_page, pages + 1
        if not got.has_more:
            break
    assert (seen, pages) == ([START + day * 86_400 for day in range(5)], 3)
    with pytest.raises(BadRequestError):
        await admin.costs(start_time=START, limit=181)
    with pytest.raises(BadRequestError):
        await admin.images(start_time=START, bucket_width="1m", limit=1441)
    with pytest.raises(BadRequestError):
        await admin.images(start_time=START, group_by=["quality"])


async def test_keys_keep_to_their_side(books: MockServer) -> None:
    """A drawing key sees no books, and an admin key draws nothing."""
    drawing = AsyncOpenAI(api_key=ADMIN, admin_api_key="sk-one-0123456789", base_url=books.base_url, max_retries=0)
    with pytest.raises(PermissionDeniedError):
        await drawing.admin.organization.usage.costs(start_time=START)
    with pytest.raises(Exception, match="Incorrect API key"):
        await drawing.images.generate(model=MODEL, prompt="A lamp")
    await drawing.close()


async def test_what_is_planted_stands_on_the_books(books: MockServer, admin: Any, wall: Wall) -> None:
    """A stranger's call, a price from noon on, cached input, another currency, and refusals before an answer."""
    before = books.plant()
    call = {"at": NOON.timestamp(), "model": MODEL, "micro_usd": 7000}
    assert books.plant(calls=[call]) == before + 7000
    books.plant(price={"since": NOON.timestamp(), "times": 2}, cached_input=1, currency="eur", refusals=1, status=429)
    client = AsyncOpenAI(api_key="sk-one-0123456789", base_url=books.base_url, max_retries=0)
    await client.images.generate(model=MODEL, prompt="A lamp 0", size="1024x1024", quality="low")
    await client.close()
    first, *_, latest = books.bill()["requests"]
    assert latest["charged_micro_usd"] == 2 * first["charged_micro_usd"]
    with pytest.raises(Exception, match="Rate limit"):
        await admin.costs(start_time=START)
    listed = [
        row for bucket in (await admin.costs(start_time=START, group_by=["line_item"])).data for row in bucket.results
    ]
    assert {row.amount.currency for row in listed} == {"eur"}
    assert any("cached" in row.line_item for row in listed)
