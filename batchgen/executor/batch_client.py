"""Files and batches at a provider: each method is one free request, and none of them tries again."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from batchgen.executor.exchange import sound, trouble_of
from batchgen.executor.inflate import EncodingError, Inflate
from batchgen.executor.proxies import DIRECT, Proxies, secrets_of
from batchgen.model import BatchRules, Phase, Provider, Verdict
from batchgen.providers.base64_span import DecodeError
from batchgen.providers.batches import OURS, WINDOW, ProviderBatch, batch_from, page_of
from batchgen.providers.decode import BodyKind, kind_of
from batchgen.providers.dialects import dialect
from batchgen.providers.json_text import parse
from batchgen.providers.verdict import CallEvidence, TransportError, judge
from batchgen.providers.wire import address, header_view
from batchgen.runtime.clock import Clock
from batchgen.version import VERSION

SECONDS = 60.0
UPLOAD_SECONDS = 900.0
SILENT_SECONDS = 120.0
"""How long a download may bring nothing."""
MOST = 8 * 1024 * 1024
MOST_PAGES = 1000
PAGE = 100
LIVES = 30 * 86_400
"""Seconds after which a provider deletes an uploaded image by itself."""
_GONE = (404, 410)
"""What is said where this key is shown nothing."""
_UNANSWERED = frozenset({408, 409, 425})


class BatchRefusedError(Exception):
    """A request brought nothing. `verdict` says why; `unclear` that it may have been taken all the same."""

    def __init__(self, verdict: Verdict, status: int | None, *, unclear: bool) -> None:
        self.verdict = verdict
        self.status = status
        self.unclear = unclear
        super().__init__(verdict.message)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file at the provider."""

    id: str
    bytes: int
    expires: datetime | None = None
    status: str = ""


