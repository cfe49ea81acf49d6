"""One attempt made by this process: sent once, decoded as it arrives, stored; never tried again."""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from batchgen.catalog import find_model
from batchgen.errors import AccountError, InputError
from batchgen.executor.addresses import Lookup
from batchgen.executor.body import Body
from batchgen.executor.body_protocol import PIECE
from batchgen.executor.download import Downloads, NotFetched
from batchgen.executor.exchange import Exchange, post, tracing, within
from batchgen.executor.part_writer import PartWriter
from batchgen.executor.response_handler import ResponseHandler, cap_of
from batchgen.model import Attempt, ImageRequest, Prepare, Provider, Receipt, RemoteImage, StoredImage, UrlImage
from batchgen.providers.dialect import Dialect, Inputs
from batchgen.providers.dialects import dialect
from batchgen.providers.rules import to_send
from batchgen.providers.uploads import UploadError, Uploads, gather, shrunk
from batchgen.providers.wire import WireRequest
from batchgen.runtime.clock import Clock, Offload
from batchgen.storage import Folder
from batchgen.version import VERSION

MOST_HEADER = 32 * 1024
INPUT = "-input"


class InputFetchError(Exception):
    """An image that goes into a request could not be fetched; nothing was sent."""

    def __init__(self, why: str, *, final: bool) -> None:
        """Say why, and whether another try is useless."""
        self.final = final
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Wires:
    """How to connect. `ca_file` holds further certificates to trust; verification is always on.

    `lookup` is another way to resolve the names of foreign images.
    """

    connect_seconds: float = 10.0
    ca_file: Path | None = None
    lookup: Lookup | None = None


