"""One request for images from arrival to answer: checked, limited, charged, drawn, told, and perhaps spoilt."""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from aiohttp import web

from batchgen.mock import answer
from batchgen.mock.bill import Bill, Entry, Used, charge, used, whole
from batchgen.mock.broken import BROKEN
from batchgen.mock.chat import check_chat
from batchgen.mock.check import check
from batchgen.mock.clock import Clock
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import DIALECTS
from batchgen.mock.draw import draw as draw_image
from batchgen.mock.fault import Fault
from batchgen.mock.fault_keys import percent
from batchgen.mock.faults import EVERY
from batchgen.mock.files import Files
from batchgen.mock.form import Form, read_form
from batchgen.mock.limits import Gate, Window
from batchgen.mock.moderation import flagged, withhold
from batchgen.mock.plan import Context, Faults, Hit
from batchgen.mock.record import Record
from batchgen.mock.reply import Refused, Reply, as_json, error, no_key, refused_bare, wrong_key
from batchgen.mock.resolved_request import Kind, ResolvedRequest
from batchgen.mock.seeded import between, draw
from batchgen.mock.wire import play, send

T = TypeVar("T")
FREE_ERRORS = ("429_rate", "status_500", "status_503_json")
NO_FAULT = Fault("nothing")


class Handler:
    """Everything a server remembers, and the way of one request."""

    def __init__(self, config: MockConfig, clock: Clock) -> None:
        self.config = config
        self.dialect = DIALECTS[config.dialect]
        self.bill = Bill()
        self.faults = Faults(config.rules, config.seed)
        self.files = Files(config.url_seconds, config.seed, clock)
        self.record = Record(config.record)
        limits = {
            "requests": config.requests_per_minute,
            "images": config.images_per_minute,
            "input-images": config.input_images_per_minute,
            "tokens": config.tokens_per_minute,
        }
        self.gate = Gate(limits, config.window_seconds, clock.monotonic)
        self.hidden = Window(config.window_seconds, config.hidden_per_minute)
        self.clock = clock
        self._started = clock.monotonic()
        self._calls: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(2, "mock-draw")

    def forget(self) -> None:
        """Start anew, with the same rules: bill, limits, counts, images and records are gone."""
        fresh = Handler(self.config, self.clock)
        fresh.close()
        self.bill, self.files, self.record, self.gate = fresh.bill, fresh.files, fresh.record, fresh.gate
        self.hidden = fresh.hidden
        self.faults, self._calls, self._started = fresh.faults, fresh._calls, fresh._started

    def close(self) -> None:
        """Stop drawing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def authorise(self, request: web.Request) -> None:
        """Raise Refused without a key, or with another than the configured one."""
        key = key_of(request)
        if not key:
            raise Refused(no_key())
        if self.config.key is not None and key != self.config.key:
            raise Refused(wrong_key(key))

    async def serve(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        """Answer one request for images, and put it on the bill."""
        headers = {
            k: v for k, v in request.headers.items() if k.lower().startswith(("x-", "idempotency", "user-agent"))
        }
        entry = self.bill.open(self.clock.monotonic() - self._started, request.raw_path, headers)
        try:
            resolved = await self._resolved_request(request, kind, entry)
            return await self._performed(request, resolved, entry)
        except Refused as refused:
            return self._whole(entry, refused.reply)
        except (asyncio.CancelledError, ConnectionError):
            entry.ended = "client_gone"
            raise

    async def _resolved_request(self, request: web.Request, kind: Kind, entry: Entry) -> ResolvedRequest:
        self.authorise(request)
        form = await read_form(request, self._fetch(request))
        self.record.note(request, entry.index, form)
        resolved = self._checked(kind, form)
        entry.take(resolved)
        self._admit(resolved)
        call = self._calls[resolved.prompt]
        self._calls[resolved.prompt] += 1
        return replace(resolved, call=call, created=int(self.clock.now().timestamp()))

    def _admit(self, resolved: ResolvedRequest) -> None:
        if self.hidden.wait(self.clock.monotonic(), 1):
            self.hidden.refused += 1
            raise Refused(refused_bare())
        tokens = used(resolved)
        weights = {
            "requests": 1,
            "images": resolved.n,
            "input-images": len(resolved.images),
            "tokens": tokens.text + tokens.image + tokens.output,
        }
        self.gate.admit(weights, resolved.model.name)
        self.hidden.add(self.clock.monotonic(), 1)

    def _checked(self, kind: Kind, form: Form) -> ResolvedRequest:
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

    async def _performed(self, request: web.Request, resolved: ResolvedRequest, entry: Entry) -> web.StreamResponse:
        hit = self._hit(resolved)
        fault = _fault(hit)
        entry.fault = hit.fault if fault is not NO_FAULT else None
        resolved = self._resolved(resolved, fault, hit)
        tokens, micro_usd = self._priced(resolved, fault, hit)
        hit = replace(hit, context=self._context(request, resolved, entry, micro_usd))
        stage = fault.blocked or ("input" if fault is NO_FAULT and self._blocked(resolved) else None)
        instead = self._instead(entry, fault, hit, stage)
        if self._charges(fault, hit, instead):
            entry.charge(resolved, tokens, micro_usd)
        await self._wait(resolved, hit, fault)
        if instead:
            entry.pictures = 0
            return self._whole(entry, instead)
        if self._is_fixed(resolved, fault):
            return await self._fixed(request, resolved, tokens, entry)
        return await self._drawn(request, resolved, tokens, entry, hit)

    def _priced(self, resolved: ResolvedRequest, fault: Fault, hit: Hit) -> tuple[Used, int]:
        factor = self.config.price_factor * int(hit.number("factor", fault.factor))
        tokens = used(resolved, factor)
        if fault.cost is not None:
            return tokens, whole(Decimal(str(hit.number("cost", fault.cost))) * 1_000_000)
        return tokens, charge(resolved, tokens, self.dialect.name, factor)

    def _context(self, request: web.Request, resolved: ResolvedRequest, entry: Entry, micro_usd: int) -> Context:
        subject = "image_edit" if resolved.kind is Kind.EDIT else "image_generation"
        return Context(self.clock.now(), key_of(request), subject, _request_id(entry), micro_usd)

    def _hit(self, resolved: ResolvedRequest) -> Hit:
        if hit := self.faults.hit(resolved.prompt, resolved.call):
            return hit
        chance = draw(self.config.seed, "error", resolved.prompt, resolved.call)
        if chance < self.config.errors:
            return Hit(FREE_ERRORS[int(chance / self.config.errors * len(FREE_ERRORS))], {"charged": "no"})
        return Hit("")

    def _blocked(self, resolved: ResolvedRequest) -> bool:
        return resolved.n == 1 and flagged(resolved.prompt, self.config)

    def _resolved(self, resolved: ResolvedRequest, fault: Fault, hit: Hit) -> ResolvedRequest:
        if fault.spoil:
            resolved = fault.spoil(resolved, hit)
        elif not self._blocked(resolved):
            resolved = withhold(resolved, self.config)
        return replace(resolved, answers="url") if fault.as_url else resolved

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

    async def _wait(self, resolved: ResolvedRequest, hit: Hit, fault: Fault) -> None:
        share = draw(self.config.seed, "latency", resolved.prompt, resolved.call)
        seconds = hit.number("latency", between(*self.config.latency, share))
        if not fault.script and not fault.download:
            seconds += hit.number("delay", fault.delay)
        if seconds > 0:
            await self.clock.sleep(seconds)

    def _whole(self, entry: Entry, reply: Reply) -> web.Response:
        entry.status, entry.ended = reply.status, "answered"
        headers = [*self._headers(entry), *reply.headers, ("Content-Type", reply.kind)]
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _headers(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", _request_id(entry)), *self.gate.headers())

    def _is_fixed(self, resolved: ResolvedRequest, fault: Fault) -> bool:
        plain = fault is NO_FAULT and resolved.answers == "b64_json" and resolved.partial_images is None
        return plain and self.config.fixed_bytes is not None

    async def _fixed(
        self, request: web.Request, resolved: ResolvedRequest, tokens: Used, entry: Entry
    ) -> web.StreamResponse:
        parts = answer.pieces(resolved, self._fixed_text, tokens)
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
        self, request: web.Request, resolved: ResolvedRequest, tokens: Used, entry: Entry, hit: Hit
    ) -> web.StreamResponse:
        fault = _fault(hit)
        if fault.drawn:
            images = await self._offload(self._images, resolved)
            urls = self._urls(request, resolved, images, fault, hit)
            reply = await self._offload(self._answered, resolved, images, urls, tokens, hit)
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

    def _images(self, resolved: ResolvedRequest) -> tuple[bytes, ...]:
        if self.config.fixed_bytes is not None and resolved.look not in BROKEN:
            return (self.config.fixed_bytes,) * resolved.deliver
        return tuple(draw_image(resolved, slot) for slot in range(resolved.deliver))

    def _urls(
        self, request: web.Request, resolved: ResolvedRequest, images: tuple[bytes, ...], fault: Fault, hit: Hit
    ) -> tuple[str, ...]:
        if resolved.answers != "url":
            return ()
        own = f"{request.scheme}://{request.host}"
        if fault.address:
            address = fault.address.replace("{origin}", own).replace("{key}", percent(hit.context.key))
            return (address,) * len(images)
        spoilt = hit if fault.download else None
        return tuple(own + self.files.put(data, resolved.file_format, spoilt) for data in images)

    def _answered(
        self, resolved: ResolvedRequest, images: tuple[bytes, ...], urls: tuple[str, ...], tokens: Used, hit: Hit
    ) -> Reply:
        if resolved.kind is Kind.CHAT:
            inline = f"data:image/png;base64,{answer.b64(images[0])}" if resolved.answers == "b64_json" else None
            return answer.chat(resolved, urls[0] if urls else inline, tokens)
        told = answer.images(resolved, images, urls, tokens, self.config.moderated or self.dialect.moderated)
        if alter := _fault(hit).alter:
            return alter(told, hit)
        return as_json(200, told) if resolved.partial_images is None else answer.events(resolved, told)


def key_of(request: web.Request) -> str:
    """Read the key of a request; nothing when it carries none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _fault(hit: Hit) -> Fault:
    if not hit.fault:
        return NO_FAULT
    if hit.fault not in EVERY:
        raise Refused(error(400, f"The mock knows no fault '{hit.fault}'.", "mock_no_such_fault"))
    return EVERY[hit.fault]


def _request_id(entry: Entry) -> str:
    return f"req_mock_{entry.index:08x}"
