"""The table: what happened to a call -> was it charged, and what follows. The only reader of status codes.

A call is judged by how far it provably got, never by the class of an exception; in doubt it may have been charged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from batchgen.catalog.answers import wording
from batchgen.model import Cause, Charge, Phase, Remedy, Verdict
from batchgen.numerous import numerous
from batchgen.providers.api_error import ApiError
from batchgen.providers.decode import BodyKind
from batchgen.providers.retry_after import retry_after
from batchgen.redact import redacted

UNKNOWN = "unknown_answer"
"""The code of an answer that is whole and no answer of the API."""

TASK_FAILED = "task_failed"
"""The code of a task that failed without a code of its own."""

OTHER_SHAPE = "other_shape"
"""The code of an answer whose images were found in another place than the API's own."""

# Below this many seconds a refusal came before anything was drawn; measured from hand-over.
MODERATED_EARLY = 3.0
OVERLOADED_EARLY = 5.0

_UNREACHED = frozenset({521, 523, 525, 526})  # the CDN could not reach, or not trust, the origin
_OVERLOADED = frozenset({503, 529})
_REFUSED = frozenset({400, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 424, 426, 428, 431})
_OF_ACCOUNT = frozenset({401, 403, 451})
"""Statuses that refuse a key, an account, or the country from which it is asked."""
_AT_THE_DOOR = frozenset({401, 402, 403, 404, 405, 407, 429})
_TURNED_AWAY = frozenset({"401", "402", "403", "429"})
"""Statuses of key, money and pace, as gateways write them into answers that were begun with another status."""
_ABOUT_MODEL = frozenset({400, 401, 403, 404, 410, 422})
"""Statuses with which a provider refuses a model, and not the request."""
_IN_ITS_PLACE = frozenset({Cause.PORTAL, Cause.NO_ENDPOINT, Cause.REDIRECT, Cause.PROXY_REFUSED})
"""Who answers there is not the API: nothing can have been drawn."""
_NO_ACCESS = re.compile(r"\bLimit:?\s+0(?![\d.])")


class TransportError(StrEnum):
    """What broke an exchange, as we saw it."""

    DNS = "dns"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    TOO_MANY_FILES = "too_many_files"
    INPUT = "input"
    INPUT_AWAY = "input_away"
    REQUEST = "request"
    DISCONNECTED = "disconnected"
    BAD_HTTP = "bad_http"
    DEADLINE = "timeout"
    TOO_LARGE = "answer_too_large"
    TOO_DEEP = "answer_too_deep"
    ENCODING = "content_encoding"
    UNDECODABLE = "undecodable"


_UNSENT = {
    TransportError.TLS: Remedy.STOP_ACCOUNT,
    TransportError.REQUEST: Remedy.FAIL_JOB,
    TransportError.INPUT: Remedy.FAIL_JOB,
    TransportError.INPUT_AWAY: Remedy.RETRY,
}
"""What follows from what kept a request from leaving; anything else is sent again."""


@numerous
@dataclass(frozen=True, slots=True)
class CallEvidence:
    """All that is known of one call when it ended.

    `seconds` counts from hand-over; `headers` have lower-case names; `images` counts what is usable, bytes or
    address; `whole` says that the answer's JSON was complete, `known` that it is an answer of the API at all, `quote`
    what it says where it is none, `shape` where its images stand if not where the API has them. `charges_failures` is
    the provider's own rule. `detail` holds words about `trouble`, `cause` what kept the connection from coming. `now`
    is only used to read a date where the answer has none.
    """

    phase: Phase
    trouble: TransportError | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: BodyKind = BodyKind.EMPTY
    complaint: ApiError | None = None
    seconds: float = 0.0
    images: int = 0
    whole: bool = True
    known: bool = True
    shape: str = ""
    quote: str = ""
    reasons: tuple[str, ...] = ()
    charges_failures: bool = False
    detail: str = ""
    cause: Cause = Cause.NONE
    secrets: tuple[str, ...] = field(default=(), repr=False)
    now: datetime | None = None


def judge(happening: CallEvidence) -> Verdict:
    """Read the table; total: whatever happened, there is one verdict."""
    verdict = _judged(happening)
    cause = verdict.cause or _cause(happening)
    return verdict if verdict.cause is cause else replace(verdict, cause=cause)


