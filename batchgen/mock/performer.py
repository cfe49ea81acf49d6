"""A resolved request -> its fault, its price, and its answer: the same on every route."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, TypeVar

from batchgen.mock import answer
from batchgen.mock.bill import Entry, Used, charge, used, whole
from batchgen.mock.broken import BROKEN
from batchgen.mock.chat import with_cost
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import Dialect
from batchgen.mock.draw import draw as draw_image
from batchgen.mock.fault import Fault
from batchgen.mock.fault_keys import percent
from batchgen.mock.faults import EVERY
from batchgen.mock.files import Files
from batchgen.mock.gemini import content
from batchgen.mock.gemini_faults import GEMINI
from batchgen.mock.moderation import flagged, withhold
from batchgen.mock.plan import Context, Faults, Hit
from batchgen.mock.reply import Refused, Reply, as_json, error
from batchgen.mock.resolved_request import Kind, ResolvedRequest
from batchgen.mock.seeded import draw
from batchgen.runtime.clock import Clock

T = TypeVar("T")
FREE_ERRORS = ("429_rate", "status_500", "status_503_json")
NO_FAULT = Fault("nothing")
# Which faults a call can meet on its route.
SCOPES = {"sync": ("call",), "task": ("task", "call"), "batch": ("line", "call")}
OTHER_SHAPES = frozenset({Kind.CHAT, Kind.CONTENT})


@dataclass(frozen=True, slots=True)
class Performance:
    """What becomes of one request: its fault, its tokens, and `instead` what is answered in place of images."""

    resolved: ResolvedRequest
    fault: Fault
    hit: Hit
    tokens: Used
    instead: Reply | None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is odd about it."""
        plain = self.resolved.answers == "b64_json" and self.resolved.partial_images is None
        return plain and self.fault is NO_FAULT and self.instead is None and self.resolved.kind not in OTHER_SHAPES