class LocalExecutor:
    """Makes attempts from this process; everything a server can do ends in a `Receipt`.

    `execute` raises StorageError when the disk refuses, with everything that arrived left in the spool.
    """

    def __init__(  # noqa: PLR0913 - collaborators, all but three by name
        self,
        provider: Provider,
        key: str | None,
        folder: Folder,
        *,
        clock: Clock,
        offload: Offload,
        prepare: Prepare | None = None,
        wires: Wires | None = None,
        spare: Folder | None = None,
    ) -> None:
        """Take what is shared by all attempts; nothing connects before `start`.

        `spare` is a folder on another disk for paid answers that the output folder has no room for; `bring_home` brings
        them back.
        """
        self.provider = provider
        self.folder = folder
        self.clock = clock
        self.offload = offload
        self._key = key or ""
        self._prepare = prepare or Prepare()
        self._wires = wires or Wires()
        self._spare = spare
        self._session: aiohttp.ClientSession | None = None
        self._buffer = bytearray(PIECE)
        secrets = (self._key,) if self._key else ()
        self._arrival = ResponseHandler(provider, folder, clock, offload, secrets)
        self._downloads = Downloads(provider, self._key, folder, clock, offload, self._wires.lookup)

    async def start(self) -> None:
        """Open the session; AccountError for a key that is none, InputError for a provider without an address."""
        if self._key and not re.fullmatch(r"[\x21-\x7e]+", self._key):
            name = self.provider.key_variable or "the key"
            raise AccountError(f"{name} holds blanks, line breaks or characters that no key has")
        if not self.provider.base_url:
            raise InputError(f"provider {self.provider.name} has no base URL: give one with --base-url")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=self._trust()),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._wires.connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing()],
            trust_env=False,
            auto_decompress=False,
            max_line_size=MOST_HEADER,
            max_field_size=MOST_HEADER,
        )

    async def close(self) -> None:
        """Close the sessions; calls under way break off."""
        await self._downloads.close()
        if self._session:
            await self._session.close()
            self._session = None

    async def execute(self, attempt: Attempt) -> Receipt:
        """Make one attempt. Call it at most once for each attempt."""
        if self._session is None:
            raise RuntimeError("the executor was not started")
        speech = dialect(self.provider, attempt.model)
        call_of = self._call(attempt, speech)
        try:
            wire = await self._request(attempt, speech)
        except (UploadError, OSError, InputFetchError) as error:
            await self._forget_inputs(attempt)
            again = isinstance(error, InputFetchError) and not error.final
            return self._arrival.unsent(attempt, call_of.call, str(error), again=again)
        try:
            exchange = post(self._session, wire, self._headers(attempt, speech), call_of.call, self.offload)
            await within(call_of.call, attempt.deadline, asyncio.ensure_future(exchange))
        finally:
            call_of.intake.close()
            await self._forget_inputs(attempt)
        return await self._arrival.land(attempt, speech, call_of.call, call_of.intake)

    async def download(
        self,
        remote: RemoteImage,
        attempt_id: str,
        path: Callable[[str], str],
        request: ImageRequest | None = None,
        replaces: str | None = None,
    ) -> StoredImage | NotFetched:
        """Try once to fetch an image that waits at an address; see `Downloads.image`."""
        return await self._downloads.image(remote, attempt_id, path, request, replaces)

    async def settled(self, attempt_id: str) -> None:
        """The ledger has the receipt: the spool of this attempt is not needed any more."""
        await self.offload(self.folder.spool(attempt_id).remove)

    def _call(self, attempt: Attempt, speech: Dialect) -> "_Open":
        intake = PartWriter(self.folder.spool(attempt.id), self._spare.spool(attempt.id) if self._spare else None)

        def body_of(status: int, encoding: str) -> Body:
            return Body(status, encoding, lambda: speech.decoder(intake.open, cap_of(attempt)))

        return _Open(Exchange(self.clock, body_of, self._buffer), intake)

    async def _request(self, attempt: Attempt, speech: Dialect) -> WireRequest:
        request = attempt.job.request
        model = find_model(attempt.model)
        params = to_send(request, self.provider, model, attempt.job.inherited)
        behind = dict(request.files)
        texts = tuple((name, value) for name, value in params if name not in behind)
        files = tuple((name, behind[name]) for name, _ in params if name in behind)
        if not (request.images or request.mask or files):
            return speech.request(attempt, self.provider, texts, Uploads())

        by_bytes = speech.inputs(self.provider) is Inputs.BYTES
        fetched = await self._inputs(attempt) if by_bytes else None

        def make() -> WireRequest:
            uploads = gather(request.images, request.mask, self._prepare, fetched)
            extra = tuple((name, shrunk(Path(file.path), self._prepare)) for name, file in files)
            return speech.request(attempt, self.provider, texts, replace(uploads, params=extra))

        return await self.offload(make)

    async def _forget_inputs(self, attempt: Attempt) -> None:
        inputs = (*attempt.job.request.images, attempt.job.request.mask)
        for index in range(sum(isinstance(image, UrlImage) for image in inputs)):
            spool = self.folder.spool(f"{attempt.id}{INPUT}{index}")
            if spool.path.exists():
                await self.offload(spool.discard)

    async def _inputs(self, attempt: Attempt) -> dict[str, Path]:
        """Our own copies of the request's images that stand at addresses; they go with the attempt's spool."""
        request = attempt.job.request
        inputs = (*request.images, *((request.mask,) if request.mask else ()))
        urls = dict.fromkeys(image.url for image in inputs if isinstance(image, UrlImage))
        found: dict[str, Path] = {}
        for index, url in enumerate(urls):
            facts = await self._downloads.fetch(url, self.folder.spool(f"{attempt.id}{INPUT}{index}"))
            if isinstance(facts, NotFetched):
                raise InputFetchError(f"{url}: {facts.why}", final=facts.final)
            found[url] = facts.path
        return found

    def _headers(self, attempt: Attempt, speech: Dialect) -> dict[str, str]:
        headers = {
            "User-Agent": f"batchgen/{VERSION}",
            "X-Client-Request-Id": attempt.id,
            "Accept-Encoding": "identity",
        }
        headers |= speech.authorization(self.provider, self._key)
        if self.provider.idempotency_header:
            headers[self.provider.idempotency_header] = attempt.id
        return headers

    def _trust(self) -> ssl.SSLContext | bool:
        if self._wires.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self._wires.ca_file))
        except OSError as error:
            raise InputError(f"{self._wires.ca_file}: no certificates could be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Open:
    """One attempt under way."""

    call: Exchange
    intake: PartWriter
