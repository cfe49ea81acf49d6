"""Reading a provider's books with an admin key: pages, waits and further tries, at the vendor's own address alone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from batchgen import catalog
from batchgen.app.config.environment import Secret
from batchgen.errors import AccountError, InputError, UnavailableError
from batchgen.executor.probe import Reply, ask
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.providers import organization
from batchgen.providers.api_error import complaint
from batchgen.providers.organization import CostBucket, Usage
from batchgen.providers.retry_after import retry_after
from batchgen.redact import redacted
from batchgen.runtime.clock import Clock
from batchgen.text import safe
from batchgen.version import VERSION

VENDOR = "openai"
TRIES = 6
LONGEST_WAIT = 120.0
MOST_PAGES = 2000
_DENIED = frozenset({401, 403})
Query = Sequence[tuple[str, str]]


def books_address(base_url: str | None) -> str:
    """Return where books are read: at the vendor's own address, or on this machine; InputError for anywhere else."""
    vendors = str(catalog.provider(VENDOR).base_url)
    if base_url is None or base_url.rstrip("/") == vendors:
        return vendors
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not _is_here(parts.hostname or ""):
        raise InputError(
            f"{safe(base_url, 200)} is neither {vendors} nor on this machine: an admin key goes nowhere else"
        )
    return base_url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class BooksReader:
    """Asks for books at one address with one admin key."""

    address: str
    key: Secret
    clock: Clock
    proxies: Proxies = DIRECT
    asking: Callable[..., Awaitable[Reply]] = field(default=ask, repr=False)

    async def usage(self, start: int, end: int) -> tuple[Usage, ...]:
        """Read image usage by the hour."""
        query = [("bucket_width", "1h"), ("limit", str(organization.AT_MOST_HOURS)), *_span(start, end)]
        query += [("group_by", name) for name in organization.USAGE_GROUPS]
        buckets = await self._pages(organization.USAGE, query)
        return tuple(row for bucket in buckets for row in _read(organization.usage_of, bucket))

    async def costs(self, start: int, end: int) -> tuple[CostBucket, ...]:
        """Read costs by the day, by key where the provider tells them so."""
        query = [("bucket_width", "1d"), ("limit", str(organization.AT_MOST_DAYS)), *_span(start, end)]
        try:
            buckets = await self._pages(organization.COSTS, [*query, *_groups(organization.COST_GROUPS)])
        except InputError:
            buckets = await self._pages(organization.COSTS, [*query, *_groups(organization.PLAIN_COST_GROUPS)])
        return tuple(sorted((_read(organization.costs_of, bucket) for bucket in buckets), key=lambda one: one.begins))

    async def _pages(self, path: str, query: Query) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor, seen = "", set[str]()
        while len(seen) < MOST_PAGES:
            page = organization.page_of(await self._answer(path, [*query, *([("page", cursor)] if cursor else [])]))
            if page is None:
                raise UnavailableError(f"{self.address}{path} answers with something that is no page of books")
            found += page.buckets
            if page.following is None:
                return found
            if page.following in seen:
                break
            cursor = page.following
            seen.add(cursor)
        raise UnavailableError(f"the books at {self.address}{path} never come to an end")

    async def _answer(self, path: str, query: Query) -> Any:
        """Ask until there is an answer; refusals that a wait mends are asked again."""
        url = f"{self.address}{path}?{urlencode(list(query))}"
        headers = {**organization.AUTH.headers(self.key.reveal()), "User-Agent": f"batchgen/{VERSION}"}
        for tried in range(TRIES):
            reply = await self.asking(url, headers, (self.key.reveal(),), proxies=self.proxies)
            if reply.status == 200:
                return reply.body
            if reply.status is not None and reply.status != 429 and reply.status < 500:
                raise self._refusal(path, reply)
            told = retry_after(reply.headers, now=self.clock.now())
            wait = min(2.0**tried, 30.0) if told is None else told
            if tried == TRIES - 1 or wait > LONGEST_WAIT:
                words = self._words(reply)
                raise UnavailableError(f"{self.address}{path} gives no books now ({words}): nothing was settled")
            await self.clock.sleep(wait)
        raise AssertionError("the last try answers or raises")

    def _refusal(self, path: str, reply: Reply) -> Exception:
        words = self._words(reply)
        if reply.status in _DENIED:
            return AccountError(
                f"the books at {self.address} are closed to this key ({words}): OPENAI_ADMIN_KEY must be an admin key "
                "that may read usage; nothing was settled"
            )
        return InputError(f"{self.address}{path} refuses the question ({words}): nothing was settled")

    def _words(self, reply: Reply) -> str:
        error = complaint(reply.body)
        told = reply.trouble or (error.message if error else "") or "without a word"
        number = "" if reply.status is None else f"{reply.status}: "
        return safe(redacted(f"{number}{told}", (self.key.reveal(),)), 300)


def _span(start: int, end: int) -> Query:
    return [("start_time", str(start)), ("end_time", str(end))]


def _groups(names: Sequence[str]) -> Query:
    return [("group_by", name) for name in names]


def _read(how: Callable[[Mapping[str, Any]], Any], bucket: Mapping[str, Any]) -> Any:
    try:
        found = how(bucket)
        return found if isinstance(found, CostBucket) else tuple(found)
    except ValueError as error:
        raise UnavailableError(f"the books cannot be read: {safe(error, 200)}; nothing was settled") from error
