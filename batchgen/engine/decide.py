"""What follows from one finished try of a call: a pure decision, no waiting and no books."""

from dataclasses import dataclass, replace

from batchgen.model import (
    Attempt,
    AttemptState,
    Cause,
    Charge,
    CostFlag,
    OnUncertain,
    Reason,
    ReasonCode,
    Receipt,
    Remedy,
    Retry,
    Settlement,
    SlotState,
    Stop,
    StopKind,
    StoredImage,
    Verdict,
)
from batchgen.money import exact
from batchgen.numerous import numerous

PAID = frozenset({AttemptState.SETTLED, AttemptState.CHARGED_NO_RESULT})
FREE = frozenset({AttemptState.NOT_SENT, AttemptState.NOT_CHARGED})
MOST_RESENDS = 8
MOST_MODERATED = 1
MOST_EMPTY = 1
_OF_PROVIDER = frozenset(
    {*(Remedy.RESEND, Remedy.RETRY, Remedy.FAIL_JOB), *(Remedy.PROBE_ACCOUNT, Remedy.STOP_ACCOUNT, Remedy.STOP_CONFIG)}
)
"""What one provider says, and another may see otherwise."""
_OTHER_THAN_ASKED = frozenset({CostFlag.MODEL_MISMATCH, CostFlag.SIZE_MISMATCH, CostFlag.QUALITY_MISMATCH})
_HALTS = {
    Remedy.PROBE_ACCOUNT: StopKind.ACCOUNT,
    Remedy.STOP_ACCOUNT: StopKind.ACCOUNT,
    Remedy.STOP_CONFIG: StopKind.CONFIG,
}


@numerous
@dataclass(frozen=True, slots=True)
class Tally:
    """What one call has been through, in this run and, where it counts over runs, in those before."""

    tries: int = 0
    resends: int = 0
    uncertain: int = 0
    moderated: int = 0
    empty: int = 0
    last_code: str = ""

    def after(self, verdict: Verdict) -> "Tally":
        """Return the tally with one more finished try in it; unsent calls and rate limits are not tries."""
        counted = {
            Remedy.RESEND: {"resends": self.resends + 1},
            Remedy.WAIT: {},
            Remedy.UNCERTAIN: {"tries": self.tries + 1, "uncertain": self.uncertain + 1},
            Remedy.MODERATED: {"tries": self.tries + 1, "moderated": self.moderated + 1},
            Remedy.EMPTY: {"tries": self.tries + 1, "empty": self.empty + 1},
        }.get(verdict.remedy, {"tries": self.tries + 1})
        return replace(self, **counted, last_code=verdict.code)


@dataclass(frozen=True, slots=True)
class Again:
    """Make the call once more, after the wait that its provider asks for where it is `as_told`."""

    as_told: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over: its open slots get this state, and perhaps its provider is not to be asked any more.

    `elsewhere`: nothing was or may have been charged for it, so that another provider may be asked instead.
    """

    slots: SlotState
    reason: Reason
    stop: Stop | None = None
    elsewhere: bool = False


Next = Again | Over


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user allows: the retry policy, what to do when uncertain, and whether risk may still be taken."""

    retry: Retry
    on_uncertain: OnUncertain
    may_risk: bool = True


def state_of(receipt: Receipt) -> AttemptState:
    """Return the state in which the books close an attempt."""
    verdict = receipt.verdict
    if verdict.remedy is Remedy.RESEND:
        return AttemptState.NOT_SENT
    match verdict.charge:
        case Charge.NO:
            return AttemptState.NOT_CHARGED
        case Charge.MAYBE:
            return AttemptState.AT_RISK
        case Charge.YES:
            return AttemptState.SETTLED if receipt.came else AttemptState.CHARGED_NO_RESULT


def cautious(verdict: Verdict) -> Verdict:
    """Give a failure to be repeated for free that may have been charged, as where a provider bills every call."""
    doubtful = verdict.charge is not Charge.NO and verdict.remedy in {Remedy.RESEND, Remedy.WAIT, Remedy.RETRY}
    return replace(verdict, remedy=Remedy.UNCERTAIN) if doubtful else verdict


def for_breaker(verdict: Verdict) -> Remedy:
    """Say how a finished try counts for the breaker: moderation that was charged brought nothing for money."""
    charged = verdict.remedy is Remedy.MODERATED and verdict.charge is not Charge.NO
    return Remedy.EMPTY if charged else verdict.remedy


def may_be_false_alarm(verdict: Verdict, before: Tally) -> bool:
    """Whether a prompt was moderated for money for the first time: its second try is what counts for the breaker."""
    return not before.moderated and for_breaker(verdict) is Remedy.EMPTY and verdict.remedy is Remedy.MODERATED


def unproven(verdict: Verdict) -> Verdict:
    """Judge a web page in an answer's place while this provider has never brought an image: its address is wrong."""
    if verdict.cause is not Cause.WEB_PAGE:
        return verdict
    return replace(verdict, charge=Charge.NO, remedy=Remedy.STOP_CONFIG)