def answered_by(status: int, *, web_page: bool, words: str | None) -> Cause:
    """Say who answers in the API's place; `words` are those of an error that was understood, None without one."""
    if status == 511:
        return Cause.PORTAL
    if status == 407:
        return Cause.PROXY_REFUSED
    if 300 <= status < 400:
        return Cause.REDIRECT
    if status == 405 or (status == 404 and words is None):
        return Cause.NO_ENDPOINT
    if status == 404 and words is not None and (wording().endpoint.named(words) or wording().endpoint.said(words)):
        return Cause.NO_ENDPOINT
    if web_page and status in {401, 403, 451}:
        return Cause.BLOCKED
    return Cause.WEB_PAGE if web_page and 200 <= status < 300 else Cause.NONE


def _cause(h: CallEvidence) -> Cause:
    if h.phase is Phase.NOT_CONNECTED or h.images:
        return h.cause
    if h.status is None:
        return Cause.NOT_HTTP if h.trouble is TransportError.BAD_HTTP else Cause.NONE
    words = None if h.complaint is None else h.complaint.message
    return answered_by(h.status, web_page=h.body is BodyKind.HTML, words=words)


def _judged(happening: CallEvidence) -> Verdict:
    if happening.phase is Phase.NOT_CONNECTED:
        return _unsent(happening)
    if happening.status is None:
        return _silent(happening)
    if 200 <= happening.status < 300:
        return _answered(happening)
    verdict = _refused(happening)
    if happening.charges_failures and verdict.charge is Charge.NO and _was_served(happening.status):
        once = verdict.cause is Cause.NO_MODEL and verdict.remedy is Remedy.STOP_CONFIG
        return replace(verdict, charge=Charge.MAYBE, remedy=Remedy.FAIL_JOB if once else verdict.remedy)
    return verdict


def judge_task(happening: CallEvidence, *, free: bool) -> Verdict:
    """Judge a task that failed: perhaps it was drawn before, unless its provider never charges for one."""
    h = happening
    if not free:
        known = h.complaint and not h.complaint.bare
        return _complained(h) if known else Verdict(Charge.MAYBE, Remedy.UNCERTAIN, TASK_FAILED, _words(h))
    found = _by_complaint(h) if h.complaint else None
    return replace(found, charge=Charge.NO) if found else Verdict(Charge.NO, Remedy.RETRY, TASK_FAILED, _words(h))


def _unsent(h: CallEvidence) -> Verdict:
    """No byte of the request left: nothing can have been charged."""
    trouble = h.trouble or TransportError.CONNECT
    remedy = _UNSENT.get(trouble, Remedy.RESEND)
    blames = trouble in {TransportError.INPUT, TransportError.INPUT_AWAY}
    return Verdict(Charge.NO, remedy, trouble.value, _words(h), blames=blames)


def _silent(h: CallEvidence) -> Verdict:
    """Handed over, and no status came back: perhaps it was drawn."""
    code = (h.trouble or TransportError.DISCONNECTED).value
    return Verdict(Charge.MAYBE, Remedy.UNCERTAIN, code, _words(h))


def _answered(h: CallEvidence) -> Verdict:
    """Judge a success: it was charged, unless what came is no answer of the API at all."""
    cut = h.trouble is not None or not h.whole
    if h.images:
        if cut or not h.shape:
            return Verdict(Charge.YES, Remedy.NONE, _broken(h) if cut else "ok", _words(h) if cut else "")
        where = redacted(f"the images stand at {h.shape}, and not where the API has them", h.secrets)
        return Verdict(Charge.YES, Remedy.NONE, OTHER_SHAPE, where)
    if h.body is BodyKind.HTML:
        return Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "html", "a web page came instead of an answer")
    if h.complaint:
        return _complained(h)
    if not h.known and not h.trouble and (h.whole or (h.body is BodyKind.OTHER and h.quote)):
        return _unknown(h)
    if cut:
        return Verdict(Charge.YES, Remedy.UNCERTAIN, _broken(h), _words(h))
    reasons = sorted(set(h.reasons)) or ["dropped"]
    words = f"the answer holds no usable image ({', '.join(reasons)})"
    return Verdict(Charge.YES, Remedy.EMPTY, "empty", words)


def _unknown(h: CallEvidence) -> Verdict:
    """Say what came is whole and no answer of the API: a task, a chat, another kind of error; perhaps charged."""
    words = f"no answer of the Images API came: {h.quote}" if h.quote else "no answer of the Images API came"
    return Verdict(Charge.MAYBE, Remedy.UNCERTAIN, UNKNOWN, redacted(words, h.secrets))


def _broken(h: CallEvidence) -> str:
    if h.trouble and h.trouble not in {TransportError.DISCONNECTED, TransportError.BAD_HTTP}:
        return h.trouble.value
    if h.body is BodyKind.EMPTY and not h.trouble:
        return "empty_body"
    # A body that begins like an answer and ends early broke off; any other is no answer.
    return "truncated" if h.trouble or h.body is not BodyKind.OTHER else "undecodable"


