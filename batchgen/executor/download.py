"""Fetches images that were paid for and wait at an address; the generation is never repeated here."""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from batchgen.executor.addresses import Lookup, Origin, PublicResolver, RefusedAddressError, Rules
from batchgen.executor.exchange import trouble_of
from batchgen.executor.inflate import EncodingError, Inflate
from batchgen.executor.patience import Patience
from batchgen.executor.placement import Plan, complete, finish, is_unasked, placed, to_answer
from batchgen.executor.protocol import Setup
from batchgen.model import Attempt, Charge, Pending, Phase, Receipt, Remedy, Verdict
from batchgen.providers.dialects import dialect
from batchgen.providers.wire import header_view
from batchgen.redact import opened, redacted
from batchgen.storage import ImageFacts, Part, PartFacts, Spool, sniff
from batchgen.storage.structure import ends_whole, fault

MOST_BYTES = 96 * 1024 * 1024
MOST_REDIRECTS = 3
TRY_SECONDS = 300.0
CONNECT_SECONDS = 10.0
_MOVED = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({400, 401, 403, 404, 410})
_PIECE = 1024 * 1024
_PAID = Verdict(Charge.YES, Remedy.NONE)


@dataclass(frozen=True, slots=True)
class NotFetched:
    """A try that brought no image. `final` means that no later try can: the image is lost, though paid.

    `refused`: it is not fetched from there, by our own rules. `absent`: now there is nothing at that address.
    """

    why: str
    final: bool = False
    refused: bool = False
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier try left in the spool: `size` bytes in `path`, and what tells whether they are still right."""

    index: int
    path: Path
    size: int = 0
    validator: str = ""


class _FailedError(Exception):
    """One try is over."""

    def __init__(self, why: str, *, final: bool = False, absent: bool = False) -> None:
        self.failure = NotFetched(why, final, absent=absent)
        super().__init__(why)


@dataclass(eq=False, repr=False)
class Downloads:
    """Fetches in two ways: the provider's own hosts, and public addresses that are checked as they resolve.

    Sessions open with the first download. Headers of the provider's file go where the key goes.
    """

    setup: Setup
    lookup: Lookup | None
    trust: Callable[[], ssl.SSLContext | bool]

    def __post_init__(self) -> None:
        provider = self.setup.provider
        self._base = URL(provider.base_url or "http://nowhere.invalid")
        self._rules = Rules(self._base, provider.download_hosts)
        speech = dialect(provider, provider.default_model)
        self._authorization = dict(self.setup.own_headers) | speech.authorization(provider, self.setup.key or "")
        self._secrets = self.setup.secrets
        self._patience = Patience(self.setup.clock, self.setup.offload)
        self._sessions: dict[Origin, aiohttp.ClientSession] = {}
        self._validators: dict[Path, str] = {}
        self._fetched: dict[str, dict[str, Spool]] = {}

    async def close(self) -> None:
        """Close the sessions."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def image(self, waiting: Pending) -> Receipt | NotFetched:
        """Try once to put a waiting image in its place; what came of a broken try is resumed by the next.

        What was fetched is whole in a spool of its own before it is put anywhere: asking again fetches nothing.
        StorageError when the disk refuses.
        """
        attempt, remote = waiting.attempt, waiting.remote
        assert attempt is not None, "whoever asks for an image says where it goes"
        assert remote is not None, "and where it waits"
        name = f"{waiting.attempt_id}-{remote.slot}"
        again = partial(finish, self.setup.workspace, self.setup.store, name)
        receipt = await self._patience.insist(again)
        if not isinstance(receipt, Receipt):
            spool = self.setup.workspace.spool(name)
            address = opened(remote.url, self._secrets)
            if address is None:
                return NotFetched("its address holds a key that is not set now: run with the key that drew it")
            facts = await self.fetch(address, spool, remote.expires)
            if isinstance(facts, NotFetched):
                return facts
            seen = sniff(facts.head, facts.path)
            if seen is None or is_unasked(seen, attempt.request):
                await self.setup.offload(spool.discard)
                return NotFetched("what came is no image")
            if broken := await self.setup.offload(fault, seen, facts):
                return NotFetched(f"what came is no whole image: {broken}")
            asked = (attempt, remote.slot, spool, facts, seen)
            receipt = await self._patience.insist(self._landed, *asked, again=again)
        assert isinstance(receipt, Receipt), "it is whole in its spool"
        self._fetched.setdefault(waiting.attempt_id, {})[name] = self.setup.workspace.spool(name)
        return receipt

    def _landed(self, attempt: Attempt, slot: int, spool: Spool, facts: PartFacts, seen: ImageFacts) -> Receipt:
        """Make an image durable in its spool, then put it in its place. Blocks."""
        plan = Plan((placed(attempt, slot, facts, seen),), key=attempt.job_key)
        answer = to_answer(Receipt(attempt.id, Phase.COMPLETE, _PAID), plan, attempt.replaces)
        spool.finish(answer)
        return complete(self.setup.workspace, self.setup.store, spool.attempt_id, answer)

    def fetched(self, attempt_id: str) -> Sequence[Spool]:
        """Return the spools of an attempt's images that were fetched; they are named once."""
        return tuple(self._fetched.pop(attempt_id, {}).values())

    async def fetch(self, url: str, spool: Spool, expires: datetime | None = None) -> PartFacts | NotFetched:
        """Fetch an address into a spool, once."""
        try:
            address = URL(url, encoded=True)
            if url[:1] == "/" != url[1:2]:  # on the provider's own host
                address = self._base.join(address)
        except ValueError:
            return NotFetched("the address is no URL", final=True)
        try:
            async with asyncio.timeout(TRY_SECONDS):
                return await self._follow(address, spool, expires)
        except _FailedError as error:
            return error.failure
        except (aiohttp.ClientError, OSError, TimeoutError, EncodingError, ValueError) as error:
            cause = getattr(error, "os_error", error)
            if isinstance(cause, RefusedAddressError):
                return NotFetched(redacted(cause, self._secrets, 400), final=True, refused=True)
            if isinstance(error, aiohttp.InvalidURL):
                return NotFetched("the address is no URL", final=True)
            if isinstance(error, aiohttp.ClientHttpProxyError):
                return NotFetched(trouble_of(error, Phase.NOT_CONNECTED)[1])
            nowhere = isinstance(error, aiohttp.ClientConnectorDNSError)
            return NotFetched(redacted(str(error) or type(error).__name__, self._secrets, 200), absent=nowhere)

    async def _follow(self, url: URL, spool: Spool, expires: datetime | None) -> PartFacts:
        left = self._left(spool)
        for hop in range(MOST_REDIRECTS + 1):
            origin = self._rules.origin(url)
            headers = self._headers(origin, left, first=hop == 0)
            at, how = await self._way(url, origin)
            session = self._session(Origin.TRUSTED if "proxy" in how else origin)
            async with session.get(
                at, headers=headers | how.pop("headers", {}), allow_redirects=False, **how
            ) as response:
                if response.status not in _MOVED:
                    self._check_status(response.status, expires)
                    return await self._take(response, spool, left)
                url = url.join(URL(response.headers.get("Location", ""), encoded=True))
        raise _FailedError(f"more than {MOST_REDIRECTS} redirects")

    async def _way(self, url: URL, origin: Origin) -> tuple[URL, dict[str, Any]]:
        """Return the address to connect to, and how; through a proxy, a public name is resolved and checked here."""
        how = self.setup.proxies.options(url)
        if not how or origin is not Origin.PUBLIC or not url.raw_host:
            return url, how
        found = await PublicResolver(self.lookup).resolve(url.raw_host, url.port or 443)
        if not found:
            raise _FailedError(f"{url.raw_host} stands for no address")
        name = url.raw_host if url.is_default_port() else f"{url.raw_host}:{url.port}"
        return url.with_host(found[0]["host"]), how | {"server_hostname": url.raw_host, "headers": {"Host": name}}

    def _headers(self, origin: Origin, left: Left, *, first: bool) -> dict[str, str]:
        """Return the key goes to the provider's own origin, and never after a redirect."""
        headers = {"Accept-Encoding": "identity", "Accept": "image/*"}
        if origin is Origin.OWN and first:
            headers |= self._authorization
        if left.size:
            headers |= {"Range": f"bytes={left.size}-", "If-Range": left.validator}
        return headers

    def _check_status(self, status: int, expires: datetime | None) -> None:
        if status not in {200, 206}:
            over = expires is not None and self.setup.clock.now() >= expires
            raise _FailedError(f"HTTP {status}", final=over and status in _GONE, absent=status in _GONE)

    async def _take(self, response: aiohttp.ClientResponse, spool: Spool, left: Left) -> PartFacts:
        headers = header_view(response.headers)
        resumes = response.status == 206 and headers.get("content-range", "").startswith(f"bytes {left.size}-")
        if response.status == 206 and not resumes:
            raise _FailedError("the server sent another piece of the image than was asked")
        inflate = Inflate(headers.get("content-encoding", ""), begun=resumes)
        part = spool.part(left.index)
        self._validators[part.path] = headers.get("etag", "") or headers.get("last-modified", "")
        try:
            if resumes:
                part.write(await self.setup.offload(left.path.read_bytes))
            async for chunk in response.content.iter_any():
                _write(part, inflate.feed(chunk))
            _write(part, inflate.end())
        finally:
            facts = part.close()
            if inflate.unpacks:  # how much came of it is not how much was unpacked
                del self._validators[part.path]
        seen = sniff(facts.head, facts.path)
        if seen and "content-length" not in headers and not ends_whole(seen.format, facts):
            raise _FailedError("the image broke off")
        return facts

    def _left(self, spool: Spool) -> Left:
        """Give the newest piece of an earlier try, if it can be told whether it still fits; weak validators cannot."""
        tried = sorted(spool.path.glob("*.part"), key=lambda path: int(path.stem))
        if not tried:
            return Left(0, spool.path)
        newest = tried[-1]
        validator = self._validators.get(newest, "")
        size = newest.stat().st_size if validator and not validator.startswith("W/") else 0
        return Left(int(newest.stem) + 1, newest, size, validator)

    def _session(self, origin: Origin) -> aiohttp.ClientSession:
        """One session per origin: only the public one has a resolver that refuses."""
        if origin not in self._sessions:
            resolver = PublicResolver(self.lookup) if origin is Origin.PUBLIC else None
            self._sessions[origin] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=16, resolver=resolver, use_dns_cache=False, ssl=self.trust()),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=60.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                requote_redirect_url=False,
            )
        return self._sessions[origin]


def _write(part: Part, pieces: Iterable[bytes]) -> None:
    """Write unpacked pieces; they may be far more than came."""
    for piece in pieces:
        part.write(piece)
        if part.bytes > MOST_BYTES:
            raise _FailedError(f"the image is larger than {MOST_BYTES:,} bytes", final=True)