@dataclass(frozen=True, slots=True)
class Performer:
    """Decides, prices and draws for one server."""

    config: MockConfig
    dialect: Dialect
    clock: Clock
    faults: Faults
    files: Files
    pool: ThreadPoolExecutor

    def perform(self, resolved: ResolvedRequest, entry: Entry, key: str = "") -> Performance:
        """Decide what becomes of a request, and charge it to its line of the bill."""
        hit = self._hit(resolved, ("gemini", "call") if resolved.kind is Kind.CONTENT else SCOPES[entry.route])
        fault = _fault(hit)
        if entry.route == "batch" and fault.script:  # a line has no wire of its own
            fault = NO_FAULT
        entry.fault = hit.fault if fault is not NO_FAULT else None
        resolved = self._spoilt(resolved, fault, hit)
        tokens, micro_usd = self._priced(resolved, fault, hit)
        exact = entry.priced(micro_usd)
        subject = "image_edit" if resolved.kind is Kind.EDIT else "image_generation"
        hit = replace(hit, context=Context(self.clock.now(), key, subject, entry.request_id, whole(exact)))
        stage = fault.blocked or ("input" if fault is NO_FAULT and self._blocked(resolved) else None)
        instead = self._instead(entry, fault, hit, stage)
        if self._charges(entry, fault, hit, instead):
            entry.charge(resolved, tokens, exact)
        if instead:
            entry.pictures = 0
        return Performance(resolved, fault, hit, tokens, instead)

    def is_fixed(self, performed: Performance) -> bool:
        """Say whether the answer is plain and its images are the preset bytes."""
        plain = performed.is_plain and self.dialect.counts and not self.dialect.filters
        return plain and self.config.fixed_bytes is not None

    def fixed(self, performed: Performance) -> tuple[bytes, ...]:
        """Tell the preset bytes in pieces, of which nothing is copied."""
        return answer.pieces(performed.resolved, _encoded(self.config.fixed_bytes or b""), performed.tokens)

    async def reply(self, performed: Performance, origin: str) -> Reply:
        """Draw and tell; `origin` is this server as the client spells it."""
        images = await self._offload(self._images, performed.resolved)
        urls = self._urls(performed, images, origin)
        return await self._offload(self._answer, performed, images, urls)

    def _hit(self, resolved: ResolvedRequest, scopes: tuple[str, ...]) -> Hit:
        for scope in scopes:
            if hit := self.faults.hit(resolved.prompt, resolved.call, scope):
                return hit
        chance = draw(self.config.seed, "error", resolved.prompt, resolved.call)
        if chance < self.config.errors:
            return Hit(FREE_ERRORS[int(chance / self.config.errors * len(FREE_ERRORS))], {"charged": "no"})
        return Hit("")

    def _blocked(self, resolved: ResolvedRequest) -> bool:
        return resolved.n == 1 and flagged(resolved.prompt, self.config)

    def _spoilt(self, resolved: ResolvedRequest, fault: Fault, hit: Hit) -> ResolvedRequest:
        if fault.spoil:
            resolved = fault.spoil(resolved, hit)
        elif not self._blocked(resolved):
            resolved = withhold(resolved, self.config)
        return replace(resolved, answers="url") if fault.as_url else resolved

    def _priced(self, resolved: ResolvedRequest, fault: Fault, hit: Hit) -> tuple[Used, Decimal]:
        factor = self.config.price_factor * int(hit.number("factor", fault.factor))
        tokens = used(resolved, factor)
        if fault.cost is not None:
            return tokens, Decimal(str(hit.number("cost", fault.cost))) * 1_000_000
        return tokens, charge(resolved, tokens, self.dialect.name, factor)

    def _instead(self, entry: Entry, fault: Fault, hit: Hit, stage: str | None) -> Reply | None:
        if stage:
            return self.dialect.blocked(stage, entry.request_id)
        return fault.reply(hit) if fault.reply else None

    def _charges(self, entry: Entry, fault: Fault, hit: Hit, instead: Reply | None) -> bool:
        if said := hit.options.get("charged"):
            return said == "yes"
        if entry.route == "batch" and instead and instead.status >= 500:  # it stands in the error file, and is free
            return False
        if self.dialect.charges_failures and instead and (instead.status >= 500 or b"moderation_bl" in instead.body):
            return True
        return fault.charged and not (fault is NO_FAULT and instead)

    async def _offload(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, partial(call, *args))

    def _images(self, resolved: ResolvedRequest) -> tuple[bytes, ...]:
        if self.config.fixed_bytes is not None and resolved.look not in BROKEN:
            return (self.config.fixed_bytes,) * resolved.deliver
        return tuple(draw_image(resolved, slot) for slot in range(resolved.deliver))

    def _urls(self, performed: Performance, images: tuple[bytes, ...], origin: str) -> tuple[str, ...]:
        resolved, fault, hit = performed.resolved, performed.fault, performed.hit
        if resolved.answers != "url":
            return ()
        if fault.address:
            address = fault.address.replace("{origin}", origin).replace("{key}", percent(hit.context.key))
            return (address,) * len(images)
        spoilt = hit if fault.download else None
        return tuple(origin + self.files.put(data, resolved.file_format, spoilt) for data in images)

    def _answer(self, performed: Performance, images: tuple[bytes, ...], urls: tuple[str, ...]) -> Reply:
        resolved, tokens = performed.resolved, performed.tokens
        if resolved.kind is Kind.CHAT:
            is_inline = resolved.answers in {"b64_json", "images"}
            inline = f"data:image/png;base64,{answer.b64(images[0])}" if is_inline else None
            return self._chat(performed, urls[0] if urls else inline)
        if resolved.kind is Kind.CONTENT:
            return self._content(performed, images)
        told = answer.images(resolved, images, urls, tokens, self.config.moderated or self.dialect.moderated)
        told = answer.with_filters(told) if self.dialect.filters else told
        told = told if self.dialect.counts else {name: value for name, value in told.items() if name != "usage"}
        if alter := performed.fault.alter:
            return alter(told, performed.hit)
        return as_json(200, told) if resolved.partial_images is None else answer.events(resolved, told)

    def _chat(self, performed: Performance, url: str | None) -> Reply:
        resolved, tokens = performed.resolved, performed.tokens
        told = answer.chat(resolved, url, tokens)
        if self.dialect.name == "openrouter":
            told = with_cost(told, charge(resolved, tokens, self.dialect.name))
        alter = performed.fault.alter if performed.hit.fault.startswith("usage_") else None
        return alter(told, performed.hit) if alter else as_json(200, told)

    def _content(self, performed: Performance, images: tuple[bytes, ...]) -> Reply:
        told = content(performed.resolved, images, performed.tokens, performed.hit.context.request)
        alter = performed.fault.alter if performed.hit.fault in GEMINI else None
        return alter(told, performed.hit) if alter else as_json(200, told)


@lru_cache(maxsize=8)
def _encoded(data: bytes) -> bytes:
    return base64.b64encode(data)


def _fault(hit: Hit) -> Fault:
    if not hit.fault:
        return NO_FAULT
    if hit.fault not in EVERY:
        raise Refused(error(400, f"The mock knows no fault '{hit.fault}'.", "mock_no_such_fault"))
    return EVERY[hit.fault]