def _complained(h: CallEvidence) -> Verdict:
    """Map an error inside a success as if it were the status; perhaps charged, so never repeated for free."""
    verdict = _by_complaint(h) or _by_number(h)
    if verdict is None and h.complaint and h.complaint.bare:
        return _unknown(h)
    verdict = verdict or Verdict(Charge.MAYBE, Remedy.UNCERTAIN, _code(h, "error_in_answer"), _words(h))
    remedy = verdict.remedy
    if remedy in {Remedy.WAIT, Remedy.RETRY, Remedy.RESEND}:
        remedy = Remedy.UNCERTAIN
    return replace(verdict, charge=Charge.MAYBE, remedy=remedy)


def _by_number(h: CallEvidence) -> Verdict | None:
    """Judge an error whose code is the status with which other calls are turned away; None for any other."""
    names = [name for found in _layers(h) for name in found.names]
    status = next((int(name) for name in names if name in _TURNED_AWAY), None)
    if status is None:
        return None
    return replace(_client_fault(replace(h, status=status), status), message=_words(h))


def _refused(h: CallEvidence) -> Verdict:
    status = h.status or 0
    if _cause(h) in _IN_ITS_PLACE:
        return _client_fault(h, status)
    if h.complaint and (verdict := _by_complaint(h)):
        charge = _charge(h, verdict)
        waits = verdict.remedy is Remedy.WAIT and charge is Charge.MAYBE
        return replace(verdict, charge=charge, remedy=Remedy.UNCERTAIN if waits else verdict.remedy)
    if status >= 500:
        return _failed(h, status)
    return _client_fault(h, status)


def _charge(h: CallEvidence, verdict: Verdict) -> Charge:
    """Add what the status says about the charge of a complaint that was understood."""
    status = h.status or 0
    if status < 500 or verdict.charge is Charge.MAYBE:
        return verdict.charge
    return _failed(h, status).charge


def _by_complaint(h: CallEvidence) -> Verdict | None:
    """Judge by the error's own code and words, whatever the status, then by those of the errors around it.

    None when none of them decides.
    """
    verdict = next((verdict for found in _layers(h) if (verdict := _by_error(h, found))), None)
    return _limited(h, h.complaint) if verdict is None and h.status == 429 and h.complaint else verdict


def _layers(h: CallEvidence) -> tuple[ApiError, ...]:
    return h.complaint.layers if h.complaint else ()


def _by_error(h: CallEvidence, found: ApiError) -> Verdict | None:
    known, words = wording(), _words(h)
    if known.moderation.named(*found.names) or known.moderation.said(found.message):
        return _moderated(h, found)
    no_money = known.money.named(*found.names)
    if (no_money or known.money.said(found.message)) and not (h.status == 429 and _wait(h) is not None):
        return Verdict(Charge.NO, Remedy.STOP_ACCOUNT, no_money or "insufficient_quota", words)
    if known.rate.named(*found.names):
        return _limited(h, found)
    if code := _shut_out(h, found):
        return Verdict(Charge.NO, Remedy.PROBE_ACCOUNT, _code(h, code), words)
    if 200 <= (h.status or 0) < 300 and known.request.named(*found.names):
        return Verdict(Charge.NO, Remedy.FAIL_JOB, _code(h, "invalid_request"), words, cause=_model_cause(h))
    return None


def _shut_out(h: CallEvidence, found: ApiError) -> str:
    """Return a code for a key, or an account, that is refused whatever it asks for; empty for any other error.

    What blames a parameter may quote it, so its words say nothing of the account.
    """
    known, status = wording(), h.status or 0
    by_words = status in {400, 401} or 200 <= status < 300
    wrong_key = known.key.named(*found.names) or (by_words and known.key.said(found.message))
    if wrong_key and status not in {403, 404, 429}:
        return "invalid_api_key"
    barred = known.barred.named(*found.names) or (not found.param and known.barred.said(found.message))
    return "account_barred" if barred and status not in {403, 429} else ""


def _model_cause(h: CallEvidence) -> Cause:
    """Say whether an error is about the model alone: it is unknown, retired, or not open to this key."""
    known = wording().model
    is_it = any(
        found.param == "model" or known.named(*found.names) or known.said(found.message) for found in _layers(h)
    )
    return Cause.NO_MODEL if is_it else Cause.NONE


def _moderated(h: CallEvidence, found: ApiError) -> Verdict:
    drawn = found.stage == "output" or wording().moderation.after_drawing(f"{found.code} {found.message}")
    early = found.stage == "input" or (not drawn and h.seconds < MODERATED_EARLY)
    charge = Charge.NO if early else Charge.MAYBE
    categories = tuple(redacted(name, h.secrets, 60) for name in found.categories)
    return Verdict(charge, Remedy.MODERATED, "moderation_blocked", _words(h), categories=categories)


