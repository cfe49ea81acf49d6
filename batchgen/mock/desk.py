"""One request for pictures from arrival to answer: checked, limited, charged, drawn, told, and perhaps spoilt."""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from aiohttp import web

from batchgen.mock import answer
from batchgen.mock.bill import Bill, Entry, Used, charge, used
from batchgen.mock.chance import between, draw
from batchgen.mock.chat import check_chat
from batchgen.mock.check import check
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import DIALECTS
from batchgen.mock.draw import draw as draw_picture
from batchgen.mock.faults import FAULTS, Fault
from batchgen.mock.files import Files
from batchgen.mock.intake import Form, read_form
from batchgen.mock.limits import Gate
from batchgen.mock.moderation import flagged, withhold
from batchgen.mock.order import Kind, Order
from batchgen.mock.plan import Faults, Hit
from batchgen.mock.record import Record
from batchgen.mock.reply import Refused, Reply, as_json, error, no_key, wrong_key
from batchgen.mock.wire import play, send

T = TypeVar("T")
FREE_ERRORS = ("429_rate", "status_500", "status_503_json")
NO_FAULT = Fault("nothing")


class Desk:
    """Everything a server remembers, and the way of one request."""

    def __init__(self, config: MockConfig, now: Callable[[], float]) -> None:
        self.config = config
        self.dialect = DIALECTS[config.dialect]
        self.bill = Bill()
        self.faults = Faults(config.rules, config.seed)
        self.files = Files(config.url_seconds, config.seed, now)
        self.record = Record(config.record)
        limits = {
            "requests": config.requests_per_minute,
            "images": config.images_per_minute,
            "input-images": config.input_images_per_minute,
            "tokens": config.tokens_per_minute,
        }
        self.gate = Gate(limits, config.window_seconds, now)
        self._now = now
        self._started = now()
        self._calls: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(2, "mock-draw")

    def forget(self) -> None:
        """Start anew, with the same rules: bill, limits, counts, pictures and records are gone."""
        fresh = Desk(self.config, self._now)
        fresh.close()
        self.bill, self.files, self.record, self.gate = fresh.bill, fresh.files, fresh.record, fresh.gate
        self.faults, self._calls, self._started = fresh.faults, fresh._calls, fresh._started

    def close(self) -> None:
        """Stop drawing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def authorise(self, request: web.Request) -> None:
        """Refused without a key, or with another than the configured one."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refused(no_key())
        if self.config.key is not None and key.strip() != self.config.key:
            raise Refused(wrong_key(key.strip()))

    async def serve(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        """Answer one request for pictures, and put it on the bill."""
        headers = {
            k: v for k, v in request.headers.items() if k.lower().startswith(("x-", "idempotency", "user-agent"))
        }
        entry = self.bill.open(self._now() - self._started, request.raw_path, headers)
        try:
            order = await self._ordered(request, kind, entry)
            return await self._performed(request, order, entry)
        except Refused as refused:
            return self._whole(entry, refused.reply)
        except (asyncio.CancelledError, ConnectionError):
            entry.ended = "client_gone"
            raise

    async def _ordered(self, request: web.Request, kind: Kind, entry: Entry) -> Order:
        self.authorise(request)
        form = await read_form(request, self._fetch(request))
        self.record.note(request, entry.index, form)
        order = self._checked(kind, form)
        entry.take(order)
        tokens = used(order)
        weights = {
            "requests": 1,
            "images": order.n,
            "input-images": len(order.images),
            "tokens": tokens.text + tokens.image + tokens.output,
        }
        self.gate.admit(weights, order.drawer.name)
        call = self._calls[order.prompt]
        self._calls[order.prompt] += 1
        return replace(order, call=call)

    def _checked(self, kind: Kind, form: Form) -> Order:
        if kind is Kind.CHAT:
            return check_chat(form, self.dialect, self.config)
        return check(kind, form, self.dialect, self.config)

    def _fetch(self, request: web.Request) -> Callable[[str], bytes | None]:
        own = f"{request.scheme}://{request.host}"

        def fetch(url: str) -> bytes | None:
            target = url.removeprefix(own)
            stored = self.files.get(target.partition("?")[0].rpartition("/")[2]) if target != url else None
            return stored.data if stored and self.files.opens(stored, target) else None

        return fetch

    async def _performed(self, request: web.Request, order: Order, entry: Entry) -> web.StreamResponse:
        hit = self._hit(order)
        fault = _fault(hit)
        entry.fault = hit.fault if fault is not NO_FAULT else None
        order = self._resolved(order, fault, hit)
        stage = fault.blocked or ("input" if fault is NO_FAULT and self._blocked(order) else None)
        instead = self._instead(entry, fault, hit, stage)
        tokens = used(order, self.config.price_factor)
        if self._charges(fault, hit, instead):
            entry.charge(order, tokens, charge(order, tokens, self.dialect.name, self.config.price_factor))
        await self._wait(order, hit, fault)
        if instead:
            entry.pictures = 0
            return self._whole(entry, instead)
        if fault is NO_FAULT and self.config.fixed_bytes is not None and order.answers == "b64_json":
            return await self._fixed(request, order, tokens, entry)
        return await self._drawn(request, order, tokens, entry, hit)

    def _hit(self, order: Order) -> Hit:
        if hit := self.faults.hit(order.prompt, order.call):
            return hit
        chance = draw(self.config.seed, "error", order.prompt, order.call)
        if chance < self.config.errors:
            return Hit(FREE_ERRORS[int(chance / self.config.errors * len(FREE_ERRORS))], {"charged": "no"})
        return Hit("")

    def _blocked(self, order: Order) -> bool:
        return order.n == 1 and flagged(order.prompt, self.config)

    def _resolved(self, order: Order, fault: Fault, hit: Hit) -> Order:
        if fault.spoil:
            order = fault.spoil(order, hit)
        elif not self._blocked(order):
            order = withhold(order, self.config)
        return replace(order, answers="url") if fault.as_url else order

    def _instead(self, entry: Entry, fault: Fault, hit: Hit, stage: str | None) -> Reply | None:
        if stage:
            return self.dialect.blocked(stage, _request_id(entry))
        return fault.reply(hit) if fault.reply else None

    def _charges(self, fault: Fault, hit: Hit, instead: Reply | None) -> bool:
        if said := hit.options.get("charged"):
            return said == "yes"
        if self.dialect.charges_failures and instead and (instead.status >= 500 or b"moderation_bl" in instead.body):
            return True
        return fault.charged and not (fault is NO_FAULT and instead)

    async def _wait(self, order: Order, hit: Hit, fault: Fault) -> None:
        share = draw(self.config.seed, "latency", order.prompt, order.call)
        seconds = hit.number("latency", between(*self.config.latency, share))
        if not fault.script and not fault.download:
            seconds += hit.number("delay", fault.delay)
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _whole(self, entry: Entry, reply: Reply) -> web.Response:
        entry.status, entry.ended = reply.status, "answered"
        headers = [*self._headers(entry), *reply.headers, ("Content-Type", reply.kind)]
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _headers(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", _request_id(entry)), *self.gate.headers())

    async def _fixed(self, request: web.Request, order: Order, tokens: Used, entry: Entry) -> web.StreamResponse:
        parts = answer.pieces(order, self._fixed_text, tokens)
        headers = [*self._headers(entry), ("Content-Type", "application/json")]
        response = web.StreamResponse(headers=headers)
        response.content_length = sum(map(len, parts))
        entry.status = 200
        sent = await send(request, response, parts)
        entry.ended = "answered"
        return sent

    @cached_property
    def _fixed_text(self) -> bytes:
        return base64.b64encode(self.config.fixed_bytes or b"")

    async def _drawn(
        self, request: web.Request, order: Order, tokens: Used, entry: Entry, hit: Hit
    ) -> web.StreamResponse:
        fault = _fault(hit)
        if fault.drawn:
            pictures = await self._offload(self._pictures, order)
            urls = self._urls(request, order, pictures, fault, hit)
            reply = await self._offload(self._told, order, pictures, urls, tokens, hit)
        else:
            reply = Reply(200)
        if not fault.script:
            return self._whole(entry, reply)
        entry.status = 200 if fault.drawn else None
        steps = fault.script(reply.having(*self._headers(entry)), hit, self.config.stall_seconds)
        spent = await play(request, steps)
        entry.ended = "cut"
        return spent

    async def _offload(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    def _pictures(self, order: Order) -> tuple[bytes, ...]:
        if self.config.fixed_bytes is not None:
            return (self.config.fixed_bytes,) * order.deliver
        return tuple(draw_picture(order, slot) for slot in range(order.deliver))

    def _urls(
        self, request: web.Request, order: Order, pictures: tuple[bytes, ...], fault: Fault, hit: Hit
    ) -> tuple[str, ...]:
        if order.answers != "url":
            return ()
        if fault.address:
            return (fault.address,) * len(pictures)
        spoilt = hit if fault.download else None
        own = f"{request.scheme}://{request.host}"
        return tuple(own + self.files.put(data, order.file_format, spoilt) for data in pictures)

    def _told(self, order: Order, pictures: tuple[bytes, ...], urls: tuple[str, ...], tokens: Used, hit: Hit) -> Reply:
        if order.kind is Kind.CHAT:
            inline = f"data:image/png;base64,{answer.b64(pictures[0])}" if order.answers == "b64_json" else None
            return answer.chat(order, urls[0] if urls else inline, tokens)
        told = answer.images(order, pictures, urls, tokens, self.config.moderated or self.dialect.moderated)
        if order.partial_images is not None:
            return answer.events(order, told)
        alter = _fault(hit).alter
        return alter(told, hit) if alter else as_json(200, told)


def _fault(hit: Hit) -> Fault:
    if not hit.fault:
        return NO_FAULT
    if hit.fault not in FAULTS:
        raise Refused(error(400, f"The mock knows no fault '{hit.fault}'.", "mock_no_such_fault"))
    return FAULTS[hit.fault]


def _request_id(entry: Entry) -> str:
    return f"req_mock_{entry.index:08x}"
