"""One request for images from arrival to answer: checked, limited, charged, drawn, told, and perhaps spoilt."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

from aiohttp import web

from batchgen.mock.api_files import ApiFiles
from batchgen.mock.batch_worker import BatchWorker, file_bytes
from batchgen.mock.batches import Batches
from batchgen.mock.bill import Bill, Entry, used
from batchgen.mock.chat import check_chat, check_routed
from batchgen.mock.check import check
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import DIALECTS
from batchgen.mock.files import Files
from batchgen.mock.form import KEY_HEADERS, Form, Record, read_form
from batchgen.mock.gemini import check_content
from batchgen.mock.limits import Gate, Window
from batchgen.mock.listener import as_response
from batchgen.mock.organization import Organization, is_admin
from batchgen.mock.performer import Performance, Performer
from batchgen.mock.plan import Faults
from batchgen.mock.provider_words import worded
from batchgen.mock.reply import Refused, Reply, no_key, refused_bare, wrong_key
from batchgen.mock.resolved_request import Kind, ResolvedRequest
from batchgen.mock.seeded import between, draw
from batchgen.mock.tasks import Tasks
from batchgen.mock.wire import play, send
from batchgen.runtime.clock import Clock

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEPT = ("x-", "idempotency", "user-agent")


def _is_kept(header: str) -> bool:
    return header.startswith(KEPT) and header not in KEY_HEADERS


class Handler:
    """Everything a server remembers, and the way of one request."""

    def __init__(self, config: MockConfig, clock: Clock) -> None:
        self.config, self.clock = config, clock
        self.dialect = DIALECTS[config.dialect]
        self._owned = ExitStack()
        self._pool = ThreadPoolExecutor(2, "mock-draw")
        self.forget()

    def forget(self) -> None:
        """Start anew, with the same rules: bill, limits, counts, images, tasks and records are gone."""
        self._owned.close()
        config, clock = self.config, self.clock
        self.bill = Bill(clock, project_per_key=config.project_per_key)
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
        self.performer = Performer(config, self.dialect, clock, self.faults, self.files, self._pool)
        self.tasks = Tasks(config, clock, self.performer)
        self.organization = Organization(self.bill, clock)
        self._calls: Counter[str] = Counter()
        self.api_files = ApiFiles(clock, config.seed, config.project_per_key)
        worker = BatchWorker(self.performer, self.bill, clock, self._fetch, self.count)
        self.batches = Batches(
            config, clock, self.api_files, self.faults, worker.perform, worker.weigh, self.dialect.batch_prefix
        )
        self._owned.callback(self.api_files.close)
        self._owned.callback(self.batches.close)

    def count(self, what: str) -> int:
        """Count how often something was asked before."""
        before = self._calls[what]
        self._calls[what] += 1
        return before

    def close(self) -> None:
        """Stop drawing."""
        self._owned.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def key_of(self, request: web.Request) -> str:
        """Read the key of a request; nothing when it carries none where this provider reads it."""
        for name in self.dialect.key_headers:
            value = request.headers.get(name, "").strip()
            scheme, _, key = value.partition(" ")
            if name == "authorization":
                value = key.strip() if scheme.lower() == "bearer" else ""
            if value:
                return value
        return ""

    def authorise(self, request: web.Request) -> None:
        """Raise Refused without a key, or with another than the configured one."""
        key = self.key_of(request)
        if not key and self.dialect.keyless:
            return
        if not key:
            raise Refused(no_key())
        if is_admin(key) or (self.config.key is not None and key != self.config.key):
            raise Refused(wrong_key(key))

    def free(
        self, way: Serve, *, authorise: Callable[[web.Request], None] | None = None, own_words: bool = False
    ) -> Serve:
        """Make what serves something that costs nothing: noted, authorised, refused in the provider's words or not."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self.record.note(request)
            try:
                (authorise or self.authorise)(request)
                return await way(request)
            except Refused as refused:
                return as_response(self.worded(refused.reply) if own_words else refused.reply)

        return serve

    async def serve(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        """Answer one request for images, and put it on the bill."""
        headers = {name: value for name, value in request.headers.items() if _is_kept(name.lower())}
        route = "task" if self.dialect.tasks and kind is not Kind.CHAT else "sync"
        entry = self.bill.open(request.raw_path, headers, self.key_of(request), route)
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
        form = await read_form(request, self._fetch(self.key_of(request), origin_of(request)))
        if (name := request.match_info.get("model")) is not None:
            # The path names the model, whatever the body says.
            form = replace(form, fields={**form.fields, "model": name})
        self.record.note(request, entry.index, form)
        resolved = self._checked(kind, form)
        entry.take(resolved)
        self._admit(resolved)
        return replace(resolved, call=self.count(resolved.prompt), created=int(self.clock.now().timestamp()))

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
        chat = check_routed if self.dialect.name == "openrouter" else check_chat
        others = {Kind.CHAT: chat, Kind.CONTENT: check_content}
        if other := others.get(kind):
            return other(form, self.dialect, self.config)
        return check(kind, form, self.dialect, self.config)

    def _fetch(self, owner: str, own: str = "") -> Callable[[str], bytes | None]:
        def fetch(url: str) -> bytes | None:
            if url.startswith("file:"):
                return file_bytes(self.api_files, url.removeprefix("file:"), owner, self.dialect.image_purposes)
            target = url.removeprefix(own)
            stored = self.files.get(target.partition("?")[0].rpartition("/")[2]) if target != url else None
            return stored.data if stored and self.files.opens(stored, target) else None

        return fetch

    async def _performed(self, request: web.Request, resolved: ResolvedRequest, entry: Entry) -> web.StreamResponse:
        performed = self.performer.perform(resolved, entry, self.key_of(request))
        await self._wait(performed)
        is_task = self.dialect.tasks and resolved.kind is not Kind.CHAT
        if performed.instead and not (is_task and performed.fault.blocked == "output"):
            return self._whole(entry, performed.instead)
        if is_task:
            return await self._sent(request, self.tasks.submit(performed), performed, entry)
        if self.performer.is_fixed(performed):
            return await self._fixed(request, performed, entry)
        return await self._drawn(request, performed, entry)

    async def _wait(self, performed: Performance) -> None:
        resolved, fault, hit = performed.resolved, performed.fault, performed.hit
        share = draw(self.config.seed, "latency", resolved.prompt, resolved.call)
        seconds = hit.number("latency", between(*self.config.latency, share))
        if not fault.script and not fault.download:
            seconds += hit.number("delay", fault.delay)
        if seconds > 0:
            await self.clock.sleep(seconds)

    def _whole(self, entry: Entry, reply: Reply) -> web.Response:
        reply = self.worded(reply)
        entry.status, entry.ended = reply.status, "answered"
        headers = [*self._headers(entry), *reply.headers, ("Content-Type", reply.kind)]
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _headers(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", entry.request_id), *self.gate.headers())

    async def _fixed(self, request: web.Request, performed: Performance, entry: Entry) -> web.StreamResponse:
        parts = self.performer.fixed(performed)
        headers = [*self._headers(entry), ("Content-Type", "application/json")]
        response = web.StreamResponse(headers=headers)
        response.content_length = sum(map(len, parts))
        entry.status = 200
        sent = await send(request, response, parts)
        entry.ended = "answered"
        return sent

    async def _drawn(self, request: web.Request, performed: Performance, entry: Entry) -> web.StreamResponse:
        fault = performed.fault
        reply = await self.performer.reply(performed, origin_of(request)) if fault.drawn else Reply(200)
        return await self._sent(request, reply, performed, entry)

    async def _sent(
        self, request: web.Request, reply: Reply, performed: Performance, entry: Entry
    ) -> web.StreamResponse:
        fault = performed.fault
        if not fault.script:
            return self._whole(entry, reply)
        entry.status = 200 if fault.drawn else None
        steps = fault.script(reply.having(*self._headers(entry)), performed.hit, self.config.stall_seconds)
        spent = await play(request, steps)
        entry.ended = "cut"
        return spent

    def worded(self, reply: Reply) -> Reply:
        """Tell a refusal in this provider's words."""
        return worded(reply, self.dialect.name)


def origin_of(request: web.Request) -> str:
    """Spell this server as the client did."""
    return f"{request.scheme}://{request.host}"