def decide(verdict: Verdict, before: Tally, policy: Policy) -> Next:
    """Say what follows from a try that brought no image; `before` is the tally without it."""
    now = before.after(verdict)
    spent_tries = now.tries >= policy.retry.attempts
    match verdict.remedy:
        case Remedy.RESEND:
            return Again() if now.resends < MOST_RESENDS else _unreachable(verdict)
        case Remedy.WAIT:
            return Again(as_told=True)
        case Remedy.RETRY:
            return _given_up(verdict) if spent_tries else Again(as_told=True)
        case Remedy.UNCERTAIN:
            return _uncertain(verdict, before, now, policy)
        case Remedy.MODERATED | Remedy.EMPTY:
            return _without_image(verdict, now, policy)
        case Remedy.PROBE_ACCOUNT | Remedy.STOP_ACCOUNT | Remedy.STOP_CONFIG:
            return Over(SlotState.NOT_STARTED, _because(ReasonCode.UNAVAILABLE, verdict), halt(verdict))
        case Remedy.FAIL_JOB | Remedy.NONE:
            return Over(SlotState.FAILED, _because(ReasonCode.REFUSED, verdict))


def _given_up(verdict: Verdict) -> Over:
    """Say how a call ends after every try: without its own input, or a model that is there, it was never started."""
    if verdict.blames:
        return Over(SlotState.NOT_STARTED, _because(ReasonCode.INPUT, verdict))
    if verdict.cause is Cause.NO_MODEL:
        return Over(SlotState.NOT_STARTED, _because(ReasonCode.UNAVAILABLE, verdict), _stop(StopKind.CONFIG, verdict))
    return Over(SlotState.FAILED, _because(ReasonCode.TRANSIENT, verdict))


def may_move(verdict: Verdict) -> bool:
    """Whether a call that failed so for good may be made at another provider: it was free, and no answer about it."""
    return verdict.charge is Charge.NO and verdict.remedy in _OF_PROVIDER


def _unreachable(verdict: Verdict) -> Over:
    reason = _because(ReasonCode.UNAVAILABLE, verdict)
    why = verdict.cause.what or "the provider cannot be reached"
    return Over(SlotState.NOT_STARTED, reason, Stop(StopKind.UNAVAILABLE, why, reason.words, verdict.cause))


def _without_image(verdict: Verdict, now: Tally, policy: Policy) -> Next:
    """Say what follows from an answer that refuses or brings nothing: it is asked for a few times more."""
    tries_left = now.tries < policy.retry.attempts
    if verdict.remedy is Remedy.MODERATED:
        risky = verdict.charge is Charge.MAYBE and not _may_risk(policy)
        once_more = now.moderated <= MOST_MODERATED and tries_left and not risky
        return Again() if once_more else Over(SlotState.MODERATED, _because(ReasonCode.MODERATED, verdict))
    once_more = now.empty <= MOST_EMPTY and tries_left and _may_risk(policy)
    return Again() if once_more else Over(SlotState.FAILED, _because(ReasonCode.UNUSABLE, verdict))


def halt(verdict: Verdict) -> Stop | None:
    """Why a verdict ends the whole run, or what it is about, at once: key, quota, permission, address or model."""
    kind = _HALTS.get(verdict.remedy)
    if kind is None and verdict.remedy is Remedy.FAIL_JOB and verdict.cause is Cause.NO_MODEL:
        kind = StopKind.CONFIG  # that call may have been charged, and is its job's last one
    return _stop(kind, verdict) if kind else None


def _stop(kind: StopKind, verdict: Verdict) -> Stop:
    if verdict.cause:
        return Stop(kind, verdict.cause.what, _because(ReasonCode.UNAVAILABLE, verdict).words, verdict.cause)
    return Stop(kind, verdict.code, verdict.message)


def mismatch(image: StoredImage) -> Reason | None:
    """Why an image may not be taken: what of it is not as asked; None when all is."""
    return Reason(ReasonCode.MISMATCH, detail=", ".join(image.mismatches)) if image.mismatches else None


def _because(code: ReasonCode, verdict: Verdict) -> Reason:
    return Reason(code, verdict.code, verdict.message)


def _may_risk(policy: Policy) -> bool:
    return policy.may_risk and policy.on_uncertain is OnUncertain.RETRY


def _uncertain(verdict: Verdict, before: Tally, now: Tally, policy: Policy) -> Next:
    same_again = before.uncertain > 0 and before.last_code == verdict.code and verdict.code != "timeout"
    allowed = (
        _may_risk(policy)
        and now.uncertain <= policy.retry.max_uncertain
        and now.tries < policy.retry.attempts
        and not same_again
    )
    if allowed:
        return Again()
    if verdict.charge is Charge.YES:
        return Over(SlotState.FAILED, _because(ReasonCode.UNUSABLE, verdict))
    return Over(SlotState.UNCERTAIN, _because(ReasonCode.HELD, verdict))


def too_dear(attempt: Attempt, settlement: Settlement, receipt: Receipt) -> Stop | None:
    """Whether a call cost more than its upper bound: then the price table is wrong, and so is every reservation.

    Unless it is dear because something else came than was asked: another model, size or quality, or more images.
    """
    if CostFlag.PRICE_TOO_LOW not in settlement.flags:
        return None
    more = receipt.quarantine is not None and not receipt.missing
    if more or not _OTHER_THAN_ASKED.isdisjoint(settlement.flags):
        return None
    row = attempt.quote.price.source or attempt.model
    why = (
        f"the price row {row!r} is too low: a call reserved at {exact(attempt.quote.high)} cost "
        f"{exact(settlement.cost)}; correct it under prices: in the manifest"
    )
    return Stop(StopKind.LIMIT, why)