@dataclass(eq=False, repr=False)
class BatchClient:
    """Talks to the files and batches of one provider, at one address, with one key."""

    provider: Provider
    key: str | None
    clock: Clock
    own_headers: Mapping[str, str] | None = None
    proxies: Proxies = DIRECT
    _session: aiohttp.ClientSession | None = None

    def __post_init__(self) -> None:
        self._rules = self.provider.batch or BatchRules()
        self._speech = dialect(self.provider, self.provider.default_model)
        self._secrets = secrets_of(self.key, self.own_headers)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Be ready to connect; nothing connects before the first request."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=8, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        try:
            yield
        finally:
            session, self._session = self._session, None
            await session.close()

    def at(self, base_url: str) -> "BatchClient":
        """Return a client for another address of the same provider, in the same session."""
        here = base_url == self.provider.base_url
        return self if here else replace(self, provider=replace(self.provider, base_url=base_url))

    # ---- files -------------------------------------------------------------------------------------------------------

    async def upload(
        self, data: Path | bytes, name: str, purpose: str, kind: str, lives: int | None = None
    ) -> UploadedFile:
        """Upload a file; it goes out piece by piece."""
        form = aiohttp.FormData()
        form.add_field("purpose", purpose)
        if lives is not None:
            form.add_field("expires_after[anchor]", "created_at")
            form.add_field("expires_after[seconds]", str(lives))
        source = await asyncio.to_thread(data.open, "rb") if isinstance(data, Path) else data
        try:
            form.add_field("file", source, filename=name, content_type=kind)
            told = await self._ask("POST", self._rules.files, data=form, seconds=UPLOAD_SECONDS)
        finally:
            if not isinstance(source, bytes):
                source.close()
        return self._file(told)

    async def file(self, file_id: str) -> UploadedFile | None:
        """Look a file up; None when this key sees none of that id."""
        with _Passing(*_GONE):
            return self._file(await self._ask("GET", f"{self._rules.files}/{_segment(file_id)}"))
        return None

    async def delete(self, file_id: str) -> None:
        """Delete a file; one that is gone already is as good."""
        with _Passing(*_GONE):
            told = await self._ask("DELETE", f"{self._rules.files}/{_segment(file_id)}")
            if isinstance(told, Mapping) and told.get("deleted") is False:
                raise BatchRefusedError(_no_answer(), 200, unclear=True)

    @asynccontextmanager
    async def content(self, file_id: str, offset: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read a file from an offset on; a server that knows no ranges sends it all: what comes before is left out."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        path = f"{self._rules.files}/{_segment(file_id)}/content"
        try:
            async with self._request("GET", path, headers, None, None) as response:
                if response.status == 416:
                    yield _nothing()
                    return
                if response.status not in {200, 206}:
                    raise self._refusal(response, await response.content.read(MOST))
                if not _is_file(response, offset):
                    raise BatchRefusedError(_no_answer(), response.status, unclear=False)
                yield _after(_unpacked(response), offset if response.status == 200 else 0)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, EncodingError) as error:
            raise self._broken(error, Phase.HANDED_OVER) from error

    # ---- batches -----------------------------------------------------------------------------------------------------

    async def create(self, file_id: str, endpoint: str, ours: str) -> ProviderBatch:
        """Create a batch of an uploaded file, under our own id."""
        asked = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": WINDOW, "metadata": {OURS: ours}}
        return self._batch(await self._ask("POST", self._rules.batches, body=asked), ours)

    async def batch(self, provider_id: str, ours: str) -> ProviderBatch | None:
        """Look a batch up; None when this key sees none of that id."""
        with _Passing(*_GONE):
            return self._batch(await self._ask("GET", f"{self._rules.batches}/{_segment(provider_id)}"), ours)
        return None

    async def find(self, ours: str, file_id: str | None) -> ProviderBatch | None:
        """Look through the whole list of batches for the one of our id or input file.

        None only when the list's last page was seen.
        """
        after, seen = None, set[str]()
        for _ in range(MOST_PAGES):
            query = {"limit": str(PAGE), **({"after": after} if after else {})}
            page = page_of(await self._ask("GET", self._rules.batches, query=query))
            if page is None:
                break
            batches, after = page
            if found := next((one for one in batches if one.is_ours(ours, file_id)), None):
                return found
            if after is None:
                return None
            if after in seen:  # a list without an end proves nothing
                break
            seen.add(after)
        raise BatchRefusedError(_no_answer(), 200, unclear=True)

    async def cancel(self, provider_id: str) -> ProviderBatch | None:
        """Ask for a batch to be cancelled; None when it cannot be any more."""
        with _Passing(404, 409):
            path = f"{self._rules.batches}/{_segment(provider_id)}/cancel"
            return self._batch(await self._ask("POST", path, body={}))
        return None

    # ---- one request -------------------------------------------------------------------------------------------------

    @staticmethod
    def _batch(told: Any, ours: str = "") -> ProviderBatch:
        """Read a batch; an answer about another one, as caches give it, is none."""
        found = batch_from(told)
        if found is None or (ours and found.ours not in {"", ours}):
            raise BatchRefusedError(_no_answer(), 200, unclear=True)
        return found

    @staticmethod
    def _file(told: Any) -> UploadedFile:
        file_id = told.get("id") if isinstance(told, Mapping) else None
        if not isinstance(file_id, str) or not file_id:
            raise BatchRefusedError(_no_answer(), 200, unclear=True)
        size, expires, status = told.get("bytes"), told.get("expires_at"), told.get("status")
        size, status = size if isinstance(size, int) else 0, status if isinstance(status, str) else ""
        moment = datetime.fromtimestamp(expires, UTC) if isinstance(expires, int) and 0 < expires < 2**33 else None
        return UploadedFile(file_id, size, moment, status)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        data: aiohttp.FormData | None = None,
        query: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Any:
        phase = Phase.NOT_CONNECTED
        headers = {"Content-Type": "application/json"} if body is not None else {}
        sent = json.dumps(body).encode() if body is not None else data
        try:
            async with asyncio.timeout(seconds), self._request(method, path, headers, sent, query) as response:
                phase, text = Phase.STATUS_SEEN, b""
                async for piece in _unpacked(response):
                    text += piece
                    if len(text) >= MOST:
                        break
        except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, ValueError) as error:
            raise self._broken(error, Phase.NOT_CONNECTED) from error
        except (aiohttp.ClientError, OSError, TimeoutError, EncodingError) as error:
            raise self._broken(error, max(phase, Phase.HANDED_OVER, key=list(Phase).index)) from error
        if not 200 <= response.status < 300:
            raise self._refusal(response, text)
        try:
            return parse(text)
        except DecodeError:
            raise BatchRefusedError(_no_answer(), response.status, unclear=True) from None

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, headers: Mapping[str, str], data: Any, query: Mapping[str, str] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the client has no session")
        mine = {"User-Agent": f"batchgen/{VERSION}", "Accept-Encoding": "identity", "Accept": "application/json"}
        mine |= dict(self.own_headers or {}) | self._speech.authorization(self.provider, self.key or "") | dict(headers)
        url = URL(address(self.provider, path, ""), encoded=True)
        async with self._session.request(
            method,
            url.update_query(query) if query else url,
            data=data,
            headers=sound(mine),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=10.0, sock_read=SILENT_SECONDS),
            **self.proxies.options(url),
        ) as response:
            yield response

    def cut(self, missing: int) -> BatchRefusedError:
        """Return what a download that ended early is."""
        return self._broken(aiohttp.ClientPayloadError(f"{missing:,} bytes are missing"), Phase.STATUS_SEEN)

    def _refusal(self, response: aiohttp.ClientResponse, text: bytes) -> BatchRefusedError:
        try:
            value = parse(text)
        except DecodeError:
            value = None
        evidence = CallEvidence(
            Phase.COMPLETE,
            status=response.status,
            headers=header_view(response.headers),
            body=kind_of(text),
            complaint=self._speech.read_error(value),
            secrets=self._secrets,
            now=self.clock.now(),
        )
        unclear = response.status >= 500 or response.status in _UNANSWERED
        return BatchRefusedError(judge(evidence), response.status, unclear=unclear)

    def _broken(self, error: BaseException, phase: Phase) -> BatchRefusedError:
        trouble, words = trouble_of(error, phase)
        evidence = CallEvidence(phase, trouble, body=BodyKind.EMPTY, detail=words, secrets=self._secrets)
        return BatchRefusedError(judge(evidence), None, unclear=phase is not Phase.NOT_CONNECTED)