def _limited(h: CallEvidence, found: ApiError) -> Verdict:
    if _NO_ACCESS.search(found.message):
        return Verdict(Charge.NO, Remedy.STOP_ACCOUNT, "no_access", _words(h), cause=Cause.NO_MODEL)
    code = "slow_down" if found.code == "slow_down" else "rate_limit"
    return Verdict(Charge.NO, Remedy.WAIT, code, _words(h), retry_after=_wait(h))


def _failed(h: CallEvidence, status: int) -> Verdict:
    """Judge a server's failure: free only when nothing can have been drawn."""
    code = f"http_{status}"
    if status in _UNREACHED:
        return Verdict(Charge.NO, Remedy.RETRY, code, _words(h), retry_after=_wait(h))
    if status in _OVERLOADED and h.body is BodyKind.JSON and h.seconds < OVERLOADED_EARLY:
        return Verdict(Charge.NO, Remedy.RETRY, code, _words(h), retry_after=_wait(h), cause=_model_cause(h))
    return Verdict(Charge.MAYBE, Remedy.UNCERTAIN, code, _words(h), retry_after=_wait(h))


def _client_fault(h: CallEvidence, status: int) -> Verdict:
    words = _words(h)
    if 300 <= status < 400:
        where = redacted(h.headers.get("location", "nowhere"), h.secrets, 150)
        return Verdict(Charge.NO, Remedy.STOP_CONFIG, f"http_{status}", f"the base URL redirects to {where}")
    if status == 429:
        return Verdict(Charge.NO, Remedy.WAIT, "rate_limit", words, retry_after=_wait(h))
    if status == 402:
        return Verdict(Charge.NO, Remedy.STOP_ACCOUNT, _code(h, "http_402"), words)
    if status in _ABOUT_MODEL and _model_cause(h):
        remedy = Remedy.PROBE_ACCOUNT if status in _OF_ACCOUNT else Remedy.STOP_CONFIG
        return Verdict(Charge.NO, remedy, _code(h, "model_not_found"), words, cause=Cause.NO_MODEL)
    if status in _OF_ACCOUNT:
        return Verdict(Charge.NO, Remedy.PROBE_ACCOUNT, _code(h, f"http_{status}"), words)
    if _cause(h) in _IN_ITS_PLACE:
        return Verdict(Charge.NO, Remedy.STOP_CONFIG, f"http_{status}", words)
    if status in _REFUSED:
        return _request_fault(h, status)
    return Verdict(Charge.MAYBE, Remedy.UNCERTAIN, f"http_{status}", words, retry_after=_wait(h))


def _request_fault(h: CallEvidence, status: int) -> Verdict:
    """Judge what was wrong with a request; an image that it names and nobody can have is the job's own fault."""
    known, param = wording().input, h.complaint.param if h.complaint else ""
    if any(known.named(*found.names) or known.said(found.message) for found in _layers(h)):
        return Verdict(Charge.NO, Remedy.FAIL_JOB, TransportError.INPUT.value, _words(h), blames=True)
    return Verdict(Charge.NO, Remedy.FAIL_JOB, _code(h, f"http_{status}"), _words(h), blames=bool(param))


def _was_served(status: int) -> bool:
    """Whether a provider that bills every sent call would bill this one: not when it turned it away at the door."""
    return status not in _AT_THE_DOOR and status >= 400 and status not in _UNREACHED


def _wait(h: CallEvidence) -> float | None:
    found = h.complaint
    return retry_after(h.headers, found.message if found else "", h.now, found.wait if found else None)


def _code(h: CallEvidence, otherwise: str) -> str:
    """Take the provider's own code where it is a plain name, and no secret."""
    code = redacted(h.complaint.code, h.secrets) if h.complaint else ""
    return code if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]{1,59}", code) else otherwise


_BODIES = {
    BodyKind.HTML: "with a web page",
    BodyKind.EMPTY: "without a word",
    BodyKind.OTHER: "with something unreadable",
}


def _words(h: CallEvidence) -> str:
    """Find what to tell people: the provider's words, else ours."""
    status = f"HTTP {h.status}" if h.status and not 200 <= h.status < 300 else ""
    said = h.complaint.message or h.complaint.code or h.complaint.type if h.complaint else ""
    if h.complaint and h.complaint.param:
        said += f" (param: {h.complaint.param})"
    kind = _BODIES.get(h.body, "") if status and not said else ""
    return redacted(" ".join(piece for piece in (said, h.detail, status, kind) if piece), h.secrets)
