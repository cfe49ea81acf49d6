"""`/v1/organization/costs` and `/v1/organization/usage/images` over HTTP, for admin keys alone."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from batchgen.mock.handler import Handler, Serve
from batchgen.mock.listener import as_response
from batchgen.mock.organization import COST_GROUPS, DAY, USAGE_GROUPS, is_admin
from batchgen.mock.reply import (
    Refused,
    Reply,
    as_json,
    bad_value,
    error,
    missing_parameter,
    no_key,
    rate_limited,
    wrong_key,
    wrong_value,
)

WIDTHS = {"1m": (60, 60, 1440), "1h": (3600, 24, 168), "1d": (DAY, 7, 31)}
"""Seconds of a bucket, how many come when nobody says, and how many at most."""
COSTS_COME, COSTS_AT_MOST = 7, 180


class OrganizationApi:
    """The endpoints of one server, and the one by which something is planted."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def routes(self, prefix: str) -> Iterator[tuple[str, str, Serve]]:
        """List methods, paths and what serves them."""
        free = partial(self.handler.free, authorise=self._authorise)
        yield "GET", f"{prefix}/organization/costs", free(self.costs)
        yield "GET", f"{prefix}/organization/usage/images", free(self.usage)
        yield "POST", "/organization", self.plant

    async def usage(self, request: web.Request) -> web.StreamResponse:
        """Tell of image usage: counts, and neither tokens nor money."""
        start, end = self._span(request)
        width = request.query.get("bucket_width", "1d")
        if width not in WIDTHS:
            raise Refused(bad_value("bucket_width", width, tuple(WIDTHS)))
        seconds, come, at_most = WIDTHS[width]
        buckets = self.handler.organization.usage(start, end, seconds, _groups(request, USAGE_GROUPS))
        return as_response(_page(request, buckets, come, at_most))

    async def costs(self, request: web.Request) -> web.StreamResponse:
        """Tell of costs by the day."""
        start, end = self._span(request)
        if (width := request.query.get("bucket_width", "1d")) != "1d":
            raise Refused(bad_value("bucket_width", width, ("1d",)))
        buckets = self.handler.organization.costs(start, end, _groups(request, COST_GROUPS))
        return as_response(_page(request, buckets, COSTS_COME, COSTS_AT_MOST))

    async def plant(self, request: web.Request) -> web.StreamResponse:
        """Put something on the books that nobody here did."""
        try:
            self.handler.organization.plant(json.loads(await request.read()))
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            return as_response(error(400, f"Could not be planted: {wrong}"))
        return as_response(as_json(200, {"total_micro_usd": str(self.handler.organization.total())}))

    def _span(self, request: web.Request) -> tuple[int, int]:
        end, start = _number(request, "end_time"), _number(request, "start_time")
        if start is None:
            raise Refused(missing_parameter("start_time"))
        return start, self.handler.organization.now() if end is None else end

    def _authorise(self, request: web.Request) -> None:
        key = self.handler.key_of(request)
        if not key:
            raise Refused(no_key())
        if not is_admin(key):
            raise Refused(_no_scope())
        wanted = self.handler.config.admin_key
        if wanted is not None and key != wanted:
            raise Refused(wrong_key(key))
        if refusal := self.handler.organization.refuse():
            status, wait = refusal
            too_fast = rate_limited("requests", 60, 60, 1, wait)
            raise Refused(too_fast if status == 429 else error(status, "The books cannot be read now.", "server_error"))


def _no_scope() -> Reply:
    return error(
        403,
        "You have insufficient permissions for this operation. Missing scopes: api.usage.read. Check that you have the "
        "correct role in your organization.",
        "missing_scope",
    )


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 11:
        raise Refused(wrong_value(name, f"Invalid value: '{text}'. Expected an integer."))
    return int(text)


def _groups(request: web.Request, known: Sequence[str]) -> tuple[str, ...]:
    """Read what to group by, in each of the spellings that clients use for lists."""
    spelt = [*request.query.getall("group_by", []), *request.query.getall("group_by[]", [])]
    asked = tuple(name.strip() for several in spelt for name in several.split(",") if name.strip())
    for name in asked:
        if name not in known:
            raise Refused(bad_value("group_by", name, tuple(known)))
    return asked


def _page(request: web.Request, buckets: list[dict[str, Any]], come: int, at_most: int) -> Reply:
    limit = _number(request, "limit") or come
    if limit > at_most:
        raise Refused(wrong_value("limit", f"'limit' must be at most {at_most}."))
    begin = _opened(request.query.get("page"))
    shown, rest = buckets[begin : begin + limit], buckets[begin + limit :]
    following = f"page_{begin + limit}" if rest else None
    return as_json(200, {"object": "page", "data": shown, "has_more": bool(rest), "next_page": following})


def _opened(page: str | None) -> int:
    if not page:
        return 0
    try:
        return int(page.removeprefix("page_"))
    except ValueError:
        raise Refused(wrong_value("page", "Invalid page.")) from None