class _Passing:
    """Lets a refusal with one of these statuses pass: it says that there is no such thing."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = statuses

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        return isinstance(error, BatchRefusedError) and error.status in self._statuses


def _no_answer() -> Verdict:
    evidence = CallEvidence(Phase.COMPLETE, TransportError.UNDECODABLE, 200, detail="what came is no answer of the API")
    return judge(evidence)


def _starts_at(content_range: str, offset: int) -> bool:
    """Whether a part is the one that was asked for; a server that does not say which it is gives none."""
    unit, _, rest = content_range.partition(" ")
    return unit == "bytes" and rest.partition("-")[0] == str(offset)


def _segment(name: str) -> str:
    return quote(name, safe="")


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for piece in empty:
        yield piece


def _is_file(response: aiohttp.ClientResponse, offset: int) -> bool:
    """Whether what comes is the file from an offset on, or all of it: a web page in its place is not, whatever it says.

    A server that does not say which part it sends sends none, and of a packed file no part can be read.
    """
    headers = response.headers
    if response.status == 206 and not _starts_at(headers.get("Content-Range", ""), offset):
        return False
    packed = response.status == 206 and Inflate(headers.get("Content-Encoding", "")).is_said
    return not packed and response.content_type != "text/html"


async def _unpacked(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Give what comes, unpacked where a server packs what nobody asked it to."""
    inflate = Inflate(response.headers.get("Content-Encoding", ""))
    while chunk := await response.content.readany():
        for piece in inflate.feed(chunk):
            yield piece
    for piece in inflate.end():
        yield piece


async def _after(pieces: AsyncIterator[bytes], skip: int) -> AsyncIterator[bytes]:
    """Give what comes, without its first `skip` bytes."""
    async for piece in pieces:
        if skip >= len(piece):
            skip -= len(piece)
            continue
        yield piece[skip:]
        skip = 0
