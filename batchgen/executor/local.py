"""Attempts made by this process: each sent once, decoded as it arrives, stored; never tried again."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from batchgen.catalog import find_model
from batchgen.errors import AccountError, InputError, Occupied
from batchgen.executor.addresses import Lookup
from batchgen.executor.body import Body
from batchgen.executor.connection import Connections
from batchgen.executor.download import Downloads, NotFetched
from batchgen.executor.exchange import Deadline, Exchange, post
from batchgen.executor.part_writer import PartWriter, bring_home
from batchgen.executor.placement import finish
from batchgen.executor.protocol import Came, Setup
from batchgen.executor.response_handler import ResponseHandler, cap_of
from batchgen.executor.tasks import Tasks
from batchgen.model import AT_STORE, MARKUP, Attempt, FileImage, Lost, Pending, Provider, Receipt, UrlImage
from batchgen.providers.dialect import Dialect, Inputs
from batchgen.providers.dialects import dialect
from batchgen.providers.rules import to_send
from batchgen.providers.uploads import UploadError, Uploads, gather, shrunk
from batchgen.providers.wire import Params, WireRequest
from batchgen.runtime.memo import kept
from batchgen.storage import Spool
from batchgen.version import VERSION

INPUT = "-input"
NO_UPLOADS = Uploads()
ASK_SECONDS = 300.0
"""How long the answer about a task may take, images and all."""
GONE = "the run ended before the answer was whole"
"""Why an attempt is lost that nothing whole is left of."""
ELSEWHERE = "accepted elsewhere, and not here yet"


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


@dataclass(eq=False, repr=False)
class LocalExecutor:
    """Makes attempts from this process; everything a server can do ends in a `Receipt`.

    Nothing connects before a session. What a dead process left in the spool of the folder, or of the spare one, is
    collected from there.
    """

    setup: Setup
    wires: Wires = Wires()

    def __post_init__(self) -> None:
        setup = self.setup
        self._key, self._own_headers = setup.key or "", dict(setup.own_headers)
        self._connections: Connections | None = None
        self._forms: dict[object, _Form] = {}
        self._landed: dict[str, Spool] = {}  # what is about to be forgotten
        self._arrival = ResponseHandler(setup)
        self._tasks = Tasks(setup.provider, setup.clock, self._arrival, self._ask)
        self._downloads = Downloads(setup, self.wires.lookup, self._trust)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Be ready to connect; AccountError for a key that is none, InputError for a provider without an address.

        At its end calls under way break off.
        """
        self._check()
        self._connections = Connections(self.setup.proxies, self._trust(), self.wires.connect_seconds)
        try:
            yield
        finally:
            self._connections = None
            self._landed.clear()
            await self._downloads.close()

    def _check(self) -> None:
        if self._key and not re.fullmatch(r"[\x21-\x7e]+", self._key):
            name = self.setup.provider.key_variable or "the key"
            raise AccountError(f"{name} holds blanks, line breaks or characters that no key has")
        if not self.setup.provider.base_url:
            raise InputError(f"provider {self.setup.provider.name} has no base URL: give one with --base-url")

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Make these attempts side by side, each once."""
        if len(attempts) == 1:
            return [await self._execute(attempts[0])]
        return await asyncio.gather(*map(self._execute, attempts))

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Complete what is whole in the spool, ask once for each task, and try once to fetch each image."""
        found = dict[int, Came]()
        spooled = {at: one.attempt_id for at, one in enumerate(open) if isinstance(one, Attempt) or one.remote is None}
        if spooled:
            left = await self._arrival.patience.insist(self._spooled, tuple(spooled.values()))
            found |= {at: _as_left(open[at], one) for at, one in zip(spooled, left, strict=True)}
        tasks = {at: one for at, one in found.items() if isinstance(one, Pending) and self._tasks.knows(one.handle)}
        found |= zip(tasks, await asyncio.gather(*map(self._tasks.look, tasks.values())), strict=True)
        images = {at: one for at, one in enumerate(open) if isinstance(one, Pending) and one.remote}
        found |= zip(images, await asyncio.gather(*map(self._fetch, images.values())), strict=True)
        return [found[at] for at in range(len(open))]

    def _spooled(self, attempt_ids: Sequence[str]) -> list[Receipt | str | Occupied | None]:
        """Say what lies in the spool of each attempt, after what was saved elsewhere has come back. Blocks."""
        if self.setup.spare:
            bring_home(self.setup.spare, self.setup.workspace)
        return [self._finished(one) for one in attempt_ids]

    def _finished(self, attempt_id: str) -> Receipt | str | Occupied | None:
        try:
            return finish(self.setup.workspace, self.setup.store, attempt_id)
        except Occupied as error:
            return error

    async def _fetch(self, one: Pending) -> Came:
        try:
            found = await self._downloads.image(one)
        except Occupied as error:
            found = NotFetched(str(error))
        if not isinstance(found, NotFetched):
            return found
        if found.final:
            return Lost(one.attempt_id, found.why, found.refused)
        return replace(one, next_look=None, why=found.why)

    async def forget(self, attempt_id: str) -> None:
        """Remove the spool of an attempt, and those of its images that were fetched."""
        spool = self._landed.pop(attempt_id, None) or self.setup.workspace.spool(attempt_id)
        await self.setup.offload(spool.remove)
        for spool in self._downloads.fetched(attempt_id):
            await self.setup.offload(spool.remove)

    async def _execute(self, attempt: Attempt) -> Receipt | Pending:
        if self._connections is None:
            raise RuntimeError("the executor has no session")
        form = self._form(attempt)
        call, intake = self._call(attempt, form.speech)
        try:
            wire = await self._request(attempt, form)
        except (UploadError, OSError, InputFetchError) as error:
            await self._forget_inputs(attempt)
            again = isinstance(error, InputFetchError) and not error.final
            return self._arrival.unsent(attempt, str(error), again=again)
        try:
            with Deadline(call, attempt.deadline):
                await post(self._connections, wire, self._headers(attempt, form.speech), call, self.setup.offload)
        finally:
            intake.close()
            if attempt.request.images or attempt.request.mask:
                await self._forget_inputs(attempt)
        came = await self._arrival.land(attempt, form.speech, call, intake, self._tasks.accepted)
        if isinstance(came, Receipt):
            self._landed[attempt.id] = intake.spool
        return came

    async def _ask(self, question: WireRequest, attempt: Attempt) -> tuple[Exchange, PartWriter]:
        """Ask for the task of an attempt, once."""
        assert self._connections is not None, "tasks are asked for within a session"
        speech = dialect(self.setup.provider, attempt.model)
        call, intake = self._call(attempt, speech)
        try:
            with Deadline(call, ASK_SECONDS):
                await post(self._connections, question, self._headers(attempt, speech), call, self.setup.offload)
        finally:
            intake.close()
        return call, intake

    def _call(self, attempt: Attempt, speech: Dialect) -> tuple[Exchange, PartWriter]:
        spare = self.setup.spare
        intake = PartWriter(self.setup.workspace.spool(attempt.id), spare.spool(attempt.id) if spare else None)

        def body_of(status: int, encoding: str) -> Body:
            return Body(status, encoding, lambda: speech.reader(intake.open, cap_of(attempt), attempt.n))

        return Exchange(self.setup.clock, body_of), intake

    async def _request(self, attempt: Attempt, form: "_Form") -> WireRequest:
        request = attempt.request
        if not (request.images or request.mask or form.files):
            return form.speech.request(attempt, form.provider, form.texts, NO_UPLOADS)

        by_bytes = form.speech.inputs(form.provider) is Inputs.BYTES
        fetched = await self._inputs(attempt) if by_bytes else None

        def make() -> WireRequest:
            sent = dict(form.files)
            uploads = gather(request.images, request.mask, self.setup.prepare, fetched, markup=sent.pop(MARKUP, None))
            extra = tuple((name, shrunk(Path(file.path), self.setup.prepare)) for name, file in sent.items())
            return form.speech.request(attempt, form.provider, form.texts, replace(uploads, params=extra))

        return await self.setup.offload(make)

    def _form(self, attempt: Attempt) -> "_Form":
        """Return what goes into the request, but for the prompt."""
        request, model, inherited = attempt.request, attempt.model, attempt.inherited

        def made() -> _Form:
            provider, behind = self.setup.provider.at(model), dict(request.files)
            params = to_send(request, provider, find_model(model), inherited)
            texts = tuple((name, value) for name, value in params if name not in behind)
            files = tuple((name, behind[name]) for name, _ in params if name in behind)
            return _Form(dialect(self.setup.provider, model), provider, texts, files)

        return kept(self._forms, (request.form, model, inherited), made)

    async def _forget_inputs(self, attempt: Attempt) -> None:
        inputs = (*attempt.request.images, attempt.request.mask)
        for index in range(sum(isinstance(image, UrlImage) for image in inputs)):
            spool = self.setup.workspace.spool(f"{attempt.id}{INPUT}{index}")
            if spool.path.exists():
                await self.setup.offload(spool.discard)

    async def _inputs(self, attempt: Attempt) -> dict[str, Path]:
        """Our own copies of the request's images that stand at addresses; they go with the attempt's spool."""
        request = attempt.request
        inputs = (*request.images, *((request.mask,) if request.mask else ()))
        urls = dict.fromkeys(image.url for image in inputs if isinstance(image, UrlImage))
        found: dict[str, Path] = {}
        for index, url in enumerate(urls):
            facts = await self._downloads.fetch(url, self.setup.workspace.spool(f"{attempt.id}{INPUT}{index}"))
            if isinstance(facts, NotFetched):
                raise InputFetchError(f"{url}: {facts.why}", final=facts.final or facts.absent)
            found[url] = facts.path
        return found

    def _headers(self, attempt: Attempt, speech: Dialect) -> dict[str, str]:
        headers = {
            "User-Agent": f"batchgen/{VERSION}",
            "X-Client-Request-Id": attempt.id,
            "Accept-Encoding": "identity",
        }
        headers |= self._own_headers | speech.authorization(self.setup.provider, self._key)
        if self.setup.provider.idempotency_header:
            headers[self.setup.provider.idempotency_header] = attempt.id
        return headers

    def _trust(self) -> ssl.SSLContext | bool:
        if self.wires.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self.wires.ca_file))
        except OSError as error:
            raise InputError(f"{self.wires.ca_file}: no certificates could be read: {error}") from error


def _as_left(one: Pending | Attempt, left: Receipt | str | Occupied | None) -> Came:
    """Say what is known of an attempt from its spool: what came, the handle of what comes later, or nothing.

    What another executor accepted may still come there; an attempt of our own without a trace does not.
    """
    if isinstance(left, Receipt):
        return left
    if isinstance(left, Occupied):
        return Pending(
            one.attempt_id, AT_STORE, attempt=one if isinstance(one, Attempt) else one.attempt, why=str(left)
        )
    if isinstance(one, Pending):
        return replace(one, next_look=None, why=ELSEWHERE)
    return Pending(one.id, left, attempt=one) if left else Lost(one.id, GONE)


@dataclass(frozen=True, slots=True)
class _Form:
    """What attempts have in common that differ in their prompts only: the parameters to send, as texts and as files."""

    speech: Dialect
    provider: Provider
    texts: Params
    files: tuple[tuple[str, FileImage], ...]
