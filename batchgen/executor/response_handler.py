"""What came of one exchange: judged, stored and told in a receipt."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from batchgen.errors import StorageError
from batchgen.executor.exchange import Exchange
from batchgen.executor.part_writer import PartWriter
from batchgen.executor.patience import Patience
from batchgen.executor.placement import Plan, SlotAssigner, accepted, blot, finish, publish, to_answer
from batchgen.executor.protocol import Setup
from batchgen.model import Attempt, Echo, Pending, Phase, Receipt, Remedy, Usage, Verdict
from batchgen.providers.answer import Answer, Item
from batchgen.providers.api_error import ApiError, complaint
from batchgen.providers.base64_span import Base64Reader, DecodeError, Parts, SpanState
from batchgen.providers.decode import BodyKind, Document
from batchgen.providers.dialect import Dialect
from batchgen.providers.expiry import expiry
from batchgen.providers.unknown import ids_of, quote
from batchgen.providers.verdict import CallEvidence, TransportError, judge, judge_task
from batchgen.redact import kept_headers, redacted, sealed, without

MOST_PER_IMAGE = 96 * 1024 * 1024
"""Bytes of one image; the largest PNG that the API can draw, 3840x2160 with alpha, has 33 MB unpacked."""

Later = Callable[[Attempt, Document], Pending | None]
"""Finds in an answer that its images come later."""

NO_PLAN = Plan()
_ECHOED = attrgetter(*Echo.__slots__)
_NOTHING = Document(None, BodyKind.EMPTY, whole=False, runs=(), text=b"")
_MOST_WORDS = 1000
_NOBODY_THERE = frozenset({404, 405})
_OF_ACCOUNT = frozenset({Remedy.PROBE_ACCOUNT, Remedy.STOP_ACCOUNT})
_REQUEST_IDS = ("x-request-id", "request-id", "x-oneapi-request-id", "cf-ray")
# What a whole answer makes harmless: everything was here before the line broke.
_TOO_LATE_TO_HARM = frozenset({TransportError.DISCONNECTED, TransportError.BAD_HTTP, TransportError.DEADLINE})


def cap_of(attempt: Attempt) -> int:
    """Return the most image bytes that the answer to an attempt may hold."""
    return MOST_PER_IMAGE * max(1, attempt.n)


@dataclass(eq=False, repr=False)
class ResponseHandler:
    """Turns exchanges into receipts."""

    setup: Setup

    def __post_init__(self) -> None:
        self.secrets = self.setup.secrets
        self.patience = Patience(self.setup.clock, self.setup.offload)

    def unsent(self, attempt: Attempt, why: str, *, again: bool = False) -> Receipt:
        """Return the receipt of an attempt whose own input cannot be sent; `again` when another try may help."""
        trouble = TransportError.INPUT_AWAY if again else TransportError.INPUT
        happening = CallEvidence(Phase.NOT_CONNECTED, trouble, detail=why, secrets=self.secrets)
        return self._receipt(attempt, Exchange(self.setup.clock), judge(happening))

    async def land(
        self, attempt: Attempt, speech: Dialect, call: Exchange, intake: PartWriter, later: Later
    ) -> Receipt | Pending:
        """Read what came and store it: the whole answer durably first, then every image at its place.

        Where `later` finds that images come later, what is stored is how to ask for them.
        """
        try:
            document = call.body.close() if call.body else _NOTHING
            if _is_success(call) and (pending := later(attempt, document)):
                await self.setup.offload(self._store, intake, accepted(pending.handle))
                return pending
            return await self.read(attempt, speech, call, intake, document)
        except StorageError:
            raise
        except Exception as error:
            await self.setup.offload(self._save, attempt, call, intake, error)
            raise

    async def read(
        self, attempt: Attempt, speech: Dialect, call: Exchange, intake: PartWriter, document: Document
    ) -> Receipt:
        """Do the same with a document that came another way, and brings all that will come."""
        if not _is_success(call):
            happening = self._happening(call, document)
            happening = replace(happening, complaint=speech.read_error(document.value) or _in_text(call, document))
            return self._receipt(attempt, call, judge(happening))
        answer = speech.answer(document, attempt, self.setup.provider.at(attempt.model))
        return await self.settle(attempt, call, intake, document, answer)

    async def settle(
        self, attempt: Attempt, call: Exchange, intake: PartWriter, document: Document, answer: Answer
    ) -> Receipt:
        """Store what an answer brings, which is whole or will not come again."""
        if [item for item in answer.items if item.inline]:
            answer = replace(answer, items=tuple(self._local(item, intake) for item in answer.items))
        asked = (attempt, call, intake, document, answer)
        return await self.patience.insist(self._landed, *asked, again=lambda: self._land_again(intake.spool.attempt_id))

    async def fail(
        self, attempt: Attempt, call: Exchange, intake: PartWriter, document: Document, complaint: ApiError | None
    ) -> Receipt:
        """Say what follows from a task that failed with these words, and keep what it said."""
        rules = self.setup.provider.at(attempt.model).task
        happening = replace(self._happening(call, document), complaint=complaint)
        receipt = self._receipt(attempt, call, judge_task(happening, free=bool(rules and rules.failed_free)))
        return await self.setup.offload(self._keep, receipt, intake, document)

    def refusal(self, call: Exchange) -> Verdict | None:
        """Say why a question was refused, if it was for key, permission or money."""
        if call.status is None or _is_success(call):
            return None
        document = call.body.close() if call.body else _NOTHING
        said = complaint(document.value) or _in_text(call, document)
        verdict = judge(self._happening(call, document, complaint=said))
        return verdict if verdict.remedy in _OF_ACCOUNT else None

    def _save(self, attempt: Attempt, call: Exchange, intake: PartWriter, error: Exception) -> None:
        """Keep the bytes of an answer that a fault of ours kept from being understood: they were paid. Blocks."""
        with suppress(StorageError):
            intake.close()
            if intake.facts and intake.spool.read() is None:
                for facts in intake.facts.values():
                    blot(facts.path, self.secrets)
                why = {"attempt": attempt.id, "status": call.status, "code": "bug", "message": type(error).__name__}
                intake.spool.quarantine(why)

    def _landed(
        self, attempt: Attempt, call: Exchange, intake: PartWriter, document: Document, answer: Answer
    ) -> Receipt:
        """Plan what becomes of an answer, and do it. Blocks."""
        for part in (*document.previews, *answer.previews):
            intake.drop(part)
        certain = document.whole and (document.final or not (call.trouble or (call.body and call.body.trouble)))
        plan = self._planned(attempt, intake, answer.items, certain)
        self._blot(intake, plan)
        happening = self._happening(
            call,
            document,
            complaint=answer.complaint,
            known=answer.known,
            shape=answer.shape,
            quote="" if answer.known else _quote(document, answer),
            images=len(plan.landings) + len(plan.remote),
            reasons=tuple(why for _, why in plan.missing),
        )
        receipt = self._receipt(attempt, call, judge(happening), answer, plan)
        if not answer.known and receipt.request_id is None:
            receipt = replace(receipt, request_id=self._id(document))
        if not plan.brings:
            return self._keep(receipt, intake, document)
        self._store(intake, to_answer(receipt, plan, attempt.replaces))
        return publish(self.setup.workspace, self.setup.store, intake.spool, receipt, plan, attempt.replaces)

    def _land_again(self, spooled: str) -> Receipt:
        """Put an answer in its place that is whole in the spool since an earlier try. Blocks."""
        receipt = finish(self.setup.workspace, self.setup.store, spooled)
        if not isinstance(receipt, Receipt):
            raise StorageError(f"{self.setup.workspace.spool(spooled).path}: the answer is gone from the spool")
        return receipt

    def _blot(self, intake: PartWriter, plan: Plan) -> None:
        """Cross secrets out in what is no image of ours: a server may have said anything there."""
        images = {landing.part for landing in plan.landings}
        for facts in intake.facts.values():
            if self.secrets and facts.name not in images:
                blot(facts.path, self.secrets)

    def _local(self, item: Item, intake: PartWriter) -> Item:
        """Decode an image that was spelled as a data URL."""
        if not item.inline:
            return item
        run = Base64Reader(Parts(lambda _: intake.next(), MOST_PER_IMAGE))
        try:
            run.feed(item.inline.encode("ascii", "replace"))
            found = run.end()
        except DecodeError:
            found = run.cut()
        finally:
            intake.close()
        if found.state is not SpanState.WHOLE:
            return Item(reason=found.state.value)
        return Item(run=replace(found, part=intake.last))

    def _planned(self, attempt: Attempt, intake: PartWriter, items: tuple[Item, ...], whole: bool) -> Plan:  # noqa: FBT001
        now = self.setup.clock.now()
        ends: dict[str, datetime | None] = {
            item.url: expiry(item.url, now, self.setup.provider.url_life) for item in items if item.url
        }
        plan = SlotAssigner(attempt, intake.facts, ends).plan(items, whole=whole)
        if not plan.remote:
            return plan
        return replace(plan, remote=tuple(replace(one, url=sealed(one.url, self.secrets)) for one in plan.remote))

    def _happening(self, call: Exchange, document: Document, **said: Any) -> CallEvidence:
        """Say what happened; `said` is what was read in it."""
        trouble, detail = call.trouble, call.detail
        if trouble is None and call.body is not None:
            trouble, detail = call.body.trouble, call.body.detail
        if document.whole and document.final and trouble in _TOO_LATE_TO_HARM:
            trouble, detail = None, ""
        return CallEvidence(
            phase=call.phase,
            trouble=trouble,
            status=call.status,
            headers=call.headers,
            body=document.kind,
            seconds=call.seconds,
            whole=document.whole,
            charges_failures=self.setup.provider.charges_failures,
            detail=detail,
            cause=call.cause,
            secrets=self.secrets,
            now=self.setup.clock.now(),
            **said,
        )

    def _receipt(
        self, attempt: Attempt, call: Exchange, verdict: Verdict, answer: Answer | None = None, plan: Plan = NO_PLAN
    ) -> Receipt:
        request_id = next((call.headers[name] for name in _REQUEST_IDS if name in call.headers), None)
        return Receipt(
            attempt_id=attempt.id,
            phase=call.phase,
            verdict=verdict,
            status=call.status,
            images=plan.images,
            remote=plan.remote,
            missing=plan.missing,
            usage=self._usage(answer) if answer else None,
            echo=_without_secrets(_ECHOED(answer.echo), self.secrets) if answer else Echo(),
            request_id=redacted(request_id, self.secrets, 200) if request_id else None,
            headers=kept_headers(call.headers, self.secrets),
            seconds=round(call.seconds, 3),
        )

    def _id(self, document: Document) -> str | None:
        """Return an id in the answer itself, where no header gives one."""
        found = ids_of(document.value)
        return redacted(found[0][1], self.secrets, 200) if found else None

    def _usage(self, answer: Answer) -> Usage | None:
        """Return the usage as it was said, but for secrets."""
        usage = answer.usage
        if usage is None:
            return None
        raw = without(usage.raw.encode(), self.secrets).decode()
        return usage if raw == usage.raw else replace(usage, raw=raw)

    @staticmethod
    def _store(intake: PartWriter, answer: Mapping[str, object]) -> None:
        """Paid bytes become durable before anything else can fail on them. Blocks."""
        try:
            if intake.refused is None:
                intake.spool.finish(answer)
        except StorageError as error:
            intake.give_up(error)
        if intake.refused is not None:
            intake.rescue(answer)
            raise intake.refused

    def _keep(self, receipt: Receipt, intake: PartWriter, document: Document) -> Receipt:
        """Put what can not be used into quarantine, with what is known of it. Blocks."""
        if not document.text and not intake.facts:
            return receipt
        if intake.refused is not None:
            raise intake.refused
        words = document.text if document.kept is None or document.value is not None else b""
        if words:
            intake.write_text(without(document.text, self.secrets))
        why = {
            "attempt": receipt.attempt_id,
            "status": receipt.status,
            "code": receipt.verdict.code,
            "message": receipt.verdict.message,
            "charged": receipt.verdict.charge.value,
            "headers": dict(receipt.headers),
            "text": f"{intake.last}.part" if words else None,
        }
        return replace(receipt, quarantine=intake.spool.quarantine(why))


@lru_cache(maxsize=256)
def _without_secrets(said: tuple[str | None, ...], secrets: tuple[str, ...]) -> Echo:
    """Cross secrets out in what an answer says that it drew: the same for all jobs of a template."""
    return Echo(*[redacted(word, secrets) if word else None for word in said])


def _is_success(call: Exchange) -> bool:
    return call.status is not None and 200 <= call.status < 300


def _quote(document: Document, answer: Answer) -> str:
    """Say what an answer says that is none, or that it is nothing for people to read."""
    if document.kept is not None and not document.text.isascii():
        return "bytes that are neither JSON nor an image; they are in quarantine"
    return quote(document, _said(answer))


def _in_text(call: Exchange, document: Document) -> ApiError | None:
    """Return a refusal in plain words; where nothing answers, words are the server's own page."""
    words = document.text[:_MOST_WORDS].decode("utf-8", "replace").strip()
    if document.kind is not BodyKind.OTHER or call.status in _NOBODY_THERE or not words.isprintable():
        return None
    return ApiError(message=words) if words else None


def _said(answer: Answer) -> str:
    """Say what an answer says to people where it brings no image."""
    found = answer.complaint
    return answer.words or (found.message or found.code if found else "")
